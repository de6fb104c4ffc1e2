"""AutoGen at two versions: what a program sees, and what is recorded of its agents."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "autogen_desk"
ENVIRONMENTS = ("agents-old", "agents-new")
ENDS = [
    ("write", "success"),
    ("fail", "failure"),
    ("write", "success"),
    ("fail", "failure"),
    ("write", "failure"),
    ("write", "failure"),
    ("nothing", "failure"),
    ("wait", "cancelled"),
    ("multiply", "success"),
    ("write", "success"),
    ("count_letters", "success"),
    ("transfer_to_boss", "success"),
    ("write", "success"),
    ("ask_clerk", "success"),
]

pytestmark = pytest.mark.e2e

found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 13
    leaves_cancelled = frozenset({"agents-new"})
    ends = ENDS


def test_agent_and_call_id_are_stated_where_an_assistant_calls(found: Run) -> None:
    direct, write = (end.statement for end in found.ends("write")[:2])
    assert "agent.name" not in direct
    assert (write["agent.name"], write["tool.call_id"]) == ("clerk", "call-0")
    assert "model.name" not in write  # a ChatCompletionClient has no name for it
    assert len(str(write["tool.definition_digest"])) == 64


def test_the_real_cause_of_a_failure_that_the_model_is_told_is_recorded_masked(found: Run) -> None:
    for fail in found.ends("fail"):
        assert fail.statement["error.type"] == "ValueError"
        assert disclosed(fail)["error.message"].startswith("broken by [email:")


def test_an_unknown_tool_and_arguments_that_are_no_json_are_failures(found: Run) -> None:
    [unknown], garbled = found.ends("nothing"), found.ends("write")[3]
    assert unknown.statement["error.type"] == garbled.statement["error.type"] == "tool_error"
    assert disclosed(garbled)["params"] == '"{"'


def test_a_tool_of_a_class_of_its_own_is_recorded(found: Run) -> None:
    [count] = found.ends("count_letters")
    assert disclosed(count)["params"] == '{"text":"four"}'
    assert len(count.statement["tool.definition_digest"]) == 64


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
    assert isinstance(seen["directly"], dict)
    assert seen["directly"]["raised"] == "RefusedError"
    assert "the tool was not run" in str(seen["write"])
    assert seen["remote"] == ["42"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    claims.assert_refunded(run_example(environment, "with_autogen", tmp_path))
