"""Exceptions from the floor of six months: asked for by one person, confirmed by another, ended by anybody."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import streamlit as st

from tallystick_dashboard.markup import join, tag
from tallystick_dashboard.retention.deciding import (
    confirmation,
    decided,
    decision,
    key_of,
    refusals_shown,
    required,
    why_field,
)
from tallystick_dashboard.retention.desk import Desk
from tallystick_dashboard.retention.holds import first_moment_us
from tallystick_dashboard.retention.rows import draw_row
from tallystick_dashboard.retention.told import course, day, id_of, state
from tallystick_dashboard.text import safe
from tallystick_dashboard.trace.action import Shape

EVERY_DELETION: Final = "every deletion"
_DECISIONS: Final = {"asked": "asked for by", "confirmed": "confirmed by", "revoked": "ended by"}
_USUAL_DAYS: Final = 90
_DURATION_CHARS: Final = 32


def draw_exceptions(desk: Desk, exceptions: Sequence[Shape], classes: Sequence[str]) -> None:
    """Draw the exceptions, the newest first, and the form that asks for one."""
    in_force = sum(one["state"] == "in force" for one in exceptions)
    said = f"{in_force} in force; without one nothing younger than six calendar months is deleted"
    st.html(tag("h2", "Exceptions from the floor", tag("small", said), cls="ts-h2"))
    for one in exceptions:
        _draw_exception(desk, one)
    if desk.may("retain"):
        _ask_form(desk, classes)


def _draw_exception(desk: Desk, one: Shape) -> None:
    of = EVERY_DELETION if one["class_name"] is None else f"class {safe(one['class_name'], 80)}"
    with draw_row(
        f"exception-{one['id']}",
        join(
            state(one["state"]),
            id_of(one),
            tag("strong", f"{one['keep']} for {of}"),
            tag("span", f"until {day(one['until_us'])} UTC", cls="ts-term"),
        ),
        course(one, _DECISIONS),
    ):
        _buttons(desk, one)


def _buttons(desk: Desk, one: Shape) -> None:
    if one["state"] == "waiting":
        confirmation(
            desk,
            one["requested_by"],
            f"exception-{one['id']}",
            "It deletes nothing itself: deletions that are asked for from then on may go below six months.",
            lambda why: desk.confirm_exception(one, why),
        )
    if one["state"] in ("waiting", "in force") and desk.may("retain"):
        decision(
            "End" if one["state"] == "in force" else "Turn down",
            f"revoke-{one['id']}",
            "What was confirmed while it was in force stays deleted.",
            lambda why: desk.revoke(one, why),
            is_primary=False,
        )


def _ask_form(desk: Desk, classes: Sequence[str]) -> None:
    with st.expander("Ask for an exception"), st.form(key_of("exception"), border=False):
        st.html(
            tag(
                "p",
                "Where other law asks for less than six months. It is signed, confirmed by another person, and "
                "the verifier names each deletion that went by it.",
                cls="ts-note",
            )
        )
        first, second, third = st.columns(3)
        chosen = first.selectbox("For", [EVERY_DELETION, *classes], key=key_of("exception-class"))
        keep = second.text_input(
            "Keep (ISO 8601, such as P1M)", key=key_of("exception-keep"), max_chars=_DURATION_CHARS
        )
        usual = (datetime.now(UTC) + timedelta(days=_USUAL_DAYS)).date()
        until = third.date_input(
            "Ends (UTC)", usual, key=key_of("exception-until"), format="YYYY-MM-DD"
        )
        why = why_field("exception")
        is_said = st.form_submit_button("Ask for the exception", type="primary")
        if is_said and required({"Keep": (keep or "").strip(), "Why": why}):
            class_name = None if chosen == EVERY_DELETION else chosen
            with refusals_shown("The exception was not asked for"):
                desk.ask_exception(class_name, (keep or "").strip(), first_moment_us(until), why)
                decided("The exception is asked for: it waits for another person.")
