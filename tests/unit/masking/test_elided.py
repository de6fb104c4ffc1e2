"""Errors that show a value in part: what is left of it is withheld."""

import json

import pytest
from pydantic import BaseModel, ValidationError

from tests.requirements import requirement
from tests.unit.masking.maskers import redacted

pytestmark = requirement("mask.fails-closed")

CARD = "please charge 4539 5787 6362 1486 for the annual subscription"


class Order(BaseModel):
    """Refuses what is no list of numbers."""

    lines: list[int]


def refusal(value: object) -> str:
    with pytest.raises(ValidationError) as refused:
        Order.model_validate({"lines": value})
    return str(refused.value)


def test_the_rest_of_the_message_stays() -> None:
    masked = str(redacted(refusal(CARD)))
    assert masked.startswith("1 validation error for Order\nlines\n")
    assert "input_value=[withheld], input_type=str" in masked
    assert "subscription" not in masked


def test_it_is_withheld_inside_json_too() -> None:
    masked = redacted(json.dumps({"errors": [refusal(CARD), json.dumps(refusal(CARD))]}))
    assert "please" not in str(masked)


def test_a_value_that_is_shown_whole_is_masked_like_any_other() -> None:
    assert "input_value='seven', input_type" in str(redacted(refusal("seven")))
    assert "input_value='[email]', input_type" in str(redacted(refusal("ada@example.com")))
