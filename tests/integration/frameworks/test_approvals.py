"""Tools that wait for a person, in each framework that has them: who is asked what, once, and what they said."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tallystick.event import Record
from tests.integration.frameworks import claims
from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import PROGRAMS, Run, start
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

ENVIRONMENTS = ("old", "new")
Story = Sequence[tuple[str, str | None]]
"""Tool that waits and what was decided, None: nothing; in the order of the questions."""

OPENAI: Story = [
    ("refund", "approved"),
    ("refund", "denied"),
    ("refund", "approved"),
    ("refund", None),
    ("shell", "approved"),
    ("delete", "denied"),
]
REALTIME: Story = [("refund", "approved"), ("refund", "denied")]
PYDANTIC: Story = [
    ("refund", "approved"),
    ("refund", "denied"),
    ("refund", "modified"),
    ("approve", "approved"),
    ("refund", None),
]
LANGGRAPH: Story = [
    ("refund", "denied"),
    ("careful", "approved"),
    ("careful", "approved"),
    ("careful", "denied"),
    ("careful", None),
    ("refund", "approved"),
]
MIDDLEWARE: Story = [
    ("refund", "approved"),
    ("refund", "modified"),
    ("refund", "denied"),
    ("refund", "denied"),
]
PROGRAM_STORIES: Mapping[tuple[str, str], Story] = {
    ("openai_agents_approvals", "old"): OPENAI,
    ("openai_agents_approvals", "new"): OPENAI,
    ("openai_realtime_approvals", "old"): REALTIME,
    ("openai_realtime_approvals", "new"): REALTIME,
    ("pydantic_ai_approvals", "old"): PYDANTIC,
    ("pydantic_ai_approvals", "new"): [*PYDANTIC, ("refund", "approved")],  # by a handler
    ("langchain_approvals", "old"): LANGGRAPH,
    ("langchain_approvals", "new"): [*LANGGRAPH, *MIDDLEWARE],
}
STEPS = {
    "openai_agents_approvals": 6,
    "openai_realtime_approvals": 2,
    "pydantic_ai_approvals": 7,
    "langchain_approvals": 10,
}
LATE = f"""
import {PROGRAMS}.langchain_approvals as program, tallystick
tallystick.instrument()
program.answered_here(program.make("careful"), "no")
"""

pytestmark = pytest.mark.e2e


@pytest.fixture(params=sorted(PROGRAM_STORIES), ids="-".join)
def told(request: pytest.FixtureRequest, recorded: Runs) -> tuple[str, Run]:
    """Give each program, recorded, in each of its environments."""
    program, environment = request.param
    return program, recorded(environment, program)


def pairs(recording: Recording) -> list[tuple[Record, Record | None]]:
    """Give each question and its answer; fails for one that is recorded twice."""
    decided = {r.statement["approval.id"]: r for r in recording.where(type="approval.decided")}
    asked = recording.where(type="approval.requested")
    assert len(decided) == len(recording.where(type="approval.decided"))
    assert len({r.statement["approval.id"] for r in asked}) == len(asked)
    assert {*decided} <= {r.statement["approval.id"] for r in asked}
    return [(r, decided.get(r.statement["approval.id"])) for r in asked]


@requirement("sdk.host-never-broken")
def test_a_program_sees_the_same_with_and_without_recording(
    told: tuple[str, Run], plain: Runs
) -> None:
    program, found = told
    claims.assert_unchanged(found, plain(found.environment, program), STEPS[program])
    assert found.recording.lost() == 0


@requirement("sdk.approvals-bound")
def test_each_question_is_recorded_once_with_its_answer_and_the_same_digest(
    told: tuple[str, Run],
) -> None:
    program, found = told
    story = []
    for asked, decided in pairs(found.recording):
        said = decided.statement if decided is not None else {}
        story.append((asked.statement["tool.name"], said.get("approval.decision")))
        digest = asked.statement["approval.presented_digest"]
        assert said.get("approval.presented_digest", digest) == digest
        assert said.get("tool.call_id") == asked.statement.get("tool.call_id") or not said
    assert story == PROGRAM_STORIES[program, found.environment]


@requirement("mask.before-writing")
def test_no_address_is_in_any_record(told: tuple[str, Run]) -> None:
    claims.assert_masked(told[1])


def ran(found: Run) -> list[object]:
    return [end.statement["tool.call_id"] for end in found.ends("refund", outcome="success")]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestOpenAIAgents:
    def test_what_was_approved_runs_and_what_was_refused_does_not(
        self, recorded: Runs, environment: str
    ) -> None:
        found = recorded(environment, "openai_agents_approvals")
        assert ran(found) == ["call-1", "call-3", "call-4"]

    def test_an_answer_that_holds_for_later_calls_is_a_standing_one(
        self, recorded: Runs, environment: str
    ) -> None:
        found = recorded(environment, "openai_agents_approvals")
        [standing] = found.recording.where(type="approval.decided", approval_mode="standing")
        assert standing.statement["tool.call_id"] == "call-3"
        [first, *_] = found.recording.where(type="approval.requested")
        assert first.statement["agent.name"] == "clerk"
        assert first.statement["approval.channel"] == "openai_agents"

    def test_a_callbacks_reason_stands_with_its_answer(
        self, recorded: Runs, environment: str
    ) -> None:
        found = recorded(environment, "openai_agents_approvals")
        [answer] = found.recording.where(type="approval.decided", tool_name="delete")
        assert disclosed(answer)["approval.reason"] == "not this one"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestPydanticAI:
    def test_an_answer_says_why_and_what_is_to_be_done_instead(
        self, recorded: Runs, environment: str
    ) -> None:
        found = recorded(environment, "pydantic_ai_approvals").recording
        [denied] = found.where(type="approval.decided", approval_decision="denied")
        assert disclosed(denied)["approval.reason"].startswith("not to [email:")
        [changed] = found.where(type="approval.decided", approval_decision="modified")
        assert disclosed(changed)["approval.answer"] == '{"to":"ada","euro":1}'


def test_a_handler_of_pydantic_ai_names_who_answered(recorded: Runs) -> None:
    found = recorded("new", "pydantic_ai_approvals").recording
    answer = found.where(type="approval.decided")[-1]
    assert disclosed(answer)["principal.id"] == "grace"
    assert answer.statement["principal.basis"] == "asserted"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
class TestLangGraph:
    def test_a_tool_that_fails_after_a_no_is_denied_and_names_the_approval(
        self, recorded: Runs, environment: str
    ) -> None:
        found = recorded(environment, "langchain_approvals").recording
        [denied] = found.where(type="tool.denied")
        [*_, no] = found.where(
            type="approval.decided", approval_decision="denied", tool_name="careful"
        )
        assert denied.statement["decision.rule"] == no.statement["approval.id"]
        assert no.statement["action.parent_id"] == denied.statement["action.id"]

    def test_a_program_that_took_interrupt_before_it_was_hooked_is_recorded(
        self, environment: str, tmp_path: Path
    ) -> None:
        done = start(environment, ["-c", LATE], tmp_path)
        found = Recording(tmp_path)
        assert [
            (r.statement["tool.name"], r.statement["approval.decision"])
            for r in found.where(type="approval.decided")
        ] == [("careful", "denied")], done.stderr


def test_an_edited_call_says_what_runs_instead(recorded: Runs) -> None:
    found = recorded("new", "langchain_approvals").recording
    [edited] = found.where(type="approval.decided", approval_decision="modified")
    assert disclosed(edited)["approval.answer"] == '{"name":"refund","args":{"to":"ada","euro":1}}'
    [each_call] = found.where(type="approval.requested", tool_call_id="call-0", tool_name="refund")
    assert each_call.statement["agent.name"] == "clerk"
