"""Actions: every tool call, newest first, by filters that stand in the address; each leads to its trace."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import streamlit as st

from tallystick_dashboard import names
from tallystick_dashboard.amounts import duration, moment
from tallystick_dashboard.client import ActionPage, Client, Person
from tallystick_dashboard.figures import Column, table
from tallystick_dashboard.icons import icon
from tallystick_dashboard.markup import Child, Markup, join, tag
from tallystick_dashboard.period import period_of
from tallystick_dashboard.shell import empty
from tallystick_dashboard.states import OUTCOMES, SEALINGS, outcome, sealing
from tallystick_dashboard.text import safe, short

Row = Mapping[str, Any]

ANY: Final = "any"
BEFORE: Final = "before"
PEOPLE_AND_THINGS: Final = ("tool", "agent", "principal")
CHOICES: Final = {"outcome": (ANY, *OUTCOMES), "sealing": (ANY, *SEALINGS)}
MAX_FILTER_CHARS: Final = 256
_MOMENT_CHARS: Final = len("2026-11-22 19:12:03.123")
_SECOND_CHARS: Final = len("2026-11-22 19:12:03")
_CELL_CHARS: Final = 200
_PSEUDONYM_CHARS: Final = 32

COLUMNS: Final = (
    Column("Time (UTC)", "172px"),
    Column("Outcome", "96px"),
    Column("Tool", "20%"),
    Column("Server", "11%"),
    Column("Agent", "15%"),
    Column("Principal", "22%"),
    Column("Duration", "80px", is_number=True),
    Column("Masked", "64px", is_number=True),
    Column("Record", "104px"),
)
_CLASSES: Final = ("ts-nowrap ts-mono", "", "ts-cut", "ts-cut", "ts-cut", "ts-cut", "ts-nowrap")


def draw(client: Client, person: Person) -> None:
    """Draw the page."""
    query = _filters()
    before = st.query_params.get(BEFORE)
    reason = names.control(person, query, "in the column Principal")
    page = client.because(reason).actions(query, before=before)
    rows = page.frame.to_dicts()
    _pager(page, rows, before)
    with st.container(key="actions_table"):
        if rows:
            st.html(
                table(COLUMNS, [_cells(row) for row in rows], "Actions, newest first", _CLASSES)
            )
        else:
            _nothing(page, before)
    if rows and page.before is not None:
        st.html(tag("a", "Older", icon("right"), href=_address(page.before), cls="ts-button"))
    command = _command(query, has_names=reason is not None)
    if command:
        st.html(
            tag(
                "p",
                "The same list in a terminal: ",
                tag("code", command, cls="ts-command"),
                cls="ts-note",
            )
        )


def _filters() -> dict[str, str]:
    """Let the person choose; every choice stands in the address."""
    with st.container(key="filters"):
        places = st.columns([1, 2, 2, 2, 1.4, 1.4])
        with places[0]:
            query = {"from": period_of("24h", on_change=_to_newest).since}
        for name, place in zip(PEOPLE_AND_THINGS, places[1:4], strict=True):
            with place:
                value = st.text_input(
                    name.capitalize(),
                    key=name,
                    max_chars=MAX_FILTER_CHARS,
                    placeholder="any",
                    on_change=_to_newest,
                    bind="query-params",
                )
            query[name] = (value or "").strip()
        for (name, options), place in zip(CHOICES.items(), places[4:], strict=True):
            with place:
                chosen = st.selectbox(
                    {"sealing": "Record"}.get(name, name.capitalize()),
                    options,
                    key=name,
                    on_change=_to_newest,
                    bind="query-params",
                )
            query[name] = "" if chosen == ANY else str(chosen)
    return query


def _to_newest() -> None:
    """Start again with the newest page: a cursor belongs to the filters that it was made with."""
    st.query_params.pop(BEFORE, None)


def _nothing(page: ActionPage, before: str | None) -> None:
    if page.before is not None:
        empty("Nothing on this page fits the filters. There are older ones.")
    elif before is not None:
        empty("There is nothing older.")
    else:
        empty(
            "No action that fits these filters is recorded in this period. Record the tool calls of a "
            "program with:",
            "tallystick run -- python agent.py",
        )


def _pager(page: ActionPage, rows: Sequence[Row], before: str | None) -> None:
    with st.container(key="pager", horizontal=True, vertical_alignment="center"):
        if before is not None:
            st.button("Newest", key="newest", on_click=_to_newest)
        if page.before is not None:
            st.button("Older", key="older", on_click=_go_before, args=(page.before,))
        if rows:
            st.html(tag("p", _extent(rows, has_more=page.before is not None), cls="ts-note"))


def _extent(rows: Sequence[Row], *, has_more: bool) -> str:
    """Say how much of the list is here; by the clocks of those who recorded it."""
    newest, oldest = (moment(rows[at]["time_us"])[:_SECOND_CHARS] for at in (0, -1))
    count = "1 action" if len(rows) == 1 else f"{len(rows):,} actions"
    return f"{count}, {newest} back to {oldest} UTC; {'there are older ones' if has_more else 'no older ones'}"


def _address(before: str) -> str:
    """Return the address of the page behind a cursor: from the foot of a list it opens at its head."""
    return "/actions?" + urlencode({**st.query_params.to_dict(), BEFORE: before})


def _go_before(cursor: str) -> None:
    st.query_params[BEFORE] = cursor


def _cells(row: Row) -> tuple[Child, ...]:
    return (
        _linked(row, moment(row["time_us"])[:_MOMENT_CHARS]),
        outcome(row["outcome"]),
        _linked(row, safe(row["tool"], _CELL_CHARS) or row["type"]),
        tag("span", safe(row["server"], _CELL_CHARS), cls="ts-sub"),
        safe(row["agent"], _CELL_CHARS) or _absent(),
        _principal(row),
        "" if row["duration_us"] is None else duration(row["duration_us"]),
        tag("span", f"{row['masked']:,}", cls=None if row["masked"] else "ts-sub"),
        sealing(row["sealing"], row["faults"]),
    )


def _principal(row: Row) -> Markup:
    """Return on whose behalf, and who says so; a pseudonym is shortened, its whole on hover."""
    name = row["principal"]
    if not name:
        return _absent() if row["principal_basis"] in ("", "unknown") else _withheld()
    is_pseudonym = len(name) == _PSEUDONYM_CHARS and name.isalnum()
    shown = tag(
        "span",
        short(name) if is_pseudonym else safe(name, _CELL_CHARS),
        cls="ts-mono" if is_pseudonym else None,
        title=name,
    )
    return join(shown, tag("span", f" {row['principal_basis']}", cls="ts-sub"))


def _withheld() -> Markup:
    return tag(
        "span", "withheld", cls="ts-sub", title="Names take the right to reveal, with a reason"
    )


def _absent() -> Markup:
    return tag("span", "not stated", cls="ts-sub")


def _linked(row: Row, text: str) -> Child:
    """Return a text that leads to the action in its trace, where it has one."""
    if not row["trace_id"]:
        return text
    query = {"id": row["trace_id"], **({"span": row["span_id"]} if row["span_id"] else {})}
    return tag("a", text, href=f"/trace?{urlencode(query)}")


def _command(query: Mapping[str, str], *, has_names: bool) -> str | None:
    """Return the command that lists the same; None where a filter could not be typed."""
    words = ["tallystick", "actions"]
    for name, value in query.items():
        if value and name != "sealing":
            words += [f"--{name}", value]
    if query.get("sealing") or any(safe(word) != word for word in words):
        return None
    return shlex.join([*words, *(("--reason", "WHY") if has_names else ())])
