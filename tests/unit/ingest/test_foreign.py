"""Foreign spans: masked as a whole, stored, and read as events by the names of each convention."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.recording.payload import measure
from tallystick.span_record import parse_span
from tallystick.tlog.encoding import to_base64
from tallystick.tlog.tree import leaf_hash
from tallystick_ingest.derivation import MAX_VALUE_BYTES
from tallystick_ingest.foreign import mask_spans
from tallystick_ingest.masked import MaskedSpan
from tallystick_ingest.otlp import json_form
from tallystick_ingest.prepared import Prepared
from tests.requirements import requirement
from tests.sending import SPAN, TRACE, pairs, span_json, spans_json

MASKING = Masking.of(TokenKey("test", b"k" * 32))
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"}
CANARY = "carol.canary@example.org"


def masked(body: bytes) -> MaskedSpan:
    [one], refusals = mask_spans(json_form.traces(body), MASKING)
    assert refusals == ()
    return one


def derived(attributes: Mapping[str, Any], **more: Any) -> Prepared:
    event = masked(span_json(attributes, **more)).derived
    assert event is not None
    return event


def stored(body: bytes) -> dict[str, Any]:
    return parse_span(masked(body).row.record)


@requirement("mask.before-writing", "otlp.foreign-client")
def test_no_text_of_a_foreign_span_is_kept_unmasked() -> None:
    body = span_json(
        {**TOOL, "gen_ai.tool.call.arguments": json.dumps({"to": CANARY}), "user.id": CANARY}
        | {"note": f"ask {CANARY}", "list": [{"deep": CANARY}], "raw": CANARY.encode()},
        resource={"service.name": f"svc {CANARY}", "host.owner": CANARY},
        scope=f"scope {CANARY}",
        name=f"lookup {CANARY}",
        status={"code": 2, "message": f"no {CANARY}"},
        events=[
            {
                "name": f"exception {CANARY}",
                "timeUnixNano": "1",
                "attributes": pairs({"exception.message": CANARY, CANARY: "a key"}),
            },
            {
                "name": "exception",
                "timeUnixNano": "2",
                "attributes": pairs({"exception.message": f"sent to {CANARY}"}),
            },
        ],
        links=[{"traceId": TRACE, "spanId": SPAN, "attributes": pairs({"of": CANARY})}],
    )
    one = masked(body)
    assert CANARY not in body.decode().replace(CANARY, "")
    everything = one.row.record.decode() + repr(one.derived)
    assert CANARY not in everything
    assert "canary" not in everything.lower()
    assert parse_span(one.row.record)["hits"]["email"] >= 9


def test_a_span_record_keeps_what_otlp_itself_says() -> None:
    span = stored(
        span_json(
            {"count": 3, "ratio": 0.5},
            parentSpanId="00f067aa0ba902b8",
            kind=3,
            links=[{"traceId": "zz", "spanId": SPAN, "attributes": []}],
        )
    )
    assert (span["trace_id"], span["span_id"], span["parent_id"]) == (
        TRACE,
        SPAN,
        "00f067aa0ba902b8",
    )
    assert (span["kind"], span["status"], span["start_ns"]) == (3, 0, "1796213472000000000")
    assert json.loads(span["attributes"]) == {"count": 3, "ratio": 0.5}
    assert json.loads(span["links"]) == [{"attributes": {}, "span_id": SPAN, "trace_id": ""}]
    assert (span["service"], span["scope"], span["scope_version"]) == ("shop", "foreign", "1")


@pytest.mark.parametrize(
    "fault",
    [
        {"traceId": ""},
        {"traceId": "0" * 32},
        {"traceId": TRACE[:-1]},
        {"traceId": "z" * 32},
        {"spanId": ""},
        {"spanId": "0" * 16},
        {"spanId": SPAN + "00"},
        {"parentSpanId": "abc"},
        {"endTimeUnixNano": str(2**63)},
        {"startTimeUnixNano": str(2**64 - 1)},
    ],
)
@requirement("otlp.partial-success")
def test_a_span_that_cannot_be_placed_is_refused_and_the_others_kept(fault: dict[str, Any]) -> None:
    good = json.loads(span_json(TOOL))["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    body = spans_json([{**good, **fault}, good])
    kept, refusals = mask_spans(json_form.traces(body), MASKING)
    assert [one.row.columns["span_id"] for one in kept] == [SPAN]
    assert [one.reason for one in refusals] == ["span_invalid"]


def test_a_parent_of_zeros_is_no_parent() -> None:
    assert stored(span_json({}, parentSpanId="0" * 16))["parent_id"] == ""


def test_the_latest_time_that_signed_bytes_hold_is_kept() -> None:
    assert stored(span_json({}, endTimeUnixNano=str((2**53 - 1) * 1000)))["end_ns"].startswith("9")


def test_a_derived_event_says_that_nobody_signed_it_and_names_its_span() -> None:
    one = masked(span_json(TOOL, parentSpanId="00f067aa0ba902b8"))
    assert one.derived is not None
    said = one.derived.statement
    assert (said["origin"], said["signed"], said["observer"]) == ("derived", False, "span")
    assert said["source.span_hash"] == to_base64(leaf_hash(one.row.record))
    assert said["source.scope"] == "foreign"
    assert (said["trace.id"], said["span.id"]) == (TRACE, SPAN)
    assert said["span.parent_id"] == "00f067aa0ba902b8"
    assert (said["span.start_us"], said["span.end_us"]) == (1796213472000000, 1796213472500000)
    assert (said["time_us"], said["outcome"]) == (1796213472500000, "success")
    assert said["mask.policy"] == MASKING.policy_digest


@pytest.mark.parametrize("scope", ["tallystick", "tallystick.mcp"])
def test_spans_of_our_own_scope_are_stored_and_not_read(scope: str) -> None:
    one = masked(span_json(TOOL, scope=scope))
    assert one.derived is None
    assert parse_span(one.row.record)["scope"] == scope


@pytest.mark.parametrize(
    ("attributes", "kind", "name"),
    [
        (TOOL, "tool.completed", "lookup"),
        (
            {"mcp.method.name": "tools/call", "gen_ai.tool.name": "add"},
            "tool.completed",
            "add",
        ),
        ({"openinference.span.kind": "TOOL", "tool.name": "add"}, "tool.completed", "add"),
        (
            {"traceloop.span.kind": "tool", "traceloop.entity.name": "add"},
            "tool.completed",
            "add",
        ),
        (
            {"mcp.method.name": "resources/read", "mcp.resource.uri": "file:///a"},
            "resource.read",
            None,
        ),
        ({"mcp.method.name": "prompts/get", "gen_ai.prompt.name": "p"}, "prompt.get", None),
    ],
)
def test_a_call_is_recognised_in_every_convention(
    attributes: dict[str, Any], kind: str, name: str | None
) -> None:
    event = derived(attributes)
    assert event.statement["type"] == kind
    assert event.statement.get("tool.name") == name


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"gen_ai.operation.name": "chat"},
        {"openinference.span.kind": "LLM"},
        {"traceloop.span.kind": "workflow"},
        {"mcp.method.name": "tools/list"},
        {**TOOL, "gen_ai.tool.name": "(merged tools)"},
    ],
)
def test_what_is_no_call_is_not_made_one(attributes: dict[str, Any]) -> None:
    assert masked(span_json(attributes)).derived is None


ARGUMENTS = {"id": 7, "rate": 1.5}


@pytest.mark.parametrize(
    "attributes",
    [
        {**TOOL, "gen_ai.tool.call.arguments": json.dumps(ARGUMENTS)},
        {**TOOL, "gen_ai.tool.call.arguments": ARGUMENTS},
        {"openinference.span.kind": "TOOL", "input.value": json.dumps(ARGUMENTS)}
        | {"tool.parameters": '{"type":"object"}'},
        {"openinference.span.kind": "TOOL", "tool.parameters": json.dumps(ARGUMENTS)},
        {"traceloop.span.kind": "tool"}
        | {"traceloop.entity.input": json.dumps({"tool_name": "x", "arguments": ARGUMENTS})},
        {"traceloop.span.kind": "tool", "mcp.request.argument": json.dumps(ARGUMENTS)},
        {**TOOL, "gcp.vertex.agent.tool_call_args": json.dumps(ARGUMENTS)},
    ],
)
def test_arguments_are_found_where_each_convention_puts_them(attributes: dict[str, Any]) -> None:
    event = derived(attributes)
    assert json.loads(event.disclosures["params"]) == ARGUMENTS
    measured = measure(ARGUMENTS)
    assert measured is not None
    assert event.statement["params.size_bytes"] == measured.size_bytes
    digest = MASKING.masker.digest("params", measured.canonical)
    assert event.statement["params.digest"] == digest


def test_arguments_and_results_in_span_events_are_found() -> None:
    event = derived(
        TOOL,
        events=[
            {"name": "noise", "timeUnixNano": "1", "attributes": pairs({"content": "no"})},
            {
                "name": "gen_ai.tool.message",
                "timeUnixNano": "1",
                "attributes": pairs({"content": '{"id":7}'}),
            },
            {
                "name": "gen_ai.choice",
                "timeUnixNano": "2",
                "attributes": pairs({"message": "found"}),
            },
        ],
    )
    assert event.disclosures == {"params": '{"id":7}', "result": '"found"'}


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.tool.call.result",
        "output.value",
        "traceloop.entity.output",
        "mcp.response.value",
        "gcp.vertex.agent.tool_response",
    ],
)
def test_results_are_found_where_each_convention_puts_them(key: str) -> None:
    event = derived({**TOOL, key: '{"ok":true}'})
    assert event.disclosures["result"] == '{"ok":true}'


def test_what_adk_withholds_is_absent_and_not_empty() -> None:
    event = derived(
        {**TOOL, "gcp.vertex.agent.tool_call_args": "{}", "gcp.vertex.agent.tool_response": "{}"}
    )
    assert event.disclosures == {}
    assert "params.digest" not in event.statement
    assert derived({**TOOL, "gen_ai.tool.call.arguments": "{}"}).disclosures == {"params": "{}"}


def test_personal_data_in_arguments_is_masked_and_counted_under_its_field() -> None:
    event = derived({**TOOL, "gen_ai.tool.call.arguments": json.dumps({"to": CANARY})})
    assert "[email" in event.disclosures["params"]
    assert event.statement["mask.hits"]["params:email"] == 1


def test_a_large_value_is_kept_as_a_preview_with_its_size_and_digest() -> None:
    text = "word " * (MAX_VALUE_BYTES // 4)
    event = derived({**TOOL, "gen_ai.tool.call.arguments": {"text": text}})
    assert event.statement["params.truncated"] is True
    assert event.statement["params.size_bytes"] > MAX_VALUE_BYTES
    assert len(event.disclosures["params"]) < MAX_VALUE_BYTES


def test_arguments_nested_without_end_cost_only_themselves() -> None:
    deep = "[" * 500 + "]" * 500
    event = derived({**TOOL, "gen_ai.tool.call.arguments": deep})
    assert event.statement["tool.name"] == "lookup"


@pytest.mark.parametrize("size", [300, 60_000])
def test_long_texts_are_cut_before_they_reach_the_statement(size: int) -> None:
    event = derived({**TOOL, "gen_ai.tool.name": "x" * size, "gen_ai.agent.name": "y" * size})
    assert len(event.statement["tool.name"]) == 256
    assert len(event.statement["agent.name"]) == 256


@pytest.mark.parametrize(
    ("more", "outcome", "kind"),
    [
        ({}, "success", None),
        ({"status": {"code": 1}}, "success", None),
        ({"status": {"code": 2, "message": "no"}}, "failure", None),
        (
            {
                "status": {"code": 2},
                "events": [
                    {
                        "name": "exception",
                        "timeUnixNano": "1",
                        "attributes": pairs(
                            {"exception.type": "KeyError", "exception.message": "no"}
                        ),
                    }
                ],
            },
            "failure",
            "KeyError",
        ),
    ],
)
def test_the_outcome_is_that_of_the_span(
    more: dict[str, Any], outcome: str, kind: str | None
) -> None:
    event = derived(TOOL, **more)
    assert (event.statement["outcome"], event.statement.get("error.type")) == (outcome, kind)
    assert (event.disclosures.get("error.message") == "no") is (outcome == "failure")


@pytest.mark.parametrize(
    "attribute", [{"error.type": "tool_error"}, {"gen_ai.tool.status": "error"}]
)
def test_an_error_that_only_an_attribute_tells_is_a_failure(attribute: dict[str, str]) -> None:
    assert derived({**TOOL, **attribute}).statement["outcome"] == "failure"


@pytest.mark.parametrize(
    "key", ["user.id", "enduser.id", "traceloop.association.properties.user_id"]
)
def test_the_user_is_asserted_and_pseudonymous(key: str) -> None:
    event = derived({**TOOL, key: "alice"})
    assert event.disclosures["principal.id"] == "alice"
    assert event.statement["principal.basis"] == "asserted"
    expected = MASKING.masker.digest("principal", b"\x1falice")
    assert event.statement["principal.ref"] == expected


def test_enduser_id_of_fastmcp_is_the_client_and_never_the_user() -> None:
    event = derived(
        {**TOOL, "enduser.id": "desk-client", "enduser.scope": "read write"}, scope="fastmcp"
    )
    assert event.statement["client.id"] == "desk-client"
    assert event.statement["credential.scopes"] == ["read", "write"]
    assert "principal.id" not in event.disclosures
    assert "principal.ref" not in event.statement


def test_an_agent_is_found_above_a_call_that_names_none() -> None:
    agent = {
        "traceId": TRACE,
        "spanId": "aa" * 8,
        "name": "invoke_agent planner",
        "kind": 1,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "9",
        "attributes": pairs(
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner"}
        ),
    }
    between = {**agent, "spanId": "bb" * 8, "parentSpanId": "aa" * 8, "attributes": []}
    call = {**agent, "spanId": SPAN, "parentSpanId": "bb" * 8, "attributes": pairs(TOOL)}
    own = {
        **call,
        "spanId": "cc" * 8,
        "attributes": pairs({**TOOL, "gen_ai.agent.name": "worker"}),
    }
    loop = {**call, "spanId": "dd" * 8, "parentSpanId": "dd" * 8}
    kept, _ = mask_spans(json_form.traces(spans_json([call, own, loop, between, agent])), MASKING)
    names = {
        one.row.columns["span_id"]: one.derived and one.derived.statement.get("agent.name")
        for one in kept
    }
    assert names[SPAN] == "planner"
    assert names["cc" * 8] == "worker"
    assert names["dd" * 8] is None


def test_the_host_of_a_tool_is_the_peer_for_a_client_and_the_service_for_a_server() -> None:
    client = derived({**TOOL, "server.address": "tools.example"}, kind=3).statement
    server = derived({**TOOL, "server.address": "me"}, kind=2).statement
    assert (client["server.name"], client["span.kind"]) == ("tools.example", "client")
    assert (server["server.name"], server["span.kind"]) == ("shop", "server")
    assert "server.name" not in derived(TOOL, kind=3).statement


def test_names_of_the_protocol_are_carried_over() -> None:
    said = derived(
        {
            "mcp.method.name": "tools/call",
            "gen_ai.tool.name": "add",
            "gen_ai.tool.call.id": "<not specified>",
            "mcp.protocol.version": "2026-07-28",
            "mcp.session.id": "s-1",
            "jsonrpc.request.id": 7,
            "network.transport": "pipe",
            "session.id": "looks-like-a-secret",
            "traceloop.association.properties.thread_id": "conversation-1",
        }
    ).statement
    assert said["mcp.protocol_version"] == "2026-07-28"
    assert said["mcp.transport"] == "stdio"
    assert said["jsonrpc.request_id"] == "7"
    assert said["conversation.id"] == "conversation-1"
    assert "tool.call_id" not in said


def test_a_span_gives_the_same_record_whenever_it_comes() -> None:
    body = span_json({**TOOL, "note": CANARY})
    assert masked(body).row.record == masked(body).row.record
