"""A server that asks from a background task, under mcp 1.30 and 1.24: question and answer are an approval."""

import json
from pathlib import Path

import pytest

from tallystick.event import Record
from tallystick.instrument.mcp_tasks import RELATED
from tests.integration.mcp.test_asking import DECIDED, Run, run
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "tests.integration.mcp.asking_tasks"
VERSIONS = ("mcp1", "mcp1.24")
ANSWERS = {
    "accept": "approved",
    "decline": "denied",
    "visit": "approved",
    "as task": "denied",
    "session": "cancelled",
    "later": "denied",
    "worker": "approved",
}
"""Step -> what the person decided."""
OUTLIVED = ("accept", "decline", "visit", "as task", "later")
"""Steps whose question comes when the server has answered the call."""


@pytest.fixture(scope="module", params=VERSIONS)
def asked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(request.param, "recorded", tmp_path_factory.mktemp("home"), program=PROGRAM)


def call(found: Run, step: str, observer: str) -> Record:
    """Return the last record of the step's call of a tool."""
    ends = [one for one in found.recording.where(observer=observer) if "outcome" in one.statement]
    return ends[list(found.seen).index(step)]


def without_ids(seen: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Leave out the ids of tasks, which are random."""
    return {
        step: {
            name: value
            for name, value in shown.items()
            if not (isinstance(value, dict) and RELATED in value)
        }
        for step, shown in seen.items()
    }


@requirement("sdk.host-never-broken")
@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_sees_the_same_with_and_without_recording(version: str, tmp_path: Path) -> None:
    recorded = run(version, "recorded", tmp_path / "recorded", program=PROGRAM)
    plain = run(version, "plain", tmp_path / "plain", program=PROGRAM)
    assert without_ids(recorded.seen) == without_ids(plain.seen)
    assert plain.recording.records == []


@requirement("sdk.elicitation-is-approval")
@pytest.mark.parametrize("step", list(ANSWERS))
@pytest.mark.parametrize("observer", ["mcp_server", "mcp_client"])
def test_each_side_records_the_question_and_what_the_person_decided(
    asked: Run, observer: str, step: str
) -> None:
    _, decision = asked.approvals(step, observer)
    assert decision.statement["approval.decision"] == ANSWERS[step]
    assert asked.recording.lost() == 0
    assert len(asked.recording.where(type="approval.decided")) == 2 * len(ANSWERS)


@requirement("sdk.elicitation-is-approval")
@pytest.mark.parametrize("step", [*OUTLIVED, "session"])
def test_a_question_is_joined_at_the_server_to_the_call_that_began_the_task(
    asked: Run, step: str
) -> None:
    served = call(asked, step, "mcp_server")
    for record in asked.approvals(step, "mcp_server"):
        assert record.statement["action.parent_id"] == served.statement["action.id"]
        assert record.statement["trace.id"] == served.statement["trace.id"]


@requirement("sdk.elicitation-is-approval")
@pytest.mark.parametrize("step", ["accept", "decline", "visit", "as task"])
def test_a_question_that_names_its_task_is_joined_at_the_client_to_the_call_that_was_made_it(
    asked: Run, step: str
) -> None:
    made = call(asked, step, "mcp_client")
    for record in asked.approvals(step, "mcp_client"):
        assert record.statement["action.parent_id"] == made.statement["action.id"]
        assert record.statement["trace.id"] == made.statement["trace.id"]


@pytest.mark.parametrize(
    ("step", "observer"),
    [("worker", "mcp_server"), ("worker", "mcp_client"), ("later", "mcp_client")],
)
def test_a_question_of_which_nothing_says_whose_it_is_stands_by_itself(
    asked: Run, step: str, observer: str
) -> None:
    for record in asked.approvals(step, observer):
        assert "action.parent_id" not in record.statement
        assert "trace.id" not in record.statement


@requirement("sdk.approvals-bound")
@pytest.mark.parametrize("step", list(ANSWERS))
def test_both_sides_digest_what_was_shown_alike(asked: Run, step: str) -> None:
    server, client = (asked.approvals(step, side) for side in ("mcp_server", "mcp_client"))
    digests = {one.statement["approval.presented_digest"] for one in (*server, *client)}
    assert len(digests) == 1


def test_nothing_of_an_answer_or_an_address_is_recorded_that_may_be_secret(asked: Run) -> None:
    _, decision = asked.approvals("accept", "mcp_server")
    assert json.loads(disclosed(decision)["approval.answer"])["note"] == "[withheld]"
    for record in asked.recording:
        assert "typed words" not in record.body
        assert "bob@example.com" not in record.body
        assert "hunter2" not in record.body


def test_a_denial_after_its_call_was_answered_does_not_change_how_the_call_ended(
    asked: Run,
) -> None:
    assert DECIDED["decline"] == ANSWERS["decline"] == "denied"
    assert call(asked, "decline", "mcp_server").statement["outcome"] == "success"
