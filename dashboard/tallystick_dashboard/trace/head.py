"""The head of the trace page: what went wrong, what the trace is, and its figures."""

import streamlit as st

from tallystick_dashboard import amounts, components
from tallystick_dashboard.blocks import Block, heading, metrics, note
from tallystick_dashboard.trace.kind import GLYPHS
from tallystick_dashboard.trace.model import Trace


def head(trace: Trace) -> None:
    """Draw the head; it is red when a call was denied or failed, or a record does not hold."""
    if trace.alarms:
        with st.container(key="trace_alarm"):
            st.error("  \n".join(map(_plain, trace.alarms)), icon=":material/gpp_bad:")
    with st.container(key="trace_head"):
        components.panel(head_blocks(trace), "trace-head")


def head_blocks(trace: Trace) -> list[Block]:
    """Return headline, figures and what is odd about the trace."""
    root = next(iter(trace.rows), None)
    name = root.draft.name if root else ("", "empty trace")
    kind = {"kind": root.draft.kind, "glyph": GLYPHS[root.draft.kind]} if root else {}
    started = amounts.moment(trace.start_us) if trace.rows else ""
    blocks = heading(name[0], name[1], [], id=f"{trace.id}  {started}", **kind)
    blocks += metrics(_figures(trace))
    for notice in trace.notices:
        blocks += note(notice)
    return blocks


def _figures(trace: Trace) -> list[tuple[str, str, str]]:
    """Return the figures; a count of what is not as it should be stands out unless it is 0."""
    failed = trace.outcomes("failure", "timeout")
    counted = [
        ("Denied", trace.outcomes("denied"), "bad"),
        ("Failed", failed, "bad"),
        ("No end recorded", trace.outcomes("unknown"), "warn"),
        ("Unsealed", trace.proofs("unsealed"), "warn"),
        ("Derived", trace.proofs("derived"), ""),
        ("Values masked", trace.masked, ""),
    ]
    return [
        ("Duration", amounts.duration(trace.end_us - trace.start_us), ""),
        ("Calls", f"{len(trace.calls):,}", ""),
        ("Rows", f"{len(trace.rows):,}", ""),
        ("Agents", f"{len(trace.agents):,}", ""),
        *((label, f"{count:,}", tone if count else "") for label, count, tone in counted),
    ]


def _plain(text: str) -> str:
    """Keep Markdown out: a column's name may hold what Markdown reads as a sign."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()#+-.!|<>~$:" else char for char in text)
