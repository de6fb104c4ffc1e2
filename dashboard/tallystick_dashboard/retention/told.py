"""Requests, holds and exceptions in words: what is meant, who decided, where it stands, and what was said."""

from collections.abc import Mapping
from typing import Final

from tallystick_dashboard.amounts import moment
from tallystick_dashboard.icons import Icon
from tallystick_dashboard.markup import Markup, join, tag
from tallystick_dashboard.retention.deciding import FILTERS
from tallystick_dashboard.states import calm, odd, verdict
from tallystick_dashboard.text import safe, short
from tallystick_dashboard.trace.action import Shape
from tallystick_dashboard.trace.record import absence_of

_MINUTES: Final = len("2026-11-22 19:12")
_STATES: Final[Mapping[str, tuple[str, Icon]]] = {
    "waiting": ("odd", "clock"),
    "confirmed": ("calm", "clock"),
    "being carried out": ("calm", "clock"),
    "carried out": ("fine", "ok"),
    "in force": ("fine", "ok"),
    "released": ("calm", "ok"),
    "withdrawn": ("calm", "denied"),
    "revoked": ("calm", "denied"),
    "expired": ("calm", "unknown"),
    "over": ("calm", "unknown"),
}
_NAMES: Final[Mapping[str, str]] = {
    **{name: label.lower() for name, label in FILTERS.items()},
    "class": "class",
    "before_us": "received before",
    "from_us": "received from",
    "to_us": "received before",
    "below": "up to log index",
    "log_index": "record",
}
_TIMES: Final = ("before_us", "from_us", "to_us")


def day(time_us: int | None) -> str:
    """Write a moment to the minute."""
    return moment(time_us)[:_MINUTES]


def state(word: str) -> Markup:
    """Return where something stands, as icon and word."""
    look, image = _STATES.get(word, ("odd", "unknown"))
    if look == "fine":
        return verdict(word, is_fine=True)
    return odd(word, image) if look == "odd" else calm(word, image)


def meant(filter_: Mapping[str, str]) -> Markup:
    """Return what a filter means, as terms; without any it means everything."""
    if not filter_:
        return tag("span", "everything", cls="ts-term")
    return join(
        *(
            tag("span", f"{_NAMES.get(name, safe(name))}: {_value(name, value)}", cls="ts-term")
            for name, value in filter_.items()
        )
    )


def _value(name: str, value: str) -> str:
    is_time = name in _TIMES and value.isascii() and value.isdigit()
    return f"{day(int(value))} UTC" if is_time else safe(value, 120)


def who(words: Shape | None) -> Markup | None:
    """Return who decided, when and why, or why that is not shown; None where nothing was decided."""
    if words is None:
        return None
    name = words["by_name"] or words["by"]
    said = [safe(words[key], 400) for key in ("name", "reason") if words[key]]
    why = f": {' — '.join(said)}" if said else ""
    rest = "" if words["absent"] is None else f" ({absence_of(words)})"
    return tag(
        "span",
        tag("strong", safe(name, 80)),
        f", {day(words['at_us'])} UTC{why}",
        tag("span", rest, cls="ts-sub") if rest else None,
        title=words["by"],
    )


def course(one: Shape, decisions: Mapping[str, str]) -> Markup:
    """Return what was decided, a line for each decision: the word, then who, when and why."""
    lines = [
        tag("li", f"{word} ", said)
        for member, word in decisions.items()
        if (said := who(one[member])) is not None
    ]
    return tag("ul", *lines, cls="ts-course")


def amount(request: Shape) -> str:
    """Say how much a request is about, and how much of it went."""
    what = "values of " if request["kind"] == "values" else ""
    entries = f"{what}{request['count']:,} {'entry' if request['count'] == 1 else 'entries'}"
    done = request["done"]
    if done is None:
        is_held = request["left"] > 0 and request["kind"] == "records"
        left = (
            f"{request['left']:,} still to go (a hold, or an erasure that comes first, keeps them)"
        )
        return f"{entries}; {left}" if is_held else entries
    if done["events"] is None:
        return f"{entries}; gone on {day(done['at_us'])} UTC"
    return (
        f"{entries}; of {done['events']:,} records and {done['spans']:,} spans gone on"
        f" {day(done['at_us'])} UTC"
    )


def id_of(one: Shape) -> Markup:
    """Return the id of something, cut; the whole of it is a title."""
    return tag("span", short(one["id"]), cls="ts-mono", title=one["id"])
