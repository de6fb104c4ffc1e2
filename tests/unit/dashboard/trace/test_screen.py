"""The trace page below its head, run without a browser: selection, links, and what each tab gets."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.patience import PATIENCE_S
from tests.requirements import requirement


def script() -> None:
    """Draw a trace of two calls and one span, with records made for it."""
    from collections.abc import Sequence
    from typing import Any

    import streamlit as st

    from tallystick_dashboard.trace import head, screen
    from tallystick_dashboard.trace.model import read_trace
    from tallystick_dashboard.trace.proof import Keys
    from tests.builder import Log, Session
    from tests.unit.dashboard.traces import TRACE, answer, call, called, span

    class Records:
        def event(self, log_index: int) -> dict[str, Any]:
            st.session_state.setdefault("asked", []).append(log_index)
            record = Session(Log()).record("tool.completed", tool__name=f"tool {log_index}")
            return {
                "log_index": log_index,
                "line": record.line.decode(),
                "disclosures": [],
                "sealing": "sealed",
                "faults": [],
            }

        def spans(self, trace_id: str, span_ids: Sequence[str]) -> list[dict[str, Any]]:
            assert trace_id == TRACE
            st.session_state.setdefault("windows", []).append(span_ids)
            return [span(one, attributes={"asked": one}) for one in span_ids]

        def calls(self, trace_id: str, action_ids: Sequence[str]) -> list[dict[str, Any]]:
            assert trace_id == TRACE
            st.session_state.setdefault("calls", []).append(action_ids)
            return [
                {**called("a"), "stages": []},
                {**called("b", outcome="denied"), "stages": []},
            ]

    trace = read_trace(
        TRACE,
        answer(
            [call(1, "a", "s1"), call(2, "b", "s2", type="tool.denied")],
            [span("s3", "s1"), span("s4", "s1"), span("s5", "s1")],
            [called("a"), called("b", outcome="denied")],
        ),
    )
    head.head(trace)
    screen.explore(trace, Records(), Keys())


def data_of(app: AppTest, name: str) -> list[dict[str, Any]]:
    """Give what Python handed to each component of this name, in order."""
    return [
        json.loads(one.proto.json)
        for one in app.get("bidi_component")
        if one.proto.component_name == f"tallystick.{name}"
    ]


def headline(app: AppTest) -> str:
    blocks = [panel["blocks"][0] for panel in data_of(app, "panel")]
    headings = [block for block in blocks if block["type"] == "heading"]
    return str(headings[1]["id"])


def opened(**query: str) -> AppTest:
    app = AppTest.from_function(script)
    for name, value in query.items():
        app.query_params[name] = value
    app.run(timeout=PATIENCE_S)
    assert not app.exception
    return app


@requirement("dashboard.trace-red")
def test_a_trace_with_a_denied_call_is_red_and_shows_that_call_first() -> None:
    app = opened()
    assert app.error[0].value == "1 call denied"
    assert headline(app) == "s2"
    assert app.session_state["asked"] == [2]


def test_a_link_to_a_row_opens_it_and_tells_the_waterfall() -> None:
    app = opened(span="s1")
    assert headline(app) == "s1"
    assert data_of(app, "waterfall")[0]["initial"] == "s1"


def test_a_link_to_a_row_that_is_not_there_opens_the_trace() -> None:
    assert headline(opened(span="ffff")) == "s2"


def test_a_choice_in_the_waterfall_opens_the_row_and_is_written_into_the_address() -> None:
    app = opened()
    app.session_state["waterfall-1"] = {"selected": {"id": "s1", "near": ["s1", "s2"]}}
    app.run(timeout=PATIENCE_S)
    assert headline(app) == "s1"
    assert app.query_params["span"] == "s1"
    assert data_of(app, "waterfall")[0]["initial"] == "s2"


ODD_CHOICES = ["<script>", {"id": "<script>", "near": []}, {"id": 7}, {"near": ["s1"]}, ["s1"]]


@pytest.mark.parametrize("choice", ODD_CHOICES)
def test_a_choice_that_names_no_row_changes_nothing(choice: object) -> None:
    app = opened()
    app.session_state["waterfall-1"] = {"selected": choice}
    app.run(timeout=PATIENCE_S)
    assert not app.exception
    assert headline(app) == "s2"
    assert "span" not in app.query_params


def test_a_call_has_six_tabs_and_a_span_alone_three() -> None:
    assert [tab.label for tab in opened(span="s1").tabs] == [
        *("Call", "Identity", "Policy", "Masking", "Integrity", "Raw")
    ]
    span = opened(span="s3")
    assert [tab.label for tab in span.tabs] == ["Span", "Integrity", "Raw"]
    assert '"asked": "s3"' in json.dumps(data_of(span, "panel")).replace("\\", "")


@requirement("dashboard.proof")
def test_the_integrity_tab_recomputes_the_leaf_when_the_row_is_opened() -> None:
    steps = [
        step
        for panel in data_of(opened(span="s1"), "panel")
        for block in panel["blocks"]
        if block["type"] == "steps"
        for step in block["rows"]
    ]
    assert (steps[0]["name"], steps[0]["state"]) == ("Record", "ok")
    assert {step["state"] for step in steps[2:]} == {"not checked"}


def choose(app: AppTest, row: str, near: object) -> None:
    app.session_state["waterfall-1"] = {"selected": {"id": row, "near": near}}
    app.run(timeout=PATIENCE_S)
    assert not app.exception
    assert headline(app) == row


@requirement("dashboard.large-trace")
def test_the_spans_on_the_screen_are_asked_for_together_and_once() -> None:
    app = opened()
    choose(app, "s3", ["s1", "s2", "s3", "s4"])
    assert app.session_state["windows"] == [["s3", "s4"]]
    app = opened(span="s3")
    assert app.session_state["windows"] == [["s3", "s4", "s5"]], "around the row that a link opens"


def test_what_the_browser_says_of_its_window_is_not_believed() -> None:
    app = opened()
    choose(app, "s4", ["s4", 7, None, "<script>", ["s5"]])
    assert app.session_state["windows"] == [["s4"]]


def test_a_row_of_no_call_shows_the_stages_of_the_call_to_look_at_first() -> None:
    [stages] = data_of(opened(span="s1"), "stages")
    assert stages["hint"] == "Five stages of"
