"""A trace told by calls and stages: what somebody observed, and plainly what nobody did."""

from typing import Any

import pytest

from tallystick_ingest.stages import calls_of
from tallystick_ingest.told import action_lines, trace_lines
from tests.requirements import requirement

TRACE = "ab" * 16
NAMES = ["client request", "validation", "tool execution", "data retrieval", "response"]


def event(
    kind: str = "tool.completed",
    *,
    action: str | None = "1",
    span: str = "",
    parent: str = "",
    index: int = 0,
    origin: str = "native",
    **said: Any,
) -> dict[str, Any]:
    statement: dict[str, Any] = {"type": kind, "time_us": 1_000_000 + index, "origin": origin}
    statement |= {name.replace("__", "."): value for name, value in said.items()}
    statement |= {"span.id": span} if span else {}
    statement |= {"span.parent_id": parent} if parent else {}
    return {
        "log_index": index,
        "type": kind,
        "time_us": statement["time_us"],
        "origin": origin,
        "sealing": "sealed",
        "action_id": action,
        "trace_id": TRACE,
        "span_id": span or None,
        "statement": statement,
        "disclosures": {},
    }


def times(start: int, end: int) -> dict[str, Any]:
    return {"span__start_us": start, "span__end_us": end}


def span(span_id: str, parent: str, **attributes: Any) -> dict[str, Any]:
    return {
        "span_id": span_id,
        "parent_id": parent,
        "name": f"span {span_id}",
        "kind": 3,
        "start_ns": "2000000",
        "end_ns": "5000000",
        "service": "db",
        "attributes": {name.replace("__", "."): value for name, value in attributes.items()},
    }


CLIENT = event(
    action="c", span="c1", observer="mcp_client", tool__name="t", outcome="success",
    mcp__method="tools/call", mcp__transport="http", result__size_bytes=7, **times(0, 9000),
)  # fmt: skip
SERVER = event(
    action="s", span="s1", parent="c1", index=1, observer="mcp_server", tool__name="t",
    outcome="success", **times(1000, 8000),
)  # fmt: skip


