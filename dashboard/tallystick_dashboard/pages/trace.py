"""The trace page: `/trace?id=<32 hex>&span=<16 hex>`; without an id, the newest traces."""

import re
from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import streamlit as st

from tallystick_dashboard import amounts, components
from tallystick_dashboard.blocks import heading, note
from tallystick_dashboard.client import Client, NotFoundError, Person, Shape
from tallystick_dashboard.shell import empty
from tallystick_dashboard.text import safe
from tallystick_dashboard.trace.head import head
from tallystick_dashboard.trace.model import read_trace
from tallystick_dashboard.trace.proof import Keys
from tallystick_dashboard.trace.screen import explore

TRACE_ID: Final = re.compile(r"[0-9a-f]{32}")
NEWEST: Final = 100
"""Traces listed where the address names none."""
_COMMAND: Final = "tallystick run -- python agent.py"


def draw(client: Client, _person: Person) -> None:
    """Draw the page; raises DashboardError where the service gives no answer."""
    trace_id = st.query_params.get("id", "")
    if not trace_id:
        _newest(client)
    elif not TRACE_ID.fullmatch(trace_id):
        _missing(
            trace_id, "This is no trace id: expected 32 hex digits, as in a link from Actions."
        )
    else:
        _trace(client, trace_id)


def _trace(client: Client, trace_id: str) -> None:
    try:
        trace = read_trace(trace_id, client.trace(trace_id))
    except NotFoundError:
        _missing(trace_id, "No record and no span of this service has this trace id.")
        return
    head(trace)
    explore(trace, client, _keys(client))


def _keys(client: Client) -> Keys:
    """Return the keys that the service states: its log's, its own, and its emitters'."""
    stated = client.integrity()
    emitters = (*client.status()["emitters"], stated["service_vkey"])
    return Keys(stated["log_vkey"], emitters)


def _missing(trace_id: str, why: str) -> None:
    with st.container(key="page_empty"):
        components.panel([*heading("trace", safe(trace_id, 80)), *note(why)], "trace-missing")


def _newest(client: Client) -> None:
    found = client.traces({}, NEWEST)["traces"]
    if not found:
        empty("No trace is recorded here yet. Record one:", _COMMAND)
        return
    st.dataframe(
        pl.DataFrame([_line(one) for one in found]),
        column_config={
            "trace": st.column_config.LinkColumn("Trace", display_text=r"id=([0-9a-f]{8})"),
            "began": st.column_config.TextColumn("Began"),
        },
        height=_height(found),
        key="traces",
    )


def _line(trace: Shape) -> dict[str, Any]:
    return {
        "trace": f"/trace?id={trace['trace_id']}",
        "began": amounts.moment(trace["from_us"])[:19],
        "took": amounts.duration(max(0, trace["to_us"] - trace["from_us"])),
        "agent": safe(trace["agent"], 60),
        "principal": safe(trace["principal"], 60),
        "actions": trace["actions"],
        "denied": trace["denied"],
        "failed": trace["failed"],
        "spans": trace["spans"],
    }


def _height(rows: Sequence[object]) -> int:
    """Return a height in pixels that shows up to twenty rows."""
    return 38 + 35 * min(len(rows), 20)
