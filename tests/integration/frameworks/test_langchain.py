"""LangChain and LangGraph at two versions: what a program sees, and what is recorded of its agents."""

from pathlib import Path

import pytest

from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import Run, run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "langchain_desk"

pytestmark = pytest.mark.e2e


@pytest.fixture(params=["old", "new"])
def found(request: pytest.FixtureRequest, recorded: Runs) -> Run:
    return recorded(request.param, PROGRAM)


@requirement("sdk.host-never-broken")
def test_a_program_sees_the_same_with_and_without_recording(found: Run, plain: Runs) -> None:
    unrecorded = plain(found.environment, PROGRAM)
    assert found.seen == unrecorded.seen
    assert len(found.seen) == 13
    assert unrecorded.recording.records == []


@requirement("sdk.every-call-recorded")
def test_each_call_is_one_action_and_none_is_missing(found: Run) -> None:
    assert found.recording.holes() == []
    assert found.recording.lost() == 0
    ends = [r.statement for r in found.recording if "outcome" in r.statement]
    assert [(end["tool.name"], end["outcome"]) for end in ends if end["observer"] == "agent"] == [
        ("write", "success"),
        ("write", "success"),
        ("refuse", "failure"),
        ("write", "failure"),
        ("add", "success"),
        ("write", "success"),
        ("write", "success"),
        ("fail", "failure"),
        ("wait", "cancelled"),
        ("wait", "cancelled"),
        ("add", "success"),
        ("write", "success"),
        ("multiply", "success"),
        ("ask", "cancelled"),
        ("ask", "success"),
        ("fail", "failure"),
    ]
    assert len({end["action.id"] for end in ends}) == len(ends)


@requirement("sdk.started-before")
def test_each_call_begins_with_a_record(found: Run) -> None:
    started = [r.statement["action.id"] for r in found.recording.where(type="tool.started")]
    ended = [r.statement["action.id"] for r in found.recording if "outcome" in r.statement]
    assert sorted(started) == sorted(ended)


def test_ids_of_model_and_thread_and_the_agents_name_are_stated(found: Run) -> None:
    add = found.ends("add")[0].statement
    assert add["tool.call_id"] == "call-0"
    assert add["conversation.id"] == "thread-1"
    assert add.get("agent.name") == {"old": None, "new": "clerk"}[found.environment]
    assert len(add["tool.definition_digest"]) == 64


def test_what_langgraph_adds_to_the_arguments_is_not_recorded_as_the_models(found: Run) -> None:
    assert disclosed(found.ends("add")[0])["params"] == '{"a":1,"b":2}'


def test_the_real_cause_of_a_failure_that_the_model_is_told_is_recorded_masked(found: Run) -> None:
    [refusal] = found.ends("refuse")
    assert refusal.statement["error.type"] == "ToolException"
    assert disclosed(refusal)["error.message"].startswith("no, says [email:")
    assert "bob@example.com" not in "".join(record.body for record in found.recording)


def test_a_tool_that_calls_an_mcp_server_is_one_call_from_this_side(found: Run) -> None:
    agent, server = (found.ends("multiply", observer=who) for who in ("agent", "mcp_server"))
    assert found.ends("multiply", observer="mcp_client") == []
    assert agent[0].statement["server.name"] == "calculator"
    assert agent[0].statement["tool.call_id"] == "call-0"
    assert server[0].statement["trace.id"] == agent[0].statement["trace.id"]
    assert server[0].statement["span.parent_id"] == agent[0].statement["span.id"]


def test_a_question_to_a_person_ends_the_call_which_begins_again_with_the_answer(
    found: Run,
) -> None:
    asked, answered = found.ends("ask")
    assert asked.statement["error.type"] == "GraphInterrupt"
    assert disclosed(answered)["result"] == '"answered: yes"'


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ["old", "new"])
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    blocked = {"TALLYSTICK_REQUIRED": "write", "TALLYSTICK_SPOOL_DIR": str(tmp_path / "file" / "x")}
    seen = run(environment, PROGRAM, tmp_path, **blocked).seen
    refused = seen["direct"], seen["direct async"]
    assert [one["raised"] for one in refused if isinstance(one, dict)] == ["RefusedError"] * 2
    assert seen["refuse"] == "no, says bob@example.com"


@pytest.mark.parametrize("environment", ["new"])
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    found = run_example(environment, "with_langchain", tmp_path)
    [refund] = found.ends("refund")
    assert refund.statement["agent.name"] == "billing"
    assert refund.statement["principal.basis"] == "asserted"
    assert found.seen["stdout"] == "refunded 20 euro for invoice 17\n"
