"""The trace page below its head: stages, waterfall and the detail pane of the selected row.

All of it is one fragment: choosing a row asks the service for that row's records and for nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
import streamlit as st

from tallystick_dashboard import components
from tallystick_dashboard.blocks import Block, code, heading, note, steps
from tallystick_dashboard.shell import faults_shown
from tallystick_dashboard.trace.action import Shape
from tallystick_dashboard.trace.columns import columns_of
from tallystick_dashboard.trace.facts import (
    call_blocks,
    identity_blocks,
    masking_blocks,
    other_sides,
    policy_blocks,
    span_blocks,
)
from tallystick_dashboard.trace.kind import GLYPHS
from tallystick_dashboard.trace.model import Row, Trace
from tallystick_dashboard.trace.proof import Keys, steps_of
from tallystick_dashboard.trace.record import Action, RecordView, view_of
from tallystick_dashboard.trace.stages import call_of, cards_of, name_of_call
from tallystick_dashboard.trace.window import Window

MAX_RECORDS: Final = 4
"""Records of one row that the detail pane fetches; a call has two."""

STATUS_WORDS: Final = {"ok": "ok", "timeout": "timed out", "unknown": "no end recorded"}
_PROOF_TONES: Final = {
    "sealed": "good",
    "recovered": "good",
    "corrupt": "failed",
    "unsealed": "odd",
}
_GROUP: Final = "These definitions were offered together; select one of them to see it."
_SPAN_ALONE: Final = (
    "A span alone. Spans are a best-effort signal: the log shows that the service has not changed "
    "this one since it came in, and nothing about its source."
)

_STYLE: Final = """<style>
.st-key-trace_alarm [data-testid="stAlertContainer"] { padding: 6px 12px; }
.st-key-trace_head, .st-key-stages { margin-top: -6px; }
.st-key-detail {
  max-height: calc(clamp(300px, 100vh - 470px, 900px) + 134px); overflow: hidden auto; scrollbar-width: thin;
}
@media (max-width: 1180px) {
  .st-key-explorer [data-testid="stHorizontalBlock"] { flex-wrap: wrap; }
  .st-key-explorer [data-testid="stColumn"] { flex: 1 1 100%; min-width: 100%; }
  .st-key-detail { max-height: none; }
}
</style>"""


class Records(Protocol):
    """Where the detail pane asks for one row."""

    def event(self, log_index: int) -> Shape:
        """Return one record with all that proves it."""

    def spans(self, trace_id: str, span_ids: Sequence[str]) -> Sequence[Shape]:
        """Return the spans with these ids, with their attributes."""

    def calls(self, trace_id: str, action_ids: Sequence[str]) -> Sequence[Shape]:
        """Return the calls of these actions, stage by stage."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What stays the same while rows of one trace are looked at."""

    trace: Trace
    columns: Mapping[str, Any]
    records: Records
    window: Window
    keys: Keys


def explore(trace: Trace, records: Records, keys: Keys) -> None:
    """Draw stages, waterfall and detail pane."""
    _explored(_Shown(trace, columns_of(trace), records, Window(trace, records), keys))


@st.fragment
def _explored(shown: _Shown) -> None:
    """Draw them; a choice in the waterfall runs this again, and nothing else."""
    st.html(_STYLE)
    place = st.container(key="stages")
    with st.container(key="explorer"):
        left, right = st.columns([2.35, 1], gap="small")
        with left, st.container(key="waterfall"):
            row, near = _selected(shown)
        if row is not None:
            with place, faults_shown():
                _stages(shown, row, near)
        with right, st.container(key="detail"), faults_shown():
            _detail(shown, row, near)


def _stages(shown: _Shown, row: Row, near: Sequence[str]) -> None:
    """Show the stages of the row's call, or of the call to look at first."""
    trace = shown.trace
    call, hint = call_of(trace, row), "Five stages of"
    if call is None and trace.first is not None:
        call, hint = call_of(trace, trace.first), "The row belongs to no call. Five stages of"
    staged = None if call is None else shown.window.staged(call, row, near)
    if staged is not None:
        cards = cards_of(trace, staged)
        components.stages(name_of_call(trace, staged), hint, cards, "stages-strip")


