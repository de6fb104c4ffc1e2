"""Figures: tiles that say a number and lead to what it counts, bars over time, tables with real links."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

from tallystick_dashboard.icons import icon
from tallystick_dashboard.markup import Child, Markup, tag

Shape = Mapping[str, Any]
Tone = Literal["plain", "warn", "bad"]

HOUR_US: Final = 3_600_000_000
MANY_COLUMNS: Final = 6
"""A table with more of them is scrolled sideways rather than squeezed."""
MAX_BARS: Final = 168
"""A week by the hour; longer periods are drawn by several hours a bar."""
_US: Final = 1_000_000
_CHART_PX: Final = 104


class Tile(NamedTuple):
    """One number; `tone` is how it looks when it is not zero."""

    label: str
    value: int
    meaning: str
    tone: Tone = "plain"
    link: str | None = None


class Column(NamedTuple):
    """Head of a column: its width is a CSS width, its cells may be numbers."""

    title: str
    width: str = ""
    is_number: bool = False


def tiles(found: Iterable[Tile]) -> Markup:
    """Return numbers side by side."""
    return tag("div", *map(_tile, found), cls="ts-tiles")


def _tile(tile: Tile) -> Markup:
    is_calm = tile.value == 0 or tile.tone == "plain"
    image = None if is_calm else icon("warn" if tile.tone == "warn" else "failed")
    value = tag("span", f"{tile.value:,}", cls=None if tile.value else "ts-zero")
    return tag(
        "a" if tile.link else "div",
        tag("span", tile.label, cls="ts-label"),
        tag("span", image, value, cls="ts-value"),
        cls="ts-tile" if is_calm else f"ts-tile ts-{tile.tone}",
        href=tile.link,
        title=tile.meaning,
    )


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Child]],
    label: str,
    classes: Sequence[str] = (),
) -> Markup:
    """Return a table; `label` is what readers of screens hear, `classes` one per column."""
    marks = [*classes, *([""] * (len(columns) - len(classes)))]
    kinds = [
        " ".join(part for part in ("ts-num" if one.is_number else "", mark) if part) or None
        for one, mark in zip(columns, marks, strict=True)
    ]
    head = tag(
        "tr",
        *(
            tag(
                "th",
                one.title,
                scope="col",
                cls="ts-num" if one.is_number else None,
                style=f"width: {one.width}" if one.width else None,
            )
            for one in columns
        ),
    )
    body = [
        tag("tr", *(tag("td", cell, cls=kind) for cell, kind in zip(row, kinds, strict=True)))
        for row in rows
    ]
    look = "ts-table ts-wide" if len(columns) > MANY_COLUMNS else "ts-table"
    drawn = tag("table", tag("thead", head), tag("tbody", *body), cls=look, aria_label=label)
    return tag("div", drawn, cls="ts-scroll", tabindex=0, role="group", aria_label=label)


def share(part: int, whole: int) -> Markup:
    """Return a bar as long as a part of the whole."""
    percent = 0 if not whole else round(100 * part / whole)
    return tag("span", tag("i", style=f"width: {percent}%"), cls="ts-share", aria_hidden="true")


def bars(hours: Sequence[Shape], from_us: int, to_us: int) -> Markup:
    """Draw actions by the hour between two moments; hours in which nothing happened are empty."""
    slots = _slots(hours, from_us, to_us)
    most = max((slot["actions"] for slot in slots), default=0)
    legend = tag(
        "div",
        tag("span", tag("i"), "ok"),
        tag("span", tag("i", cls="ts-failed"), "failed"),
        tag("span", tag("i", cls="ts-denied"), "denied"),
        cls="ts-legend",
        aria_hidden="true",
    )
    edges = [slots[0]["from_us"], slots[len(slots) // 2]["from_us"], slots[-1]["to_us"]]
    said = (
        f"Actions over time: {sum(slot['actions'] for slot in slots):,} in all, "
        f"at most {most:,} in {_width(slots[0])}"
    )
    return tag(
        "div",
        tag("span", f"most: {most:,} in {_width(slots[0])}", cls="ts-top", aria_hidden="true"),
        legend,
        tag("div", *(_bar(slot, most) for slot in slots), cls="ts-bars"),
        tag(
            "div", *(tag("span", _hour(edge)) for edge in edges), cls="ts-axis", aria_hidden="true"
        ),
        cls="ts-chart",
        role="img",
        aria_label=said,
    )


def _slots(hours: Sequence[Shape], from_us: int, to_us: int) -> list[dict[str, int]]:
    first, last = from_us // HOUR_US, max(from_us // HOUR_US, (to_us - 1) // HOUR_US)
    step = -(-(last - first + 1) // MAX_BARS)
    slots = [
        {
            "from_us": at * HOUR_US,
            "to_us": (at + step) * HOUR_US,
            "actions": 0,
            "failed": 0,
            "denied": 0,
        }
        for at in range(first, last + 1, step)
    ]
    for hour in hours:
        place = (hour["hour_us"] // HOUR_US - first) // step
        if 0 <= place < len(slots):
            for name in ("actions", "failed", "denied"):
                slots[place][name] += hour[name]
    return slots


def _bar(slot: Mapping[str, int], most: int) -> Markup:
    fine = slot["actions"] - slot["failed"] - slot["denied"]
    parts = (("ts-denied", slot["denied"]), ("ts-failed", slot["failed"]), (None, fine))
    said = (
        f"{_hour(slot['from_us'])} UTC, {_width(slot)}: {slot['actions']:,} actions, "
        f"{slot['failed']:,} failed, {slot['denied']:,} denied"
    )
    drawn = [
        tag("i", cls=kind, style=f"height: {max(2, round(_CHART_PX * count / most))}px")
        for kind, count in parts
        if count > 0
    ]
    return tag("div", *drawn, cls="ts-bar", title=said)


def _width(slot: Mapping[str, int]) -> str:
    count = (slot["to_us"] - slot["from_us"]) // HOUR_US
    return "an hour" if count == 1 else f"{count} h"


def _hour(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / _US, UTC).strftime("%m-%d %H:%M")
