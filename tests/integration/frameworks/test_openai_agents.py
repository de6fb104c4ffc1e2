"""The OpenAI Agents SDK at two versions: what a program sees, and what is recorded of its agents."""

import json
from pathlib import Path

import pytest

from tests.integration.frameworks import claims, every
from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import Run, run_example
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "openai_agents_desk"
ENVIRONMENTS = ("old", "new")
ENDS = [
    ("write", "success"),
    ("fail", "failure"),
    ("explode", "failure"),
    ("write", "failure"),
    ("write", "failure"),
    ("dawdle", "failure"),
    ("wait", "cancelled"),
    ("multiply", "success"),
    ("local_shell", "success"),
    ("write", "success"),
    ("write", "success"),
    ("ask_clerk", "success"),
    ("write", "success"),
]

pytestmark = pytest.mark.e2e


found = every.running(PROGRAM, ENVIRONMENTS)


class TestEveryFramework(every.WithRemoteTool):
    program = PROGRAM
    steps = 13
    ends = ENDS  # although the program has switched tracing off


def test_ids_of_model_and_thread_and_the_agents_name_are_stated(found: Run) -> None:
    write = found.ends("write")[0].statement
    assert write["tool.call_id"] == "call-0"
    assert write["conversation.id"] == "thread-1"
    assert write["agent.name"] == "clerk"
    assert write["model.name"] == "fake-1"
    assert len(write["tool.definition_digest"]) == 64


def test_the_real_cause_of_a_failure_that_the_model_is_told_is_recorded_masked(found: Run) -> None:
    [fail] = found.ends("fail")
    assert fail.statement["error.type"] == "ValueError"
    assert disclosed(fail)["error.message"].startswith("broken by [email:")
    assert "error occurred" in disclosed(fail)["result"]
    assert found.ends("dawdle")[0].statement["error.type"] == "ToolTimeoutError"
    claims.assert_masked(found)


def test_arguments_that_are_no_json_are_recorded_as_they_are(found: Run) -> None:
    broken = found.ends("write")[2]
    assert disclosed(broken)["params"] == '"{not json"'
    assert broken.statement["error.type"] == "ModelBehaviorError"


@requirement("tooldef.first-use", "tooldef.in-force")
def test_a_custom_tools_definition_is_recorded_with_the_format_of_its_input(
    recorded: Runs, plain: Runs
) -> None:
    found = recorded("new", "openai_agents_custom")
    claims.assert_unchanged(found, plain("new", "openai_agents_custom"), steps=2)
    claims.assert_whole(found, [("send", "success"), ("send", "success")])
    claims.assert_defined(found)
    claims.assert_masked(found)
    shown = json.loads(disclosed(found.recording.one(type="tooldef.observed"))["tool.definition"])
    assert shown["inputSchema"]["x-format"]["syntax"] == "regex"
    assert shown["description"].startswith("Send to [email:")


@requirement("tooldef.first-use", "tooldef.in-force")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_skills_of_a_shell_are_its_definition(
    environment: str, recorded: Runs, plain: Runs
) -> None:
    program = "openai_agents_skills"
    found = recorded(environment, program)
    claims.assert_unchanged(found, plain(environment, program), steps=2)
    claims.assert_whole(found, [("shell", "success"), ("shell", "success")])
    claims.assert_defined(found)
    claims.assert_masked(found)
    offered = found.recording.one(type="tooldef.observed")
    assert offered.statement["tool.flags"] == {"hides_from_user": 1}
    skilled, bare = (end.statement for end in found.ends("shell"))
    assert skilled["tool.definition_digest"] == offered.statement["tool.definition_digest"]
    assert "tool.definition_digest" not in bare


def test_a_command_of_the_local_shell_is_a_call(found: Run) -> None:
    [shell] = found.ends("local_shell")
    assert disclosed(shell)["params"].startswith('{"command":["ls"')
    assert disclosed(shell)["result"].startswith('"ran: ls')
    assert shell.statement["agent.name"] == "clerk"
    assert "tool.definition_digest" not in shell.statement  # the API has it, not the program


def test_an_agent_that_is_the_tool_of_another_has_that_one_above_it(found: Run) -> None:
    inner, [outer] = found.ends("write")[-2].statement, found.ends("ask_clerk")
    assert inner["action.parent_id"] == outer.statement["action.id"]
    assert (inner["agent.name"], inner["agent.parent_name"]) == ("clerk", "boss")


def test_a_hand_over_names_both_agents_and_what_was_given_along(found: Run) -> None:
    [done, failed] = found.recording.where(type="agent.handoff")
    stated = done.statement
    assert (stated["agent.name"], stated["agent.parent_name"]) == ("clerk", "boss")
    assert (stated["tool.name"], stated["tool.call_id"]) == ("transfer_to_clerk", "call-9")
    assert (stated["outcome"], stated["conversation.id"]) == ("success", "thread-1")
    assert disclosed(done)["params"].startswith('{"reason":"[email:')
    assert found.ends("write")[-1].statement["agent.name"] == "clerk"
    assert failed.statement["outcome"] == "failure"
    assert failed.statement["error.type"] == "ModelBehaviorError"
    assert failed.statement["agent.name"] == "clerk"


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_required_tool_that_cannot_be_recorded_does_not_run(
    environment: str, tmp_path: Path
) -> None:
    seen = claims.seen_where_nothing_is_durable(environment, PROGRAM, "write", tmp_path)
    assert isinstance(seen["write"], dict)
    assert seen["write"]["raised"] == "UserError"
    assert "the tool was not run" in seen["write"]["text"]
    assert seen["remote"] == ["42", "done"]


def test_the_example_runs_and_is_recorded(tmp_path: Path) -> None:
    claims.assert_refunded(run_example("new", "with_openai_agents", tmp_path))
