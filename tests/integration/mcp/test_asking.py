"""A server that asks a person first, under mcp 2.x, 1.30 and 1.24: question and answer are an approval."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tallystick.event import Record
from tests.integration.mcp.test_both_versions import PYTHONS, ROOT
from tests.patience import PATIENCE_S
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

ASKING = "tests.integration.mcp.asking"
DECIDED = {"accept": "approved", "decline": "denied", "cancel": "cancelled"}


@dataclass(frozen=True)
class Run:
    """What the client saw of each step, and the records of each, by trace in the order of the steps."""

    seen: dict[str, dict[str, object]]
    recording: Recording

    def approvals(self, step: str, observer: str) -> tuple[Record, Record]:
        """Return request and decision of a step's question as one side saw them."""
        asked = self.recording.where(type="approval.requested", observer=observer)
        request = asked[list(self.seen).index(step)]
        name = request.statement["approval.id"]
        decided = self.recording.where(type="approval.decided", observer=observer)
        [decision] = [one for one in decided if one.statement["approval.id"] == name]
        return request, decision

    def calls(self, record: Record) -> list[Record]:
        """Return the last records of the calls in the trace of a record."""
        trace = record.statement["trace.id"]
        return [
            one
            for one in self.recording
            if one.statement.get("trace.id") == trace and "outcome" in one.statement
        ]


def run(version: str, mode: str, home: Path, *options: str, program: str = ASKING) -> Run:
    done = subprocess.run(
        [PYTHONS[version], "-W", "ignore", "-m", program, mode, *options],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home)},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return Run({k: v for step in steps for k, v in step.items()}, Recording(home))


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def requests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(request.param, "requests", tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run("mcp2", "rounds", tmp_path_factory.mktemp("home"))


@requirement("sdk.host-never-broken")
@pytest.mark.parametrize("version", sorted(PYTHONS))
def test_a_client_sees_the_same_questions_with_and_without_recording(
    version: str, tmp_path: Path
) -> None:
    recorded = run(version, "requests", tmp_path / "recorded")
    plain = run(version, "requests", tmp_path / "plain", "plain")
    assert recorded.seen == plain.seen
    assert len(recorded.recording.where(type="approval.requested")) == 2 * len(recorded.seen)


@requirement("sdk.elicitation-is-approval")
@pytest.mark.parametrize("step", ["accept", "decline", "cancel"])
@pytest.mark.parametrize("observer", ["mcp_server", "mcp_client"])
def test_each_side_records_question_and_answer_inside_its_own_call(
    requests: Run, observer: str, step: str
) -> None:
    request, decision = requests.approvals(step, observer)
    assert decision.statement["approval.decision"] == DECIDED[step]
    [call] = [one for one in requests.calls(request) if one.statement["observer"] == observer]
    for record in (request, decision):
        assert record.statement["action.parent_id"] == call.statement["action.id"]
        assert record.statement["approval.channel"] == "elicitation.form"
        assert record.statement["approval.mode"] == "human"


@requirement("sdk.approvals-bound")
def test_both_sides_digest_what_was_shown_alike(requests: Run) -> None:
    server = requests.approvals("accept", "mcp_server")
    client = requests.approvals("accept", "mcp_client")
    digests = {one.statement["approval.presented_digest"] for one in (*server, *client)}
    assert len(digests) == 1
    other, _ = requests.approvals("refuse", "mcp_server")
    assert other.statement["approval.presented_digest"] not in digests


@requirement("sdk.elicitation-is-approval")
def test_choices_of_an_answer_are_kept_and_typed_words_are_not(requests: Run) -> None:
    _, decision = requests.approvals("accept", "mcp_client")
    answer = json.loads(disclosed(decision)["approval.answer"])
    assert answer == {"confirm": True, "speed": "fast", "note": "[withheld]"}
    for record in requests.recording:
        assert "typed words" not in record.body
        assert "bob@example.com" not in record.body
        assert "hunter2" not in record.body


@requirement("sdk.denial-stands")
@pytest.mark.parametrize("step", ["refuse", "untick"])
def test_a_call_that_fails_because_a_person_said_no_is_denied(requests: Run, step: str) -> None:
    request, decision = requests.approvals(step, "mcp_server")
    assert decision.statement["approval.decision"] == "denied"
    [call] = [one for one in requests.calls(request) if one.statement["observer"] == "mcp_server"]
    assert call.statement["type"] == "tool.denied"
    assert call.statement["decision.rule"] == request.statement["approval.id"]


def test_a_page_to_visit_is_recorded_without_what_may_be_secret_in_its_address(
    requests: Run,
) -> None:
    request, decision = requests.approvals("visit", "mcp_client")
    assert request.statement["approval.channel"] == "elicitation.url"
    assert decision.statement["approval.decision"] == "approved"
    shown = json.loads(disclosed(request)["approval.presented"])
    assert shown["url"] == "https://bank.example/consent?[withheld]"


def test_a_question_that_nobody_waits_for_any_more_is_cancelled(requests: Run) -> None:
    _, decision = requests.approvals("hang", "mcp_server")
    assert decision.statement["approval.decision"] == "cancelled"


@requirement("sdk.elicitation-is-approval")
@pytest.mark.parametrize("step", ["accept", "decline", "cancel"])
def test_a_question_in_a_result_is_one_approval_for_both_sides(rounds: Run, step: str) -> None:
    server = rounds.approvals(step, "mcp_server")
    client = rounds.approvals(step, "mcp_client")
    for _, decision in (server, client):
        assert decision.statement["approval.decision"] == DECIDED[step]
    four = (*server, *client)
    assert len({one.statement["approval.id"] for one in four}) == 1
    assert len({one.statement["approval.presented_digest"] for one in four}) == 1
    assert len({one.statement["trace.id"] for one in four}) == 1


@requirement("sdk.elicitation-is-approval")
def test_the_round_that_asks_is_no_success_and_the_round_that_answers_ends_the_call(
    rounds: Run,
) -> None:
    request, decision = rounds.approvals("accept", "mcp_server")
    calls = {one.statement["action.id"]: one.statement for one in rounds.calls(request)}
    asking = calls[request.statement["action.parent_id"]]
    answering = calls[decision.statement["action.parent_id"]]
    assert (asking["outcome"], asking["mcp.result_type"]) == ("unknown", "input_required")
    assert answering["outcome"] == "success"
    assert "mcp.result_type" not in answering


@requirement("sdk.denial-stands")
def test_a_call_in_rounds_that_a_person_denied_is_denied(rounds: Run) -> None:
    _, decision = rounds.approvals("decline", "mcp_server")
    [call] = rounds.recording.where(
        action_id=decision.statement["action.parent_id"], outcome="denied"
    )
    assert call.statement["type"] == "tool.denied"


def test_an_answer_to_a_question_that_nobody_asked_is_a_decision_without_a_request(
    rounds: Run,
) -> None:
    asked = {
        one.statement["approval.id"] for one in rounds.recording.where(type="approval.requested")
    }
    [forged] = [
        one
        for one in rounds.recording.where(type="approval.decided")
        if one.statement["approval.id"] not in asked
    ]
    assert forged.statement["observer"] == "mcp_server"
    assert "approval.presented_digest" not in forged.statement
