"""What an interrupt of LangGraph asks, and what an answer of any form comes to."""

import pytest

from tallystick.capture.call import ABSENT
from tallystick.instrument.interrupt_answers import Asked, answer_of, answers_in, asked_in

CALL = {"name": "refund", "args": {"euro": 1}}
ASKED = Asked("refund", {"euro": 1})


@pytest.mark.parametrize(
    ("said", "decision"),
    [
        (True, "approved"),
        (False, "denied"),
        (" Yes", "approved"),
        ("reject", "denied"),
        ({"type": "approve"}, "approved"),
        ({"type": "ignore"}, "denied"),
        ({"action": "continue"}, "approved"),
        ({"decision": "no"}, "denied"),
        ({"type": "edit", "edited_action": CALL}, "modified"),
        ({"type": "respond", "message": "I did it"}, "denied"),
        ("only if it rains", "modified"),
        ("not yes", "modified"),
        ({"to": "ada"}, "modified"),
        ({"type": ["approve"]}, "modified"),
        (None, "modified"),
        (1, "modified"),
    ],
)
def test_only_what_is_known_to_say_yes_is_an_approval(said: object, decision: str) -> None:
    assert answer_of(said).decision == decision


def test_what_somebody_typed_is_kept_only_as_the_reason_of_a_refusal() -> None:
    assert answer_of({"type": "reject", "message": "too much"}).reason == "too much"
    assert answer_of({"type": "approve", "message": "well done"}).reason is None
    answered = answer_of({"type": "respond", "message": "I did it"})
    assert (answered.content, answered.reason) == ({"type": "respond"}, None)
    assert answer_of("only if it rains").content is ABSENT
    assert answer_of({"type": "edit", "edited_action": CALL}).content == CALL


def test_each_form_names_its_calls() -> None:
    assert asked_in({"action_requests": [CALL, CALL], "review_configs": []}) == [ASKED, ASKED]
    one = {"type": "tool_approval", "tool_call_id": "c1", "description": "a refund", **CALL}
    assert asked_in(one) == [Asked("refund", {"euro": 1}, "a refund", "c1")]
    human = {"action_request": {"action": "refund", "args": {"euro": 1}}, "description": "x"}
    assert asked_in(human) == asked_in([human]) == [Asked("refund", {"euro": 1}, "x")]


@pytest.mark.parametrize(
    "value", [None, "may I?", [], ["x"], {}, {"action_requests": 1}, {"action_request": 1}]
)
def test_a_value_of_the_programs_own_form_names_none(value: object) -> None:
    assert asked_in(value) == []


def test_answers_that_do_not_fit_the_questions_are_none() -> None:
    approve, reject = {"type": "approve"}, {"type": "reject"}
    both = answers_in({"decisions": [approve, reject]}, 2)
    assert [answer.decision for answer in both] == ["approved", "denied"]
    assert answers_in({"decisions": [approve]}, 2) == ()
    assert [answer.decision for answer in answers_in([approve], 1)] == ["approved"]
    assert [answer.decision for answer in answers_in(approve, 1)] == ["approved"]
