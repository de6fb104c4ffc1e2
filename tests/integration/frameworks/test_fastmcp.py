"""fastmcp 2.12, 3.x and 4.x: an unmodified server and its client, in memory and over HTTP with tokens."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims
from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "fastmcp_desk"
ENVIRONMENTS = ("old", "mcp1", "new")
SERVED = [
    ("add", "success"),
    ("note", "success"),
    ("fail", "failure"),
    ("sorry", "failure"),
    ("nothing", "failure"),
    ("add", "failure"),
    ("wait", "cancelled"),
    ("relay", "success"),
    ("inner_add", "success"),
    ("note", "success"),
]
"""What goes over the wire: tool and outcome, from the client's and from the server's side."""

pytestmark = pytest.mark.e2e


@pytest.fixture(params=ENVIRONMENTS)
def found(request: pytest.FixtureRequest, recorded: Runs) -> Run:
    return recorded(request.param, PROGRAM)


def calls_directly(found: Run) -> bool:
    return found.environment != "old"


@requirement("sdk.host-never-broken")
def test_a_program_sees_the_same_with_and_without_recording(found: Run, plain: Runs) -> None:
    steps = 15 if calls_directly(found) else 14
    claims.assert_unchanged(found, plain(found.environment, PROGRAM), steps)


@requirement("sdk.every-call-recorded")
def test_each_call_is_recorded_once_from_each_side(found: Run) -> None:
    assert found.recording.holes() == []
    assert found.recording.lost() == 0
    for observer in ("mcp_client", "mcp_server"):
        calls = [
            (record.statement["tool.name"], record.statement["outcome"])
            for record in found.recording.where(observer=observer, type="tool.completed")
            if "jsonrpc.request_id" in record.statement
        ]
        assert calls == SERVED
    assert len(found.recording.where(type="resource.read")) == 2
    assert len(found.recording.where(type="prompt.get")) == 2


def test_a_call_without_a_message_is_recorded_too(found: Run) -> None:
    direct = [
        record.statement
        for record in found.ends("note", observer="mcp_server")
        if "jsonrpc.request_id" not in record.statement
    ]
    assert [end["server.name"] for end in direct] == (["desk"] * 2 if calls_directly(found) else [])
    if direct:
        [relay] = found.ends("relay", observer="mcp_server")
        assert direct[0]["action.parent_id"] == relay.statement["action.id"]
        assert direct[0]["principal.basis"] == "asserted"
        assert "action.parent_id" not in direct[1]


def test_a_tool_of_a_mounted_server_is_one_call(found: Run) -> None:
    [call] = found.ends("inner_add", observer="mcp_server")
    assert call.statement["server.name"] == "outer"
    inner = [r for r in found.ends("add") if "action.parent_id" in r.statement]
    assert inner == []


def test_what_the_server_hides_from_its_clients_is_recorded_masked(found: Run) -> None:
    [fail] = found.ends("fail", observer="mcp_server")
    assert fail.statement["error.type"] == "ValueError"
    assert disclosed(fail)["error.message"].startswith("broken by [email:")
    [told] = found.ends("fail", observer="mcp_client")
    assert disclosed(told)["error.message"] == "Error calling tool 'fail'"
    claims.assert_masked(found)


def test_what_a_tool_says_wrong_arguments_and_an_unknown_tool_are_told_apart(found: Run) -> None:
    kinds = {
        tool: found.ends(tool, observer="mcp_server")[number].statement["error.type"]
        for tool, number in (("sorry", 0), ("add", 1), ("nothing", 0))
    }
    unknown = "NotFoundError" if found.environment == "old" else "unknown_tool"
    assert kinds == {"sorry": "tool_error", "add": "invalid_arguments", "nothing": unknown}


def test_the_definition_that_was_listed_is_stated_and_what_it_claims(found: Run) -> None:
    add = found.ends("add", observer="mcp_server")[0].statement
    [listed] = found.recording.where(
        type="tooldef.observed", tool_name="add", observer="mcp_server"
    )
    assert add["tool.definition_digest"] == listed.statement["tool.definition_digest"]
    assert add["tool.read_only"] is True
    started = found.recording.where(type="tool.started", observer="mcp_server", tool_name="add")
    assert started == []  # read-only


@requirement("sdk.identity-from-token")
def test_over_http_the_token_says_who_calls(found: Run) -> None:
    http = found.ends("note", observer="mcp_server")[-1]
    assert http.statement["mcp.transport"] == "http"
    assert http.statement["client.id"] == "desk"
    assert http.statement["principal.basis"] == "authenticated"
    assert http.statement["credential.scopes"] == ["use"]
    assert "token-of-ada" not in "".join(record.body for record in found.recording)


def test_a_token_that_is_refused_is_a_decision(found: Run) -> None:
    decisions = found.recording.where(type="authz.decision", decision_effect="deny")
    assert len(decisions) >= 2
    assert len({d.statement["credential.ref"] for d in decisions}) == 2


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "note", tmp_path)
    names = [name for name in ("note", "direct", "ada") if name in seen]
    said = [seen[name] for name in names]
    assert [one["raised"] for one in said if isinstance(one, dict)] == ["RefusedError"] * len(names)
    assert seen["add"] == 3


@pytest.mark.parametrize("environment", ["mcp1", "new"])
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    found = run_example(environment, "with_fastmcp", tmp_path)
    client, server = (found.ends("refund", observer=o)[0] for o in ("mcp_client", "mcp_server"))
    assert client.statement["trace.id"] == server.statement["trace.id"]
    assert client.statement["agent.name"] == "billing"
    assert found.seen["stdout"] == "refunded 20 euro for invoice 17\n"
