"""The classes: for how long each keeps what it holds, and what of that could be asked for now."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from tallystick_dashboard.figures import Column, table
from tallystick_dashboard.markup import Child, join, tag
from tallystick_dashboard.retention.told import day
from tallystick_dashboard.shell import empty
from tallystick_dashboard.text import safe, short
from tallystick_dashboard.trace.action import Shape

_COLUMNS: Final = (
    Column("Class", "20%"),
    Column("Kept"),
    Column("Entries", is_number=True),
    Column("Due", is_number=True),
    Column("On hold", is_number=True),
    Column("Due: received before (UTC)"),
    Column("Below six months by"),
)


def draw_classes(classes: Sequence[Shape]) -> None:
    """Draw the classes in their order."""
    st.html(
        tag("h2", "Classes", tag("small", "the first that a record matches counts"), cls="ts-h2")
    )
    if not classes:
        empty(
            "There are no retention classes: everything is kept for ever. Name a file that states them:",
            "TALLYSTICK_RETENTION_FILE=retention.toml tallystick up",
        )
        return
    rows = [_cells(one) for one in classes]
    st.html(table(_COLUMNS, rows, "Retention classes", ("ts-cut", "ts-nowrap")))


def _cells(one: Shape) -> tuple[Child, ...]:
    return (
        safe(one["name"], 80),
        "for ever" if one["keep"] is None else one["keep"],
        f"{one['records']:,}",
        tag("span", f"{one['due']:,}", cls="ts-warn" if one["due"] else "ts-sub"),
        f"{one['on_hold']:,}",
        "" if one["before_us"] is None else day(one["before_us"]),
        join(*(tag("span", short(id_), title=id_, cls="ts-term") for id_ in one["exceptions"])),
    )
