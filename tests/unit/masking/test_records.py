"""Rows of one shape are masked column by column, and come out as each of them would alone."""

import random
from typing import Any

import pytest

from tallystick.masking import Masker
from tallystick.masking.policy import Limits
from tests.corpus.locales import LOCALES
from tests.corpus.values import MAKERS_BY_TYPE
from tests.unit.masking.maskers import KEY, POLICY

VALUES: list[Any] = [
    *(7, -3, 999_999, 1_000_000, 447700900123, True, False, None, 2.5, 4111111111111111.0),
    *(float("nan"), "", "shipped", "order 12", "jane@example.com", "+44 20 7946 0958", "a\ud800b"),
    *('{"email": "jane@example.com"}', "4111 1111 1111 1111", "\uff14111 1111 1111 1111"),
]
NAMES = ("id", "status", "note", "email", "name", "password", "phone", "created_at", "version")


class Name(str):
    """A key of the host's own type."""

    __slots__ = ()


def alone(rows: list[dict[str, Any]]) -> tuple[list[object], dict[str, int]]:
    """Mask each row by a masker that has seen nothing, and add up what was found."""
    hits: dict[str, int] = {}
    values: list[object] = []
    for row in rows:
        masked = Masker(POLICY, KEY, "k1").mask(row)
        values.append(masked.value)
        for kind, times in masked.hits.items():
            hits[kind] = hits.get(kind, 0) + times
    return values, hits


@pytest.mark.parametrize("seed", range(60))
def test_rows_are_masked_as_each_of_them_alone(seed: int) -> None:
    chance = random.Random(seed)
    masker = Masker(POLICY, KEY, "k1")
    code = chance.choice([*LOCALES])
    values = [*VALUES, *(make(chance, LOCALES[code]).text for make in MAKERS_BY_TYPE.values())]
    names = chance.sample(NAMES, chance.randint(1, 5))
    kinds = {name: chance.sample(values, chance.randint(1, 4)) for name in names}
    rows = [{name: chance.choice(kinds[name]) for name in names} for _ in range(6)]
    expected = alone(rows)
    for _ in range(3):  # the first time nothing is known of the keys, nor of the values
        masked = masker.mask(rows)
        assert (masked.value, masked.hits) == expected


def test_the_rows_that_come_out_are_not_those_that_went_in() -> None:
    masker = Masker(POLICY)
    rows = [{"id": number, "status": "shipped"} for number in range(5)]
    masker.mask(rows)
    masked = masker.mask(rows).value
    assert masked == rows
    assert isinstance(masked, list)
    assert not any(one is row for one, row in zip(masked, rows, strict=True))


def test_keys_of_a_type_of_their_own_come_out_as_plain_text() -> None:
    masker = Masker(POLICY)
    rows = [{"id": number} for number in range(5)]
    masker.mask(rows)
    own = [{Name("id"): number} for number in range(5)]
    for mixed in (own, [rows[0], *own], [*rows, *own]):
        masked = masker.mask(mixed).value
        assert isinstance(masked, list)
        assert {type(key) for row in masked for key in row} == {str}


def test_a_row_with_something_inside_is_masked_all_the_same() -> None:
    masker = Masker(POLICY)
    rows: list[dict[str, Any]] = [{"id": number, "note": "ok"} for number in range(5)]
    masker.mask(rows)
    rows[3]["note"] = ["call jane@example.com"]
    masked = masker.mask(rows)
    assert masked.hits == {"email": 1}
    assert masked.value == [*rows[:3], {"id": 3, "note": ["call [email]"]}, rows[4]]


def test_a_row_that_holds_its_own_list_ends_there() -> None:
    masker = Masker(POLICY)
    rows: list[dict[str, Any]] = [{"id": number, "note": "ok"} for number in range(4)]
    masker.mask(rows)
    rows[2]["note"] = rows
    assert masker.mask(rows).hits == {"withheld": 1}


def test_rows_beyond_the_limit_of_values_are_withheld() -> None:
    masker = Masker(POLICY).with_limits(Limits(nodes=20))
    rows = [{"id": number} for number in range(12)]
    first = masker.mask(rows)
    assert first.hits["withheld"] > 0
    assert masker.mask(rows) == first
