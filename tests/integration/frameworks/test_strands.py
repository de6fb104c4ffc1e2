"""Strands Agents at two versions: what a program sees, and what is recorded of its agents."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "strands_desk"
ENVIRONMENTS = ("agents-old", "agents-new")
ENDS = [
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("shout", "success"),
    ("fail", "failure"),
    ("write", "failure"),
    ("wait", "cancelled"),
    ("multiply", "success"),
    ("write", "success"),
    ("write", "success"),
    ("ask_clerk", "success"),
]

pytestmark = pytest.mark.e2e

found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 11
    ends = ENDS  # a tool that the program calls as a function is none of an agent
    leaves_cancelled = frozenset({"agents-old"})


def test_agent_call_id_and_definition_are_stated(found: Run) -> None:
    write, [shout] = found.ends("write")[2].statement, found.ends("shout")
    assert (write["agent.name"], write["tool.call_id"]) == ("clerk", "call-0")
    assert len(write["tool.definition_digest"]) == len(shout.statement["tool.definition_digest"])
    assert disclosed(shout)["params"] == '{"text":"loud"}'
    assert write["model.name"] == "fake-1"
    assert disclosed(shout)["principal.id"] == "ada"  # of the invocation's state
    assert shout.statement["principal.auth_method"] == "framework"


def test_a_failure_that_the_model_is_told_is_recorded_masked(found: Run) -> None:
    [fail] = found.ends("fail")
    told = {"agents-old": "tool_error", "agents-new": "KeyError"}[found.environment]
    assert fail.statement["error.type"] == told  # the old version keeps the error to itself
    assert "broken by [email:" in disclosed(fail)["error.message"]


def test_an_agent_that_a_tool_asks_has_the_tools_agent_above_it(found: Run) -> None:
    inner, [outer] = found.ends("write")[-1].statement, found.ends("ask_clerk")
    assert inner["action.parent_id"] == outer.statement["action.id"]
    assert (inner["agent.name"], inner["agent.parent_name"]) == ("clerk", "boss")


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    for name in ("direct", "here", "write"):
        assert "success" not in str(seen[name])
        assert "the tool was not run" in str(seen[name])
    assert "42" in str(seen["remote"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    found = run_example(environment, "with_strands", tmp_path)
    [refund] = found.ends("refund")
    assert refund.statement["agent.name"] == "billing"
    principal = disclosed(refund).get("principal.id")  # the old version runs the agent in a thread
    assert principal == {"agents-old": None, "agents-new": "ada"}[environment]
    assert found.seen["stdout"] == "refunded 20 euro for invoice 17\n"
