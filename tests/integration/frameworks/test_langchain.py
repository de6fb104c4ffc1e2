"""LangChain and LangGraph at two versions: what a program sees, and what is recorded of its agents."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "langchain_desk"
ENVIRONMENTS = ("old", "new")
ENDS = [
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

pytestmark = pytest.mark.e2e


found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 13
    ends = ENDS


def test_ids_of_model_and_thread_and_names_of_agent_and_model_are_stated(found: Run) -> None:
    add = found.ends("add")[0].statement
    assert add["tool.call_id"] == "call-0"
    assert add["conversation.id"] == "thread-1"
    assert (add["agent.name"], add["agent.basis"]) == ("clerk", "asserted")
    assert add["model.name"] == "fake-1"
    assert len(add["tool.definition_digest"]) == 64


def test_a_call_without_an_agent_names_none_and_no_model(found: Run) -> None:
    direct = found.ends("write")[0].statement
    assert "agent.name" not in direct
    assert "model.name" not in direct


def test_what_langgraph_adds_to_the_arguments_is_not_recorded_as_the_models(found: Run) -> None:
    assert disclosed(found.ends("add")[0])["params"] == '{"a":1,"b":2}'


def test_the_real_cause_of_a_failure_that_the_model_is_told_is_recorded_masked(found: Run) -> None:
    [refusal] = found.ends("refuse")
    assert refusal.statement["error.type"] == "ToolException"
    assert disclosed(refusal)["error.message"].startswith("no, says [email:")
    claims.assert_masked(found)


def test_a_question_to_a_person_ends_the_call_which_begins_again_with_the_answer(
    found: Run,
) -> None:
    asked, answered = found.ends("ask")
    assert asked.statement["error.type"] == "GraphInterrupt"
    assert disclosed(answered)["result"] == '"answered: yes"'


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    refused = seen["direct"], seen["direct async"]
    assert [one["raised"] for one in refused if isinstance(one, dict)] == ["RefusedError"] * 2
    assert seen["refuse"] == "no, says bob@example.com"


def test_the_example_runs_and_is_recorded(tmp_path: Path) -> None:
    found = run_example("new", "with_langchain", tmp_path)
    [refund] = found.ends("refund")
    assert refund.statement["agent.name"] == "billing"
    assert refund.statement["principal.basis"] == "asserted"
    assert found.seen["stdout"] == "refunded 20 euro for invoice 17\n"
