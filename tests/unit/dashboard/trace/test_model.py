"""Rows of a trace: one for each action, span and other record, saying only what somebody stated."""

from typing import Any

import pytest

from tallystick_dashboard.trace.columns import columns_of
from tallystick_dashboard.trace.model import LOOP, ORPHAN, TWICE, Row, Trace, read_trace
from tallystick_dashboard.trace.rows import BACKWARDS, CONTRADICTED, NO_END, UNREADABLE
from tests.requirements import requirement
from tests.unit.dashboard.traces import START_US, TRACE, answer, call, called, event, span


def read(*arguments: Any) -> Trace:
    return read_trace(TRACE, answer(*arguments))


def only(trace: Trace) -> Row:
    [row] = trace.rows
    return row


def test_a_start_and_its_completion_are_one_row() -> None:
    started = call(1, "a", "s1", type="tool.started", params__digest="d", tool__name="copy")
    trace = read([started, call(2, "a", "s1", tool__name="copy")])
    row = only(trace)
    assert row.draft.log_indexes == (2, 1)
    assert (row.draft.status, row.draft.end_us) == ("ok", START_US + 10_000)
    assert trace.actions["a"].said("params.digest") == "d"


def test_a_start_without_an_end_has_no_duration_and_says_so() -> None:
    row = only(read([call(1, "a", "s1", type="tool.started")]))
    assert (row.draft.status, row.draft.end_us) == ("unknown", None)
    assert row.flags == (NO_END,)


def test_a_span_that_a_record_describes_is_its_row() -> None:
    end_ns = str((START_US + 10_000) * 1_000)
    row = only(read([call(1, "a", "s1")], [span("s1", end_ns=end_ns)]))
    assert (row.draft.proof, row.flags) == ("sealed", ())


def test_a_span_that_states_other_times_than_the_record_is_named_and_not_believed() -> None:
    trace = read([call(1, "a", "s1")], [span("s1", start_us=START_US - 5)])
    assert only(trace).flags == (CONTRADICTED,)
    assert only(trace).draft.start_us == START_US
    assert "states other times" in trace.notices[0]


def test_agents_nest_by_their_spans() -> None:
    attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
    trace = read(
        [call(1, "a", "s2", "s1", observer="mcp_client", mcp__method="tools/call", tool__name="x")],
        [span("s1", attributes=attributes, name="invoke_agent planner"), span("s3", "s2")],
    )
    assert [(row.id, row.depth) for row in trace.rows] == [("s1", 0), ("s2", 1), ("s3", 2)]
    assert [row.draft.kind for row in trace.rows] == ["agent", "mcp", "request"]
    assert trace.rows[0].draft.name == ("invoke_agent", "planner")
    assert trace.agents == ["planner"]


def test_a_log_of_somebody_else_stands_under_its_span_by_the_name_of_its_event() -> None:
    said = {"type": "otlp.log", "origin": "derived", "span__id": "a", "service__name": "shop"}
    log = event(3, otlp__event_name="gen_ai.choice", **said)
    above, below = read([log], [span("a")]).rows
    assert (below.draft.name, below.draft.where) == (("otlp.log", "gen_ai.choice"), "shop")
    assert below.draft.parent_span == above.draft.span_id == "a"
    assert below.depth == above.depth + 1


def two_ends(**join: str) -> Trace:
    ends = [call(1, "a", "s1", observer="mcp_client"), call(2, "b", "s2", "s1")]
    return read(ends, [], [called("a", "b", **join)])


@requirement("receipt.told")
def test_the_servers_row_says_how_it_was_joined_with_the_clients() -> None:
    agreed = "both ends agree: one digest"
    trace = two_ends(state="agreed", told=agreed)
    client, server = trace.rows
    assert (client.depth, server.depth) == (0, 1)
    assert [row.join.told for row in (client, server) if row.join] == [agreed, agreed]
    assert columns_of(trace)["join"] == ["", agreed]
    assert (client.flags, server.flags, trace.alarms) == ((), (), [])


