"""The trace page: `/trace?id=<32 hex>&span=<16 hex>`; without an id, the newest traces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from tallystick_dashboard import amounts, components, names
from tallystick_dashboard.blocks import heading, note
from tallystick_dashboard.client import Client, NotFoundError, Person, Shape
from tallystick_dashboard.figures import Column, table
from tallystick_dashboard.markup import Child, tag
from tallystick_dashboard.shell import empty
from tallystick_dashboard.text import safe, short
from tallystick_dashboard.trace.head import head
from tallystick_dashboard.trace.model import read_trace
from tallystick_dashboard.trace.proof import Keys
from tallystick_dashboard.trace.screen import explore
from tallystick_dashboard.trace.skeleton import unpacked

TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
NEWEST: Final = 100
"""Traces listed where the address names none."""
COLUMNS: Final = (
    Column("Trace", "96px"),
    Column("Began (UTC)", "172px"),
    Column("Took", "88px"),
    Column("Agent", "30%"),
    Column("Principal", "30%"),
    Column("Actions", is_number=True),
    Column("Denied", is_number=True),
    Column("Failed", is_number=True),
    Column("Spans", is_number=True),
)
_CLASSES: Final = ("ts-mono", "ts-nowrap ts-mono", "ts-nowrap", "ts-cut", "ts-cut")
_COMMAND: Final = "tallystick run -- python agent.py"
_SECONDS: Final = len("2026-11-22 19:12:03")
_CELL_CHARS: Final = 120


def draw(client: Client, person: Person) -> None:
    """Draw the page; raises DashboardError where the service gives no answer."""
    trace_id = st.query_params.get("id", "")
    if not trace_id:
        _newest(client, person)
    elif not TRACE_ID.fullmatch(trace_id):
        _missing(
            trace_id, "This is no trace id: expected 32 hex digits, as in a link from Actions."
        )
    else:
        _trace(client, person, trace_id)


def _trace(client: Client, person: Person, trace_id: str) -> None:
    try:
        trace = read_trace(trace_id, unpacked(client.trace(trace_id)))
    except NotFoundError:
        _missing(trace_id, "No record and no span of this service has this trace id.")
        return
    head(trace)
    view = {"id": trace_id}
    reason = names.control(person, view, "in the records that you open here")
    explore(trace, _Records(client, view, has_names=reason is not None), _keys(client))


@dataclass(frozen=True, slots=True)
class _Records:
    """Where the detail pane asks: for records with the reason that is in force at that moment."""

    client: Client
    view: names.View
    has_names: bool
    """Whether the page says that names are shown; it is drawn anew once that is over."""

    def event(self, log_index: int) -> Shape:
        reason = names.reason_in(self.view)
        if self.has_names and reason is None:
            st.rerun(scope="app")
        return self.client.because(reason).event(log_index)

    def spans(self, trace_id: str, span_ids: Sequence[str]) -> Sequence[Shape]:
        return self.client.spans(trace_id, span_ids)

    def calls(self, trace_id: str, action_ids: Sequence[str]) -> Sequence[Shape]:
        return self.client.calls(trace_id, action_ids)


def _keys(client: Client) -> Keys:
    """Return the keys that the service states: its log's, its own, and its emitters'."""
    stated = client.integrity()
    emitters = (*client.status()["emitters"], stated["service_vkey"])
    return Keys(stated["log_vkey"], emitters)


def _missing(trace_id: str, why: str) -> None:
    with st.container(key="page_empty"):
        components.panel([*heading("trace", safe(trace_id, 80)), *note(why)], "trace-missing")


def _newest(client: Client, person: Person) -> None:
    reason = names.control(person, {}, "in the column Principal")
    found = client.because(reason).traces({}, NEWEST)["traces"]
    if not found:
        empty("No trace is recorded here yet. Record one:", _COMMAND)
        return
    rows = [_cells(one) for one in found]
    with st.container(key="traces"):
        st.html(table(COLUMNS, rows, "Traces, newest first", _CLASSES))


def _cells(trace: Shape) -> tuple[Child, ...]:
    link = f"/trace?id={trace['trace_id']}"
    counts = (trace[name] for name in ("actions", "denied", "failed", "spans"))
    return (
        tag("a", short(trace["trace_id"]), href=link, target="_self"),
        amounts.moment(trace["from_us"])[:_SECONDS],
        amounts.duration(max(0, trace["to_us"] - trace["from_us"])),
        safe(trace["agent"], _CELL_CHARS),
        safe(trace["principal"], _CELL_CHARS),
        *(tag("span", f"{count:,}", cls=None if count else "ts-sub") for count in counts),
    )
