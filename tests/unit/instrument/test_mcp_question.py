"""Questions and answers of MCP as approvals, whatever a server asks and whatever a client says was answered."""

from typing import Any

import pytest

from tallystick.capture.approvals import presented_text
from tallystick.capture.call import ABSENT
from tallystick.instrument.mcp_question import MAX_ANSWERS, answer_of, question_of
from tests.requirements import requirement

SCHEMA = {
    "type": "object",
    "properties": {
        "ok": {"type": "boolean"},
        "speed": {"type": "string", "enum": ["slow", "fast"]},
        "size": {"type": "string", "oneOf": [{"const": "s", "title": "Small"}]},
        "days": {"type": "array", "items": {"anyOf": [{"const": "mon"}, {"const": "tue"}]}},
        "name": {"type": "string"},
    },
}
ASKED = {"message": "Go?", "requestedSchema": SCHEMA}
HOSTILE: list[Any] = [None, 7, "x", [], ["x"], {"a": {"b": []}}, True, 1.5, {"properties": 7}]


def answered(content: object, asked: Any = ASKED, action: object = "accept") -> Any:
    return answer_of({"action": action, "content": content}, asked)


@requirement("sdk.elicitation-is-approval")
def test_choices_that_the_form_offered_are_kept_and_words_are_withheld() -> None:
    content = {
        "ok": True, "speed": "fast", "size": "s", "days": ["mon", "sun"], "name": "Ada", "n": 7,
    }  # fmt: skip
    assert answered(content).content == {
        "ok": True,
        "speed": "fast",
        "size": "s",
        "days": ["mon", "[withheld]"],
        "name": "[withheld]",
        "n": 7,
    }


@pytest.mark.parametrize(
    ("action", "content", "decision"),
    [
        ("accept", {"ok": True}, "approved"),
        ("accept", {"ok": False}, "denied"),
        ("accept", {"ok": False, "why": "x"}, "approved"),
        ("accept", {"ok": 0}, "approved"),
        ("accept", None, "approved"),
        ("accept", {}, "approved"),
        ("decline", {"ok": True}, "denied"),
        ("cancel", {"ok": True}, "cancelled"),
        ("Accept", {"ok": True}, "cancelled"),
        ("", None, "cancelled"),
    ],
)
def test_an_action_is_a_decision(action: str, content: object, decision: str) -> None:
    assert answered(content, action=action).decision == decision


def test_only_an_answer_that_was_sent_is_disclosed() -> None:
    assert answered({"ok": True}, action="decline").content is ABSENT
    assert answered(None).content is ABSENT


@requirement("sdk.elicitation-is-approval")
@pytest.mark.parametrize("sent", [*HOSTILE, {"action": []}, {"action": {}}, {"code": [1]}])
def test_what_is_no_answer_approves_nothing(sent: object) -> None:
    assert answer_of(sent, ASKED).decision == "cancelled"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_answers_to_forms_of_any_shape_are_read_without_an_error(hostile: Any) -> None:
    assert answered({"name": "Ada", 7: hostile}).decision == "approved"
    assert answered(hostile).decision == "approved"
    for schema in (
        hostile,
        {"properties": {"name": hostile}},
        {"properties": {"name": {"enum": hostile}}},
    ):
        found = answered({"name": "Ada"}, {"requestedSchema": schema})
        assert found.content == {"name": "[withheld]"}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_questions_of_any_shape_are_read_without_an_error(hostile: Any) -> None:
    for asked in (hostile, {"message": hostile}, {"url": hostile}, {"requestedSchema": hostile}):
        question = question_of("q-1", asked, "mcp_client", None)
        assert question.id == "q-1"
        assert presented_text(question.presented) is not None


@requirement("sdk.approvals-bound")
def test_two_questions_that_differ_at_the_end_of_a_long_message_differ() -> None:
    shown = [
        presented_text(
            question_of("q", {"message": "x" * 5000 + end}, "mcp_server", None).presented
        )
        for end in "ab"
    ]
    assert shown[0] != shown[1]


def test_an_answer_of_many_fields_is_cut() -> None:
    assert len(answered({f"n{number}": number for number in range(1000)}).content) == MAX_ANSWERS


@requirement("sdk.no-secret-anywhere")
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:hunter2@bank.example/a?t=hunter2#hunter2", "https://bank.example/a?[withheld]"),
        ("https://bank.example/a", "https://bank.example/a"),
        ("https://[hunter2", "[withheld]"),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret_and_digested_whole(
    url: str, shown: str
) -> None:
    question = question_of("q-1", {"message": "Sign", "url": url}, "mcp_client", None)
    assert question.disclosed == {"message": "Sign", "url": shown}
    assert question.presented == {"message": "Sign", "url": url}
