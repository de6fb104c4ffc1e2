"""Preparing a payload: what is remembered of one serves equal values alone, and nothing raw is kept."""

import datetime as dt
import enum
import gc
import json
import math
import uuid
from typing import Any

import pytest

from tallystick.masking.policy import Limits
from tallystick.masking.rulesfile import parse_policy
from tallystick.recording.masked import Masking
from tallystick.recording.prepared import LARGEST, MOST, Prepared, Preparer
from tests.emitters import TOKEN_KEY

EMAIL = "john.doe@example.com"


class Colour(enum.Enum):
    RED = "red"


def masking(rules: str = "") -> Masking:
    return Masking.of(TOKEN_KEY, parse_policy(rules) if rules else None)


def said(made: Prepared) -> tuple[object, str, object]:
    return dict(made.statement), made.text, dict(made.hits)


@pytest.mark.parametrize(
    "value",
    [
        {"to": EMAIL, "rows": [{"id": 1, "price": 0.5}, {"id": 2, "price": 12.0}]},
        {"b": 1, "a": 2, "n": None},
        {"not": math.nan},
        [uuid.UUID(int=7), Colour.RED, (1, 2), 2**60, -0.0],
        "free text to john.doe@example.com",
        {"password": "hunter2"},
        {"rows": ["x" * 100] * 400},
    ],
)
def test_what_is_remembered_says_what_a_first_sight_says(value: Any) -> None:
    own, preparer = masking(), Preparer(65_536)
    first, again = (preparer.prepare(own, "result", value, "lookup") for _ in range(2))
    fresh = Preparer(65_536).prepare(own, "result", value, "lookup")
    assert said(first) == said(again) == said(fresh)
    assert again.value is value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], [1.0]),
        (["0.5"], [0.5]),
        (["2026-11-01T00:00:00"], [dt.datetime(2026, 11, 1)]),  # noqa: DTZ001 - printed alike
        ([None], [math.nan]),
        ([True], [1]),
        ({"1": 2}, {1: 2}),
        ([2**53], [hex(2**53)]),
    ],
)
def test_values_that_are_printed_differently_are_not_taken_for_each_other(
    one: Any, other: Any
) -> None:
    own, preparer = masking(), Preparer(65_536)
    preparer.prepare(own, "params", one, "lookup")
    found = preparer.prepare(own, "params", other, "lookup")
    assert said(found) == said(Preparer(65_536).prepare(own, "params", other, "lookup"))


def test_the_order_of_keys_makes_no_other_value() -> None:
    own, preparer = masking(), Preparer(65_536)
    one = preparer.prepare(own, "params", {"a": 1, "b": EMAIL}, "lookup")
    other = preparer.prepare(own, "params", {"b": EMAIL, "a": 1}, "lookup")
    assert said(one) == said(other)
    assert json.loads(other.text)["a"] == 1


def test_tool_field_and_masking_each_count() -> None:
    rules = (
        '[[masking.rule]]\ntool = "secret"\nfield = "params"\npath = "$.note"\nmode = "withhold"\n'
    )
    strict, plain, preparer = masking(rules), masking(), Preparer(65_536)
    value = {"note": "seven"}
    assert "seven" in preparer.prepare(strict, "params", value, "open").text
    assert "seven" not in preparer.prepare(strict, "params", value, "secret").text
    assert "seven" in preparer.prepare(strict, "result", value, "secret").text
    assert "seven" in preparer.prepare(plain, "params", value, "secret").text
    assert "seven" not in preparer.prepare(strict, "params", value, "secret").text


def test_a_value_that_changes_after_it_was_recorded_is_read_again() -> None:
    own, preparer = masking(), Preparer(65_536)
    value = {"state": "open"}
    preparer.prepare(own, "result", value, "lookup")
    value["state"] = "closed"
    assert preparer.prepare(own, "result", value, "lookup").text == '{"state":"closed"}'


def test_a_value_that_changes_while_it_is_masked_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, preparer, value = masking(), Preparer(65_536), {"state": "open"}
    mask = type(own.masker).mask

    def meanwhile(*given: Any) -> Any:
        value["state"] = "closed"
        return mask(*given)

    monkeypatch.setattr(type(own.masker), "mask", meanwhile)
    preparer.prepare(own, "result", value, "lookup")
    monkeypatch.undo()
    assert preparer.prepare(own, "result", {"state": "open"}, "lookup").text == '{"state":"open"}'


def test_what_is_remembered_is_bounded_and_holds_nothing_raw() -> None:
    own, preparer = masking(), Preparer(65_536)
    for number in range(3 * MOST):
        preparer.prepare(own, "result", {"to": EMAIL, "number": number}, "lookup")
    preparer.prepare(own, "result", {"text": "long " * LARGEST}, "lookup")
    kept = preparer._known  # noqa: SLF001 - what stays in memory is the point
    assert 0 < len(kept) <= MOST
    assert max(len(made.text) for made in kept.values()) <= LARGEST
    assert EMAIL not in repr(kept)
    assert not any(EMAIL in str(one) for one in gc.get_referents(*kept.values()))


def test_what_masking_would_not_look_at_is_asked_again() -> None:
    narrow = masking()
    few = narrow.masker.with_limits(Limits(1000, 1000, 3, 8))
    own, preparer = Masking(few, narrow.policy_digest, narrow.key_id), Preparer(65_536)
    value = list(range(9))
    first, again = (preparer.prepare(own, "params", value, "") for _ in range(2))
    assert first.statement["params.truncated"] is True
    assert said(first) == said(again)
