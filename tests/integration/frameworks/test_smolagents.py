"""smolagents at two versions: what a program sees, and what is recorded of its agents."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "smolagents_desk"
ENVIRONMENTS = ("old", "new")
ENDS = [
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("fail", "failure"),
    ("fail", "failure"),
    ("multiply", "success"),
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("clerk", "success"),
]

pytestmark = pytest.mark.e2e


found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 11
    ends = ENDS  # the final answer is none of them
    call_id = None


def test_arguments_have_their_names_however_they_were_given(found: Run) -> None:
    given = [disclosed(end)["params"] for end in found.ends("write")[:3]]
    assert given == ['{"text":"directly"}', '{"text":"by name"}', '{"text":"as an object"}']


def test_agent_and_model_are_stated_also_for_calls_from_an_agents_code(found: Run) -> None:
    writes = found.ends("write")
    assert "agent.name" not in writes[0].statement
    assert "model.name" not in writes[0].statement
    assert writes[3].statement["agent.name"] == "clerk"
    assert writes[3].statement["model.name"] == "fake"
    coded = next(end for end in writes if "in code" in disclosed(end)["params"])
    assert coded.statement["agent.name"] == "coder"
    assert coded.statement["model.name"] == "fake"
    assert len(coded.statement["tool.definition_digest"]) == 64


def test_a_failure_is_recorded_masked(found: Run) -> None:
    fail = found.ends("fail")[0]
    assert fail.statement["error.type"] == "ValueError"
    assert disclosed(fail)["error.message"].startswith("broken by [email:")
    claims.assert_masked(found)


def test_a_managed_agent_is_a_tool_of_the_one_that_manages_it(found: Run) -> None:
    [managed], inner = found.ends("clerk"), found.ends("write")[-1].statement
    assert (managed.statement["agent.name"], managed.statement["model.name"]) == ("boss", "fake")
    assert inner["action.parent_id"] == managed.statement["action.id"]
    assert (inner["agent.name"], inner["agent.parent_name"]) == ("clerk", "boss")


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    assert isinstance(seen["direct"], dict)
    assert seen["direct"]["raised"] == "RefusedError"
    assert "RefusedError" in str(seen["write"])
    assert seen["remote"] == ["done", "42", "done"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    claims.assert_refunded(run_example(environment, "with_smolagents", tmp_path))