def _selected(shown: _Shown) -> tuple[Row | None, Sequence[str]]:
    """Return the row that is selected in the waterfall and what stands beside it, else the one the address names."""
    trace = shown.trace
    asked = st.query_params.get("span", "")
    view: dict[str, Any] = st.session_state.setdefault("trace-view", {"mounts": 0})
    if (view.get("trace"), view.get("asked")) != (trace.id, asked):
        first = trace.by_id.get(asked, trace.first)
        view.update(trace=trace.id, asked=asked, initial=first.id if first else None)
        view["mounts"] += 1
    data = {**shown.columns, "initial": view["initial"]}
    chosen = components.waterfall(data, f"waterfall-{view['mounts']}")
    if chosen is None or chosen.id not in trace.by_id:
        return trace.by_id.get(view["initial"]), ()
    if chosen.id != asked:
        st.query_params["span"] = view["asked"] = chosen.id
    return trace.by_id[chosen.id], chosen.near


def _detail(shown: _Shown, row: Row | None, near: Sequence[str]) -> None:
    if row is None:
        return
    components.panel(_headline(row), "detail-head")
    if row.draft.is_folded:
        components.panel(note(_GROUP), "detail-group")
    elif row.draft.log_indexes:
        _record_tabs(shown, row)
    else:
        _span_tabs(row, shown.window.spans_of(row, near))


def _headline(row: Row) -> list[Block]:
    draft = row.draft
    chips: list[dict[str, str]] = []
    if draft.is_call or draft.span_id or draft.status != "ok":
        status = STATUS_WORDS.get(draft.status, draft.status)
        tone = draft.status if draft.status != "ok" else "plain"
        chips.append({"text": status, "tone": tone, "image": draft.status})
    if draft.proof != "none":
        known = _PROOF_TONES.get(draft.proof, "plain")
        chips.append({"text": draft.proof, "tone": known, "image": draft.proof})
    chips += [{"text": flag, "tone": "odd", "image": "unknown"} for flag in row.flags]
    return heading(
        draft.name.verb,
        draft.name.noun,
        chips,
        kind=draft.kind,
        glyph=GLYPHS[draft.kind],
        id=row.id,
    )


def _record_tabs(shown: _Shown, row: Row) -> None:
    records = shown.records
    events = [records.event(index) for index in row.draft.log_indexes[:MAX_RECORDS]]
    views = [view_of(event) for event in events]
    action = Action(tuple(views))
    tabs = {
        "Call": call_blocks(row, action),
        "Identity": identity_blocks(action),
        "Policy": policy_blocks(shown.trace, row, action, _other_sides(shown, row)),
        "Masking": masking_blocks(action),
        "Integrity": _integrity(views, events, shown.keys, records),
        "Raw": _raw(views),
    }
    _tabs(tabs)


def _other_sides(shown: _Shown, row: Row) -> list[Action]:
    """Fetch the record of the call's other end, where it states a decision."""
    found = []
    for one in other_sides(shown.trace, row):
        stated = shown.trace.actions.get(one)
        if stated is not None and stated.said("decision.effect"):
            event = shown.records.event(int(stated.last["log_index"]))
            found.append(Action((view_of(event),)))
    return found


def _span_tabs(row: Row, found: Sequence[Shape]) -> None:
    blocks = [block for span in found[:1] for block in span_blocks(row, span)]
    raw = [block for span in found[:1] for block in code("Span as stored, masked", _json(span))]
    _tabs({"Span": blocks, "Integrity": note(_SPAN_ALONE), "Raw": raw})


def _tabs(tabs: Mapping[str, list[Block]]) -> None:
    for tab, (name, blocks) in zip(st.tabs(list(tabs)), tabs.items(), strict=True):
        with tab:
            components.panel(blocks, f"detail-{name.lower()}")


def _integrity(
    views: Sequence[RecordView], events: Sequence[Shape], keys: Keys, records: Records
) -> list[Block]:
    blocks: list[Block] = []
    for view, event in zip(views, events, strict=True):
        kind = view.statement.get("type", "cannot be read")
        blocks += heading("record", f"{view.log_index} · {kind}")
        adopted_by = event.get("recovered_by") if not event.get("seal") else None
        recovery = None if adopted_by is None else records.event(adopted_by)
        blocks += steps(steps_of(view, event, keys, recovery))
    return blocks + note(
        "Recomputed in the dashboard from the exact lines, under keys that the service states. To use "
        "keys of your own, export an evidence package and verify it under a trust policy."
    )


def _raw(views: Sequence[RecordView]) -> list[Block]:
    blocks: list[Block] = []
    for view in views:
        blocks += code(f"Record {view.log_index}: line 1, exactly as signed", view.line)
        for number, line in enumerate(view.disclosure_lines, 2):
            blocks += code(f"Line {number}, a disclosure", line)
    return blocks


def _json(value: Shape) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
