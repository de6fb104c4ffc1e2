"""Which pages there are, and which one is open."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

import streamlit as st

from tallystick_dashboard.shell import show


class Entry(NamedTuple):
    """One page: its module in `pages/` has `draw(client, person)`."""

    module: str
    title: str
    path: str
    sentence: str


ENTRIES: Final = (
    Entry("overview", "Overview", "", "What happened, and whether the record of it holds."),
    Entry("actions", "Actions", "actions", "Every tool call, newest first."),
    Entry("trace", "Traces", "trace", "One task from its start to its end."),
    Entry("tools", "Tools", "tools", "What is offered to models, and what changed in it."),
    Entry("integrity", "Integrity", "integrity", "What was verified, how, and what is missing."),
    Entry(
        "retention",
        "Retention",
        "retention",
        "What is kept, what must stay, what two people let go.",
    ),
    Entry("exports", "Exports", "exports", "Evidence to hand over."),
)
MARK: Final = Path(__file__).with_name("door") / "mark.svg"


def main() -> None:
    """Run the open page."""
    st.logo(MARK, size="large", link=None)
    pages = [_page(entry) for entry in ENTRIES]
    chosen = st.navigation(pages, position="top")
    st.set_page_config(page_title=f"{chosen.title} · Tallystick", page_icon=MARK, layout="wide")
    chosen.run()


def _page(entry: Entry) -> st.Page:
    return st.Page(
        _drawer(entry),
        title=entry.title,
        url_path=entry.path,
        default=not entry.path,
        help=entry.sentence,
    )


def _drawer(entry: Entry) -> Callable[[], None]:
    """Return the page as a function; its module is loaded when it is first opened."""

    def draw() -> None:
        module = import_module(f"tallystick_dashboard.pages.{entry.module}")
        show(entry.title, module.draw)

    return draw