def stages(call: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {stage["name"]: stage for stage in call["stages"]}


@requirement("use.periods", "trace.signed-spans")
def test_both_views_of_one_call_are_one_call_with_five_stages() -> None:
    [call] = calls_of([CLIENT, SERVER], [])
    assert (call["action_id"], call["action_ids"], call["parent"]) == ("c", ["c", "s"], None)
    found = stages(call)
    assert list(found) == NAMES
    request, execution = found["client request"], found["tool execution"]
    assert (request["observer"], request["start_us"], request["end_us"]) == ("mcp_client", 0, 9000)
    assert request["detail"] == "tools/call http"
    assert (execution["observer"], execution["end_us"]) == ("mcp_server", 8000)
    assert found["response"]["detail"] == "success, 7 bytes"


@requirement("trace.signed-spans")
def test_a_stage_that_nobody_observed_has_no_observer_and_no_time() -> None:
    [call] = calls_of([SERVER], [])
    found = stages(call)
    for name in ("client request", "validation", "data retrieval"):
        stage = found[name]
        assert (stage["observer"], stage["start_us"], stage["end_us"]) == (None, None, None)
    [call] = calls_of([CLIENT], [])
    assert stages(call)["tool execution"]["observer"] is None


@requirement("trace.signed-spans")
def test_no_duration_is_made_from_what_lies_around_a_stage() -> None:
    [call] = calls_of([CLIENT, SERVER], [])
    measured = {
        (one["start_us"], one["end_us"]) for one in call["stages"] if one["start_us"] is not None
    }
    assert measured == {(0, 9000), (1000, 8000)}


def test_a_decision_of_the_server_is_the_validation() -> None:
    denied = event(
        "tool.denied", action="s", span="s1", parent="c1", observer="mcp_server", tool__name="t",
        outcome="denied", decision__effect="deny", decision__rule="missing scope",
    )  # fmt: skip
    found = stages(calls_of([CLIENT, denied], [])[0])
    assert found["validation"]["detail"] == "deny missing scope"
    assert found["tool execution"]["detail"] == "did not run"
    assert calls_of([CLIENT, denied], [])[0]["outcome"] == "denied"
    plain = event("tool.denied", action="s", observer="function", outcome="denied")
    assert stages(calls_of([plain], [])[0])["validation"]["detail"] == "denied"


def test_a_decision_recorded_beside_the_call_is_the_validation() -> None:
    decision = event(
        "authz.decision", action=None, parent="c1", observer="service", decision__effect="allow"
    )
    found = stages(calls_of([CLIENT, decision], [])[0])
    assert (found["validation"]["observer"], found["validation"]["detail"]) == ("service", "allow")
    elsewhere = event("authz.decision", action=None, parent="zz", decision__effect="deny")
    assert stages(calls_of([CLIENT, elsewhere], [])[0])["validation"]["observer"] is None


def test_look_ups_below_the_tool_are_the_data_retrieval() -> None:
    one = stages(calls_of([SERVER], [span("q", "s1", db__system="pg"), span("x", "s1")])[0])
    assert one["data retrieval"]["detail"] == "span q"
    assert (one["data retrieval"]["start_us"], one["data retrieval"]["end_us"]) == (2000, 5000)
    both = [span("q", "s1", db__system="pg"), span("r", "s1", http__request__method="GET")]
    two = stages(calls_of([SERVER], both)[0])["data retrieval"]
    assert two["detail"] == "2 look-ups: span q, span r"
    assert two["start_us"] is None
    far = stages(calls_of([SERVER], [span("q", "other", db__system="pg")])[0])
    assert far["data retrieval"]["observer"] is None


def test_a_call_that_was_started_and_never_ended_has_an_unknown_outcome() -> None:
    started = event("tool.started", action="s", observer="function", outcome="success")
    assert calls_of([started], [])[0]["outcome"] == "unknown"
    assert calls_of([CLIENT], [])[0]["outcome"] == "success"


def test_a_call_that_was_started_and_never_ended_has_no_response() -> None:
    started = event("tool.started", observer="function", tool__name="t")
    found = stages(calls_of([started], [])[0])
    assert found["response"]["observer"] is None
    ended = event("tool.completed", index=5, observer="function", outcome="failure")
    assert stages(calls_of([started, ended], [])[0])["response"]["detail"] == "failure"


def test_a_call_inside_a_call_names_it_through_any_spans_between() -> None:
    inner = event(
        action="i", span="i1", parent="m1", index=2, observer="mcp_client", tool__name="u",
        **times(2000, 3000),
    )  # fmt: skip
    between = span("m1", "s1")
    outer, nested = calls_of([CLIENT, SERVER, inner], [between])
    assert (outer["parent"], nested["parent"]) == (None, "c")


def test_a_reading_of_a_span_gives_way_to_the_record_of_the_same_span() -> None:
    derived = event(action="d", span="s1", origin="derived", observer="span", index=3)
    assert [call["action_ids"] for call in calls_of([SERVER, derived], [])] == [["s"]]
    assert [call["action_ids"] for call in calls_of([derived], [])] == [["d"]]


def test_spans_that_are_their_own_ancestors_do_not_hang_it() -> None:
    looped = event(action="l", span="a", parent="b", observer="mcp_server")
    [call] = calls_of([looped], [span("b", "a")])
    assert call["parent"] is None


def test_two_servers_below_one_client_are_two_calls() -> None:
    second = event(
        action="s2", span="s2", parent="c1", index=4, observer="mcp_server", tool__name="t"
    )
    calls = calls_of([CLIENT, SERVER, second], [])
    assert sorted(len(call["action_ids"]) for call in calls) == [1, 2]


# --- told in a terminal -----------------------------------------------------------------------


def told(width: int = 120, **changes: Any) -> str:
    row = {**CLIENT, "outcome": "success", **changes}
    return "\n".join(action_lines([row], width))


@requirement("use.periods")
def test_a_line_says_when_who_what_and_how_it_is_signed() -> None:
    said = {
        **CLIENT["statement"],
        "principal.basis": "authenticated",
        "client.id": "desk",
        "client.basis": "asserted",
        "agent.name": "planner",
        "server.name": "crm",
    }
    disclosed = {"principal.id": "alice", "params": '{"id":7}'}
    text = told(statement=said, disclosures=disclosed, sealing="recovered")
    assert "t@crm" in text
    assert "alice* / desk~ / planner" in text
    assert "recovered" in text
    assert "9.0" in text
    assert '{"id":7}' in text
    assert text.startswith("1970-01-01 (UTC)")


def test_what_is_withheld_or_unknown_says_so() -> None:
    said = {**CLIENT["statement"], "params.size_bytes": 55}
    text = told(statement=said, origin="derived")
    assert "(withheld or erased, 55 bytes)" in text
    assert "- / - / -" in text
    assert "derived" in text


@requirement("erasure.told")
@pytest.mark.parametrize(
    ("absent", "said"),
    [
        ({"why": "erased", "erasure": {"stated_us": 1_793_577_600_000_000}}, "erased 2026-11-02"),
        ({"why": "erased", "erasure": {"stated_us": None}}, "erased"),
        ({"why": "withheld", "needs": "payload"}, "withheld: takes payload"),
        ({"why": "not kept"}, "not kept"),
        ({"why": "unknown"}, "withheld or erased"),
        (None, "withheld or erased"),
    ],
)
def test_why_arguments_are_not_there_is_told(absent: object, said: str) -> None:
    statement = {**CLIENT["statement"], "params.size_bytes": 55}
    assert f"({said}, 55 bytes)" in told(statement=statement, absent=absent)


def test_hostile_texts_cannot_act_and_no_line_is_wider_than_the_terminal() -> None:
    evil = "\x1b[2J\u202e\nfake line  success  sealed"
    said = {**CLIENT["statement"], "tool.name": evil, "agent.name": "x" * 5000, "client.id": evil}
    disclosed = {"params": evil * 100, "principal.id": evil, "result": evil, "error.message": evil}
    hostile = {**CLIENT, "statement": said, "disclosures": disclosed}
    for width in (40, 80, 200):
        lines = action_lines([{**hostile, "outcome": evil}], width)
        trace = {"events": [hostile], "calls": calls_of([hostile], []), "spans": []}
        lines += trace_lines(trace, evil, width)
        text = "\n".join(lines)
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert not any(line.startswith("fake line") for line in lines)
        assert max(len(line) for line in lines) <= width


def test_nothing_recorded_says_how_to_record() -> None:
    [line] = action_lines([], 80)
    assert "tallystick run" in line


def test_the_latest_time_that_signed_bytes_hold_is_shown() -> None:
    assert told(time_us=2**53 - 1).startswith("2255-06-05")


def test_actions_of_several_days_show_their_dates() -> None:
    rows = [{**CLIENT, "outcome": "success", "time_us": time} for time in (86_400_000_000, 0)]
    lines = action_lines(rows, 160)
    assert lines[1].startswith("1970-01-01")
    assert lines[2].startswith("1970-01-02")


def test_actions_of_two_programs_are_told_in_the_order_of_their_times() -> None:
    """The log's order is that of arrival: one program's batch comes behind all of another's."""
    rows = [
        {**CLIENT, "outcome": "success", "time_us": time * 1_000_000, "log_index": log_index}
        for time, log_index in ((30, 9), (31, 7), (29, 6), (31, 8))
    ]
    shown = action_lines(rows, 160)[2:6]
    assert [line[6:8] for line in shown] == ["29", "30", "31", "31"]


def test_an_approval_inside_a_call_is_its_validation_and_the_answer_counts() -> None:
    asked = event(
        "approval.requested", action=None, index=5, observer="mcp_server", action__parent_id="s"
    )
    decided = event(
        "approval.decided", action=None, index=6, observer="mcp_server", action__parent_id="s",
        approval__decision="denied", approval__channel="elicitation.form",
    )  # fmt: skip
    for events in ([SERVER, asked, decided], [SERVER, decided, asked]):
        [call] = calls_of(events, [])
        assert call["stages"][1]["detail"] == "approval denied"
        assert call["stages"][1]["observer"] == "mcp_server"
    [call] = calls_of([SERVER, asked], [])
    assert call["stages"][1]["detail"] == "approval requested"
    allowed = {**SERVER, "statement": {**SERVER["statement"], "decision.effect": "allow"}}
    [call] = calls_of([allowed, asked, decided], [])
    assert call["stages"][1]["detail"] == "allow, approval denied"


def test_a_decision_beside_the_calls_is_told_with_its_answer() -> None:
    decided = event(
        "approval.decided", action=None, approval__decision="denied", approval__channel="chat"
    )
    refused = event(
        "authz.decision", action=None, decision__effect="deny", decision__rule="insufficient_scope"
    )
    trace = {"events": [decided, refused], "calls": [], "spans": []}
    text = "\n".join(trace_lines(trace, TRACE, 160))
    assert "approval.decided   denied   chat   - / - / -" in text
    assert "authz.decision   deny   insufficient_scope   - / - / -" in text


def test_a_list_of_actions_says_where_the_trace_ids_are() -> None:
    assert "tallystick trace" in told()


def test_a_record_of_no_call_names_the_tool_that_it_is_about() -> None:
    seen = event("tooldef.observed", action=None, tool__name="refund", server__name="billing")
    plain = event("config.changed", action=None)
    trace = {"events": [seen, plain], "calls": [], "spans": []}
    text = "\n".join(trace_lines(trace, TRACE, 160))
    assert "tooldef.observed   refund@billing   - / - / -   sealed" in text
    assert "config.changed   - / - / -   sealed" in text


@requirement("trace.signed-spans", "use.periods")
def test_a_trace_is_told_as_a_tree_with_its_stages_and_its_proof() -> None:
    inner = event(
        action="i", span="i1", parent="s1", index=2, observer="mcp_client", tool__name="inner",
        outcome="success", **times(2000, 3000),
    )  # fmt: skip
    decision = event("approval.requested", action=None, index=7)
    events = [CLIENT, SERVER, inner, decision]
    spans = [span("q", "s1", db__system="pg"), span("s1", "c1")]
    trace = {"events": events, "calls": calls_of(events, spans), "spans": spans}
    text = "\n".join(trace_lines(trace, TRACE, 160))
    assert "2 calls, 4 records, 2 spans" in text
    assert "└─ t   success   9.0 ms   sealed" in text
    assert "   └─ inner   success   1.0 ms   sealed" in text
    assert "• tool execution  by mcp_server   at +1.0 ms for 7.0 ms" in text
    assert "• data retrieval  by span   at +2.0 ms for 3.0 ms   span q" in text
    assert "· validation      not observed" in text
    assert "also recorded" in text
    assert "approval.requested" in text
    assert "spans, not signed at their source" in text
    assert text.count("span q") == 2
    assert "integrity  4 sealed, 0 recovered, 0 unsealed, 0 derived, log entries 0 to 7" in text


def test_a_trace_of_spans_alone_is_told_too() -> None:
    trace = {"events": [], "calls": [], "spans": [span("q", "")]}
    text = "\n".join(trace_lines(trace, TRACE, 100))
    assert "0 calls, 0 records, 1 spans" in text
    assert "span q" in text
