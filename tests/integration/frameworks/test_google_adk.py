"""Google ADK at two versions: what a program sees, and what is recorded of its agents."""

from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "google_adk_desk"
ENVIRONMENTS = ("agents-old", "agents-new")
ENDS = [
    ("write", "success"),
    ("fail", "failure"),
    ("write", "failure"),
    ("wait", "cancelled"),
    ("multiply", "success"),
    ("write", "success"),
    ("submit", "success"),
    ("write", "success"),
    ("clerk", "success"),
]

pytestmark = pytest.mark.e2e

found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 8
    ends = ENDS


def test_agent_call_id_session_and_definition_are_stated(found: Run) -> None:
    write = found.ends("write")[0].statement
    assert (write["agent.name"], write["tool.call_id"]) == ("clerk", "call-0")
    assert len(str(write["conversation.id"])) == 36
    assert disclosed(found.ends("write")[0])["principal.id"] == "ada"  # the session's user
    assert write["model.name"] == "fake-1"
    assert (write["principal.basis"], write["principal.auth_method"]) == ("asserted", "framework")
    assert len(str(write["tool.definition_digest"])) == 64


def test_a_failure_is_recorded_masked_and_wrong_arguments_are_one(found: Run) -> None:
    [fail], invalid = found.ends("fail"), found.ends("write")[1]
    assert fail.statement["error.type"] == "ValueError"
    assert disclosed(fail)["error.message"].startswith("broken by [email:")
    assert invalid.statement["error.type"] == "tool_error"
    assert "mandatory input parameters" in disclosed(invalid)["error.message"]


def test_an_agent_that_is_a_tool_has_the_agent_that_uses_it_above_it(found: Run) -> None:
    inner, [outer] = found.ends("write")[-1].statement, found.ends("clerk")
    assert inner["action.parent_id"] == outer.statement["action.id"]
    assert (inner["agent.name"], inner["agent.parent_name"]) == ("clerk", "boss")


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    assert isinstance(seen["write"], dict)
    assert seen["write"]["raised"] == "RefusedError"
    assert seen["remote"] == [{"result": 42}]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_example_runs_and_is_recorded(environment: str, tmp_path: Path) -> None:
    claims.assert_refunded(run_example(environment, "with_google_adk", tmp_path))