@requirement("receipt.told")
@pytest.mark.parametrize(
    ("state", "alarm"),
    [("differs", "1 call's arguments differ"), ("reused", "1 call's receipt was used again")],
)
def test_ends_that_contradict_each_other_make_the_page_red(state: str, alarm: str) -> None:
    trace = two_ends(state=state, told="arguments differ: the server got others")
    client, server = trace.rows
    assert (client.flags, server.flags) == ((), ("arguments differ",))
    assert trace.alarms == [alarm]
    several = read([], [], [called("a", state=state), called("b", state=state)])
    assert "2 calls" in several.alarms[0]


def test_a_call_with_one_end_says_so_and_shows_no_mark() -> None:
    trace = read([call(1, "a", "s1")], [], [called("a", state="one_end", told="one end only: x")])
    row = only(trace)
    assert row.join is not None
    assert row.join.told == "one end only: x"
    assert columns_of(trace)["join"] == [""]
    assert trace.alarms == []


@pytest.mark.parametrize("join", [None, "text", {}, {"state": None, "told": 7}])
def test_whatever_the_service_says_of_a_join_the_page_is_drawn(join: object) -> None:
    trace = read([call(1, "a", "s1")], [], [{**called("a"), "join": join}])
    assert only(trace).flags == ()
    older = called("a")
    del older["join"]
    assert only(read([call(1, "a", "s1")], [], [older])).join is None


@requirement("dashboard.derived-unsealed")
def test_a_derived_event_is_derived_however_the_service_sealed_its_own_reading() -> None:
    derived = call(1, "a", "s1", origin="derived", signed=False)
    derived["sealing"] = "sealed"
    row = only(read([derived], [span("s1")]))
    assert row.draft.proof == "derived"
    assert columns_of(read([derived]))["proof"] == ["derived"]


def test_a_reading_of_a_span_with_a_record_of_its_own_is_no_second_call() -> None:
    trace = read([call(1, "a", "s1"), call(2, "z", "s1", origin="derived", outcome="failure")])
    row = only(trace)
    assert (row.draft.proof, row.draft.status) == ("sealed", "ok")
    assert row.draft.log_indexes == (1, 2)


def test_the_weakest_record_decides_how_an_action_is_signed() -> None:
    started = call(1, "a", "s1", type="tool.started", sealing="recovered")
    assert only(read([started, call(2, "a", "s1")])).draft.proof == "recovered"
    unsealed = call(2, "a", "s1", sealing="unsealed")
    assert only(read([started, unsealed])).draft.proof == "unsealed"


def test_a_span_alone_is_not_signed() -> None:
    assert only(read([], [span("s1", status=2)])).draft.proof == "none"
    assert only(read([], [span("s1", status=2)])).draft.status == "failed"


@requirement("dashboard.corrupt-row")
def test_a_row_whose_stored_copy_lies_is_corrupt_and_raises_an_alarm() -> None:
    fault = {"column": "tool_name", "stated": "copy", "stored": "paste"}
    trace = read([call(1, "a", "s1", faults=[fault])], [], [called("a")])
    assert only(trace).draft.proof == "corrupt"
    assert trace.alarms == ["record 1 is not what was recorded: tool_name"]


@requirement("dashboard.corrupt-row")
def test_a_record_that_cannot_be_read_is_still_a_row() -> None:
    trace = read([{"log_index": 5, "statement": None, "faults": [{"column": "line"}]}])
    row = only(trace)
    assert (row.id, row.draft.proof, row.draft.start_us) == ("event-5", "corrupt", None)
    assert row.flags == (UNREADABLE,)
    assert trace.alarms == ["record 5 cannot be read: line"]


def test_many_faults_are_counted_after_the_first_few() -> None:
    fault = {"column": "type"}
    trace = read([call(at, f"a{at}", f"s{at}", faults=[fault]) for at in range(8)])
    assert len(trace.alarms) == 6
    assert trace.alarms[-1] == "3 more records are not what was recorded"


