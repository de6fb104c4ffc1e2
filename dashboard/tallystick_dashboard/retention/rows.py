"""One row of the page: what it is on the left, what was decided below that, and buttons on the right."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from tallystick_dashboard.markup import Markup, tag


@contextmanager
def draw_row(key: str, head: Markup, course: Markup) -> Iterator[None]:
    """Draw a row; what is drawn inside stands in it as its buttons."""
    with st.container(key=key, border=True):
        told, buttons = st.columns([5, 2], vertical_alignment="center")
        with told:
            st.html(tag("div", tag("div", head, cls="ts-row-head"), course, cls="ts-row"))
        with buttons, st.container(horizontal=True, horizontal_alignment="right"):
            yield
