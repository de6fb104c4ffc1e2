"""How a decision is taken on the page: a form that asks why, says what the service refuses, and what was done.

A form is emptied by a new key once its decision is on record; one that was refused stays as it was typed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import streamlit as st

from tallystick_dashboard.client import DashboardError
from tallystick_dashboard.icons import icon
from tallystick_dashboard.markup import tag
from tallystick_dashboard.retention.desk import Desk
from tallystick_dashboard.shell import fault_box
from tallystick_dashboard.text import safe

MAX_REASON_CHARS: Final = 1_000
MAX_TEXT_CHARS: Final = 256
FILTERS: Final[Mapping[str, str]] = {
    "environment": "Environment",
    "agent": "Agent",
    "tool": "Tool",
    "type": "Type of record",
    "session": "Session",
    "trace": "Trace",
    "principal": "Person's pseudonym",
}
"""What a filter may name -> how it is called here; shell patterns but for the last three."""
_DONE: Final = "retention-done"
_COUNT: Final = "retention-count"
_COLUMNS: Final = 4

Decide = Callable[[str], None]
"""decide(why): send a decision; raises DashboardError."""


def show_done() -> None:
    """Say once what was done by the run before."""
    said = st.session_state.pop(_DONE, None)
    if said is not None:
        with st.container(key="retention_done"):
            st.html(tag("p", icon("ok"), f" {said}", cls="ts-done", role="status"))


def key_of(name: str) -> str:
    """Return the key of a widget, another one after each decision: what was typed for that one is gone then."""
    return f"retention-{st.session_state.get(_COUNT, 0)}-{name}"


def decided(said: str) -> None:
    """Remember what to say, and draw the page anew."""
    st.session_state[_DONE] = said
    st.session_state[_COUNT] = st.session_state.get(_COUNT, 0) + 1
    st.rerun(scope="app")


@contextmanager
def refusals_shown(title: str) -> Iterator[None]:
    """Show what the service refuses in place of doing it; what was typed stays."""
    try:
        yield
    except DashboardError as error:
        with st.container(key="refusal"):
            st.html(fault_box("bad", title, str(error), None))


def decision(label: str, name: str, sentence: str, decide: Decide, *, is_primary: bool) -> None:
    """Draw a button that asks why, and takes one decision on what its row shows."""
    with (
        st.popover(label, key=key_of(f"open-{name}")),
        st.form(key_of(f"form-{name}"), border=False),
    ):
        st.html(tag("p", sentence, cls="ts-note"))
        why = why_field(name)
        is_said = st.form_submit_button(label, type="primary" if is_primary else "secondary")
        if is_said and required({"Why": why}):
            with refusals_shown(f"{label}: not done"):
                decide(why)
                decided(f"{label}: done, and on record.")


def confirmation(desk: Desk, requested_by: str, name: str, sentence: str, decide: Decide) -> None:
    """Draw the button that confirms, for who may; whoever asked is told that it takes another person."""
    if not desk.may("delete.confirm"):
        return
    if desk.person.id == requested_by:
        st.html(tag("p", "You asked: another person confirms.", cls="ts-note"))
    else:
        decision("Confirm", f"confirm-{name}", sentence, decide, is_primary=True)


def why_field(name: str) -> str:
    """Ask why; the reason stands in the log for as long as nobody erases it."""
    typed = st.text_input(
        "Why",
        key=key_of(f"why-{name}"),
        max_chars=MAX_REASON_CHARS,
        autocomplete="off",
        placeholder="stands in the log, masked",
    )
    return (typed or "").strip()


def filter_fields(name: str) -> dict[str, str]:
    """Ask which records are meant; return what was filled in."""
    columns = st.columns(_COLUMNS)
    given = {
        field: columns[at % _COLUMNS].text_input(
            label, key=key_of(f"{name}-{field}"), max_chars=MAX_TEXT_CHARS, placeholder="any"
        )
        for at, (field, label) in enumerate(FILTERS.items())
    }
    return {field: text.strip() for field, text in given.items() if text and text.strip()}


def required(values: Mapping[str, str]) -> bool:
    """Whether everything was filled in; says what was not."""
    missing = [label for label, value in values.items() if not value]
    if missing:
        told = f"Fill in: {', '.join(map(safe, missing))}."
        st.html(tag("p", icon("warn"), f" {told}", cls="ts-refusal", role="alert"))
    return not missing
