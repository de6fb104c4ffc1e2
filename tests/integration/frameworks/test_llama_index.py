"""LlamaIndex at two versions: what a program sees, and what is recorded of its agents and tools."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "llama_index_desk"
ENVIRONMENTS = ("old", "new")
ENDS = [
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("write", "success"),
    ("fail", "failure"),
    ("wait", "cancelled"),
    ("write", "success"),
    ("fail", "failure"),
    ("remember", "success"),
    ("multiply", "success"),
    ("write", "success"),
]

pytestmark = pytest.mark.e2e


found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 11
    ends = ENDS
    call_id = None


def test_arguments_have_their_names_and_the_workflows_context_is_none_of_them(found: Run) -> None:
    assert disclosed(found.ends("write")[0])["params"] == '{"text":"directly"}'
    assert disclosed(found.ends("remember")[0])["params"] == '{"word":"hello"}'


def test_agent_and_model_are_stated_also_of_one_agent_among_several(found: Run) -> None:
    writes = found.ends("write")
    assert "agent.name" not in writes[0].statement
    assert "model.name" not in writes[0].statement
    assert [end.statement["agent.name"] for end in writes[-2:]] == ["clerk", "clerk"]
    assert [end.statement["model.name"] for end in writes[-2:]] == ["fake-1", "fake-1"]
    assert len({end.statement["tool.definition_digest"] for end in writes}) == 1


def test_the_real_cause_of_a_failure_that_the_model_is_told_is_recorded_masked(found: Run) -> None:
    direct, told = found.ends("fail")
    assert disclosed(direct)["error.message"].startswith("broken by [email:")
    assert told.statement["error.type"] == "ValueError"
    assert disclosed(told)["result"] == '"no"'
    claims.assert_masked(found)


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    for step in ("direct", "direct async", "write"):
        refusal = seen[step]
        assert isinstance(refusal, dict)
        assert "the tool was not run" in refusal["text"]
    assert seen["remote"] == [["multiply", "42", False], "done"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    claims.assert_refunded(run_example(environment, "with_llama_index", tmp_path))
