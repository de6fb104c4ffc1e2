"""The forms by which somebody asks for a deletion or an erasure; another person decides."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from tallystick_dashboard.markup import tag
from tallystick_dashboard.retention.deciding import (
    MAX_TEXT_CHARS,
    decided,
    filter_fields,
    key_of,
    refusals_shown,
    required,
    why_field,
)
from tallystick_dashboard.retention.desk import Desk
from tallystick_dashboard.text import safe

ANY_CLASS: Final = "no class: by the filter alone"
WHOSE: Final[Mapping[str, str]] = {
    "principal": "A person, by the pseudonym in their records",
    "subject": "A person, as their token or the caller names them",
    "session": "A session",
    "trace": "A trace",
    "log_index": "One record, by its log index",
}
_FIELDS: Final[Mapping[str, str]] = {
    "principal": "Pseudonym",
    "subject": "Subject",
    "session": "Session id",
    "trace": "Trace id",
    "log_index": "Log index",
}


def draw_deletion_form(desk: Desk, classes: Sequence[str]) -> None:
    """Ask for what is due of a class, of a filter, or of both together."""
    with st.expander("Ask for a deletion"), st.form(key_of("deletion"), border=False):
        st.html(
            tag(
                "p",
                "Entries that are due, under no hold, and older than six calendar months (or than an exception in "
                "force allows). Another person confirms exactly these within two weeks.",
                cls="ts-note",
            )
        )
        chosen = st.selectbox("Class", [ANY_CLASS, *classes], key=key_of("deletion-class"))
        filter_ = filter_fields("deletion")
        why = why_field("deletion")
        if st.form_submit_button("Ask for the deletion", type="primary") and required({"Why": why}):
            class_name = None if chosen == ANY_CLASS else chosen
            with refusals_shown("The deletion was not asked for"):
                desk.ask_deletion(class_name, filter_, why)
                decided("The deletion is asked for: it waits for another person.")


def draw_erasure_form(desk: Desk) -> None:
    """Count somebody's values, and ask for their erasure."""
    with st.expander("Ask for an erasure"):
        st.html(
            tag(
                "p",
                "The values that records and spans hold of a person, a session, a trace, or of one record. The "
                "records stay, and every proof with them. Count first: nothing is asked for by that.",
                cls="ts-note",
            )
        )
        whose = str(
            st.radio(
                "Whose values",
                list(WHOSE),
                format_func=WHOSE.__getitem__,
                key=key_of("erasure-whose"),
                horizontal=True,
            )
        )
        with st.form(key_of("erasure"), border=False):
            wish = _wish(whose)
            why = why_field("erasure")
            with st.container(horizontal=True):
                is_counted = st.form_submit_button("Count")
                is_asked = st.form_submit_button("Ask for the erasure", type="primary")
        if (is_counted or is_asked) and required({_FIELDS[whose]: str(wish.get(whose, ""))}):
            _count_or_ask(desk, wish, why, is_asked=is_asked)


def _wish(whose: str) -> dict[str, object]:
    """Return what is meant, as the API takes it."""
    typed = st.text_input(_FIELDS[whose], key=key_of(f"erasure-{whose}"), max_chars=MAX_TEXT_CHARS)
    value = (typed or "").strip()
    wish: dict[str, object] = {whose: value} if value else {}
    if whose == "log_index" and value.isascii() and value.isdigit():
        wish[whose] = int(value)
    if whose == "subject":
        issuer = st.text_input(
            "Issuer, where one stands in the records",
            key=key_of("erasure-issuer"),
            max_chars=MAX_TEXT_CHARS,
        )
        wish |= {"issuer": issuer.strip()} if issuer and issuer.strip() else {}
    return wish


def _count_or_ask(desk: Desk, wish: Mapping[str, object], why: str, *, is_asked: bool) -> None:
    if not is_asked:
        with refusals_shown("Nothing was counted"):
            found = desk.count_erasure(wish)
            told = (
                f"{found['entries']:,} entries: the values of {found['events']:,} records and "
                f"{found['spans']:,} spans, and {found['blobs']:,} large values. Nothing is asked for yet."
            )
            with st.container(key="erasure_count"):
                st.html(tag("p", safe(told, 400), cls="ts-note", role="status"))
    elif required({"Why": why}):
        with refusals_shown("The erasure was not asked for"):
            desk.ask_erasure(wish, why)
            decided("The erasure is asked for: it waits for another person.")
