"""Holds: what must stay, who placed and who released it, and the two decisions about it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

import streamlit as st

from tallystick_dashboard.markup import join, tag
from tallystick_dashboard.retention.deciding import (
    MAX_TEXT_CHARS,
    decided,
    decision,
    filter_fields,
    key_of,
    refusals_shown,
    required,
    why_field,
)
from tallystick_dashboard.retention.desk import Desk
from tallystick_dashboard.retention.rows import draw_row
from tallystick_dashboard.retention.told import course, id_of, meant, state
from tallystick_dashboard.trace.action import Shape

_DECISIONS: Final = {"placed": "placed by", "released": "released by"}
_RELEASING_ROLE: Final = "admin"
_US_PER_S: Final = 1_000_000


def draw_holds(desk: Desk, holds: Sequence[Shape]) -> None:
    """Draw the holds, those in force first, and the form that places one."""
    active = [one for one in holds if one["released_index"] is None]
    over = [one for one in holds if one["released_index"] is not None]
    st.html(tag("h2", "Holds", tag("small", f"{len(active)} in force"), cls="ts-h2"))
    if not holds:
        told = "There are no holds: nothing that is due is kept from being deleted."
        st.html(tag("p", told, cls="ts-note"))
    for hold in (*active, *over):
        _draw_hold(desk, hold)
    if desk.may("retain"):
        _place_form(desk)


def _draw_hold(desk: Desk, hold: Shape) -> None:
    is_active = hold["released_index"] is None
    with draw_row(
        f"hold-{hold['id']}",
        join(state("in force" if is_active else "released"), id_of(hold), meant(hold["filter"])),
        course(hold, _DECISIONS),
    ):
        if is_active and may_release(desk, hold):
            decision(
                "Release",
                f"release-{hold['id']}",
                "What it covers may be deleted and erased from then on.",
                lambda why: desk.release(hold, why),
                is_primary=False,
            )


def may_release(desk: Desk, hold: Shape) -> bool:
    """Whether the visitor may end a hold: another person than placed it, or an administrator."""
    is_other = desk.person.id != hold["placed_by"] or desk.person.role == _RELEASING_ROLE
    return desk.may("retain") and is_other


def _place_form(desk: Desk) -> None:
    with st.expander("Place a hold"), st.form(key_of("hold"), border=False):
        st.html(
            tag(
                "p",
                "What it covers stays, with the rest of the same traces, also what comes later, until somebody else "
                "releases it. Without a filter it covers everything. The filter stands in the log for ever: "
                "it must name nobody.",
                cls="ts-note",
            )
        )
        name = st.text_input("Name of the hold", key=key_of("hold-name"), max_chars=MAX_TEXT_CHARS)
        filter_ = filter_fields("hold")
        since, until = st.columns(2)
        with since:
            filter_ |= _moment("from_us", "Received from (UTC)")
        with until:
            filter_ |= _moment("to_us", "Received before (UTC)")
        why = why_field("hold")
        is_said = st.form_submit_button("Place the hold", type="primary")
        if is_said and required({"Name of the hold": (name or "").strip(), "Why": why}):
            with refusals_shown("The hold was not placed"):
                desk.place_hold((name or "").strip(), filter_, why)
                decided("The hold is in force, and on record.")


def _moment(name: str, label: str) -> dict[str, str]:
    day = st.date_input(label, value=None, key=key_of(f"hold-{name}"), format="YYYY-MM-DD")
    return {name: str(first_moment_us(day))} if isinstance(day, date) else {}


def first_moment_us(day: date) -> int:
    """Return when a day begins, in UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * _US_PER_S
