"""The Claude Agent SDK at two versions, with its own program and a model of ours: what is recorded."""

import json
from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every, fake_claude
from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "claude_agent_desk"
ENVIRONMENTS = ("agents-old", "agents-new")
MULTIPLY = "mcp__desk__multiply"

ENDS = [
    "Bash denied",
    "Bash failure",
    *["Bash success"] * 4,
    "Write denied",
    f"{MULTIPLY} success",
]

pytestmark = pytest.mark.e2e

found = every.running(PROGRAM, ENVIRONMENTS)


@requirement("sdk.host-never-broken")
def test_a_program_sees_the_same_with_and_without_recording(found: Run, plain: Runs) -> None:
    claims.assert_unchanged(found, plain(found.environment, PROGRAM), steps=7)


@requirement("sdk.every-call-recorded", "sdk.started-before")
def test_each_call_has_a_beginning_and_an_end(found: Run) -> None:
    by_agents = found.recording.where(observer="agent")
    ended = [r.statement for r in by_agents if "outcome" in r.statement]
    assert sorted(f"{end['tool.name']} {end['outcome']}" for end in ended) == ENDS
    started = [r.statement for r in by_agents if r.statement["type"] == "tool.started"]
    assert sorted(str(s["action.id"]) for s in started) == sorted(
        str(s["action.id"]) for s in ended
    )
    assert found.recording.holes() == []
    assert found.recording.lost() == 0


@requirement("mask.before-writing")
def test_arguments_and_results_are_recorded_masked(found: Run) -> None:
    first = found.ends("Bash")[0]
    assert disclosed(first)["params"].startswith('{"command":"echo to [email:')
    assert '"stdout":"to [email:' in disclosed(first)["result"]
    claims.assert_masked(found)


def test_the_id_of_the_call_and_the_session_are_stated(found: Run) -> None:
    ends = [end.statement for end in found.ends("Bash")]
    assert ends[0]["tool.call_id"] == "call-0"
    assert len({end["conversation.id"] for end in ends}) == 4  # one of them talked twice


def test_a_failure_says_what_the_model_is_told(found: Run) -> None:
    [fail] = found.ends("Bash", outcome="failure")
    assert fail.statement["error.type"] == "tool_error"
    assert disclosed(fail)["error.message"].startswith("Exit code 3")


def test_a_tool_that_was_not_allowed_to_run_is_denied(found: Run) -> None:
    [write], [shell] = found.ends("Write"), found.ends("Bash", outcome="denied")
    assert write.statement["error.type"] == shell.statement["error.type"] == "not_allowed"
    assert "haven't granted it" in disclosed(write)["error.message"]
    assert "not that" in disclosed(shell)["error.message"]


def test_a_tool_of_the_programs_own_is_seen_from_both_sides(found: Run) -> None:
    [agent] = found.ends(MULTIPLY, observer="agent")
    assert disclosed(agent)["params"] == '{"a":6,"b":7}'
    assert found.ends("multiply", observer="mcp_server")


@requirement("tooldef.first-use", "tooldef.in-force")
def test_the_definition_of_a_tool_of_the_programs_own_is_in_force(found: Run) -> None:
    claims.assert_defined(found)
    offered = found.recording.one(type="tooldef.observed", observer="agent", tool_name=MULTIPLY)
    shown = json.loads(disclosed(offered)["tool.definition"])
    assert shown["name"] == MULTIPLY
    assert shown["description"] == "Multiply two numbers elsewhere."
    assert shown["inputSchema"]["required"] == ["a", "b"]
    [call] = found.ends(MULTIPLY, observer="agent")
    digest = offered.statement["tool.definition_digest"]
    assert call.statement["tool.definition_digest"] == digest


def test_a_tool_of_the_program_that_runs_them_has_no_definition(found: Run) -> None:
    for end in found.ends("Bash"):
        assert "tool.definition_digest" not in end.statement


def test_the_model_is_stated_where_its_message_is_read_while_the_tool_runs(found: Run) -> None:
    ends = found.ends("Bash")
    [last] = [end for end in ends if "echo two" in disclosed(end)["params"]]
    session = last.statement["conversation.id"]
    talked = [end.statement for end in ends if end.statement["conversation.id"] == session]
    assert [stated["model.name"] for stated in talked] == ["fake-1", "fake-1"]
    assert {end.statement.get("model.name", "fake-1") for end in ends} == {"fake-1"}


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "Bash", tmp_path)
    assert "the tool was not run" in str(seen["shell"])
    assert "to bob" not in str(seen["shell"])
    assert "42" in str(seen["own"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    asked = ["Bash", {"command": "echo refunded 20 euro for invoice 17"}]
    with fake_claude.serving(asked) as url:
        here = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none"}
        quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        found = run_example(environment, "with_claude_agent", tmp_path, **here, **quiet)
    [shell] = found.ends("Bash")
    assert disclosed(shell)["principal.id"] == "ada"
    assert disclosed(shell)["params"].startswith('{"command":"echo refunded')
    assert found.seen["stdout"] == "refunded 20 euro for invoice 17\n"