@requirement("dashboard.any-parents")
def test_rows_whose_parents_are_missing_or_loop_are_shown_and_named() -> None:
    spans = [span("s1", "s2"), span("s2", "s1"), span("s3", "gone"), span("s4", "s4")]
    trace = read([], spans)
    assert [(row.id, row.depth, row.flags) for row in trace.rows] == [
        ("s1", 0, (LOOP,)),
        ("s2", 1, ()),
        ("s3", 0, (ORPHAN,)),
        ("s4", 0, (LOOP,)),
    ]
    assert trace.notices == [
        "2 loops of parents were cut",
        "1 row's parent is not in this trace; it stands at the left",
    ]


def test_a_span_id_that_is_used_again_gets_a_row_of_its_own() -> None:
    trace = read([], [span("s1"), span("s1"), span("s2", "s1")])
    assert [(row.id, row.depth) for row in trace.rows] == [("s1", 0), ("s2", 1), ("s1-2", 0)]
    assert trace.by_id["s1-2"].flags == (TWICE,)


def test_a_clock_that_ran_backwards_measured_no_duration() -> None:
    row = only(read([call(1, "a", "s1", span__end_us=START_US - 1)]))
    assert (row.draft.end_us, row.flags) == (None, (BACKWARDS,))


def test_a_call_in_an_action_without_spans_stands_below_it() -> None:
    inner = event(2, action__id="b", action__parent_id="a")
    trace = read([event(1, action__id="a"), inner])
    assert [(row.id, row.depth) for row in trace.rows] == [("action-a", 0), ("action-b", 1)]


def test_a_decision_stands_below_the_span_that_it_was_made_in() -> None:
    decision = event(2, type="authz.decision", span__id="s1", decision__effect="deny")
    trace = read([call(1, "a", "s1"), decision])
    row = trace.by_id["event-2"]
    assert (row.depth, row.draft.kind, row.draft.status) == (1, "policy", "denied")
    assert row.draft.name == ("authz.decision", "deny")


def test_definitions_of_one_server_share_a_row_that_is_closed_at_first() -> None:
    def definition(index: int, server: str) -> dict[str, Any]:
        return event(
            index, type="tooldef.observed", session="s", server__name=server, tool__name=f"t{index}"
        )

    trace = read([definition(1, "git"), definition(2, "git"), definition(3, "time")])
    assert [row.draft.name.noun for row in trace.rows if row.depth == 0] == [
        "2 tool definitions offered",
        "1 tool definition offered",
    ]
    assert columns_of(trace)["folded"] == [0, 3]
    assert trace.rows[0].draft.proof == "none"


def test_denied_and_failed_calls_raise_alarms() -> None:
    calls = [called("a", outcome="denied"), called("b", outcome="failure"), called("c")]
    trace = read([call(1, "a", "s1", type="tool.denied"), call(2, "b", "s2")], [], calls)
    assert trace.alarms == ["1 call denied, 1 call failed"]
    assert trace.by_id["s1"].draft.status == "denied"


def test_columns_count_time_from_the_start_and_cut_long_names() -> None:
    late = span("s2", start_us=START_US + 7, name="n" * 1_000_000)
    columns = columns_of(read([], [span("s1"), late]))
    assert columns["start"] == [0, 7]
    assert columns["length"] == [5_000, 5_000]
    assert len(columns["noun"][1]) == 240


def test_equal_traces_have_equal_versions_and_others_do_not() -> None:
    one = columns_of(read([], [span("s1")]))["version"]
    assert one == columns_of(read([], [span("s1")]))["version"]
    assert one != columns_of(read([], [span("s2")]))["version"]


def test_masked_values_are_counted() -> None:
    trace = read([call(1, "a", "s1", mask__hits={"params:email": 2, "result:phone": 3})])
    assert (only(trace).draft.masked, trace.masked) == (5, 5)


def test_an_empty_trace_has_no_rows_and_no_alarm() -> None:
    trace = read()
    assert (trace.rows, trace.alarms, trace.start_us) == ((), [], 0)
