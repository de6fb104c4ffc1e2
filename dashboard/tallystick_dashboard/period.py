"""Periods: how far back a screen looks, chosen once and kept in its address."""

from collections.abc import Callable
from typing import Final, NamedTuple

import streamlit as st


class Period(NamedTuple):
    """A start as the service reads it (`24h`), and the words for it."""

    since: str
    words: str


PERIODS: Final = (
    Period("1h", "last hour"),
    Period("24h", "last 24 hours"),
    Period("7d", "last 7 days"),
    Period("30d", "last 30 days"),
    Period("365d", "last 365 days"),
)
_WORDS: Final = {period.since: period.words for period in PERIODS}


def period_of(default: str, *, on_change: Callable[[], None] | None = None) -> Period:
    """Let the person choose a period; it stands in the address as `period`."""
    names = [period.since for period in PERIODS]
    chosen = st.selectbox(
        "Period",
        names,
        index=names.index(default),
        key="period",
        on_change=on_change,
        bind="query-params",
    )
    since = chosen if chosen in _WORDS else default
    return Period(since, _WORDS[since])
