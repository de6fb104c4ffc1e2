"""Pydantic AI at two versions: what a program sees, and what is recorded of its agents."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "pydantic_ai_desk"
ENVIRONMENTS = ("old", "new")
ENDS = [
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("fail", "failure"),
    ("again", "failure"),
    ("write", "failure"),
    ("nothing", "failure"),
    ("wait", "cancelled"),
    ("multiply", "success"),
    ("write", "success"),
    ("approve", "cancelled"),
    ("write", "success"),
    ("ask_clerk", "success"),
]

pytestmark = pytest.mark.e2e


found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 13
    ends = ENDS  # the answer by an output tool is none of them


def test_ids_of_model_and_conversation_and_the_agents_name_are_stated(found: Run) -> None:
    write = found.ends("write")[1].statement
    assert write["tool.call_id"] == "call-0"
    assert write["model.name"] == "function:say:stream"
    assert write["agent.name"] == "clerk"
    assert ("conversation.id" in write) is (found.environment == "new")
    assert len(write["tool.definition_digest"]) == 64


def test_the_real_cause_of_a_failure_that_the_model_is_told_is_recorded_masked(found: Run) -> None:
    [again], [fail] = found.ends("again"), found.ends("fail")
    assert again.statement["error.type"] == "ModelRetry"
    assert disclosed(again)["error.message"] == "not so"
    assert disclosed(fail)["error.message"].startswith("broken by [email:")
    claims.assert_masked(found)


def test_wrong_arguments_and_an_unknown_tool_are_told_apart(found: Run) -> None:
    assert found.ends("write")[3].statement["error.type"] == "invalid_arguments"
    assert found.ends("nothing")[0].statement["error.type"] == "unknown_tool"


def test_arguments_are_the_same_whether_given_as_an_object_or_as_text(found: Run) -> None:
    assert disclosed(found.ends("write")[2])["params"] == '{"text":"in JSON"}'


def test_a_call_that_waits_for_an_approval_has_not_run(found: Run) -> None:
    assert found.ends("approve")[0].statement["error.type"] == "ApprovalRequired"


def test_an_agent_that_a_tool_asks_has_the_tools_agent_above_it(found: Run) -> None:
    inner, [outer] = found.ends("write")[-1].statement, found.ends("ask_clerk")
    assert inner["action.parent_id"] == outer.statement["action.id"]
    assert inner["agent.parent_name"] == "boss"


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    assert isinstance(seen["write"], dict)
    assert seen["write"]["raised"] == "RefusedError"
    assert seen["remote"] == ["42", "done"]


def test_the_example_runs_and_is_recorded(tmp_path: Path) -> None:
    claims.assert_refunded(run_example("new", "with_pydantic_ai", tmp_path))
