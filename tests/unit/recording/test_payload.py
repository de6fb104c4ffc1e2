"""Arguments and results before masking: one digest for equal values, a bounded preview of large ones."""

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest

from tallystick.config import MAX_VALUE_BYTES_LIMIT
from tallystick.masking.policy import Limits
from tallystick.recording.payload import CUT, PREVIEW_CHARS, fit, measure


def canonical(value: object) -> bytes:
    measured = measure(value)
    assert measured is not None
    return measured.canonical


def test_the_size_is_that_of_the_json_text() -> None:
    value = {"b": [1, 2.5, None], "a": "grün"}
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    measured = measure(value)
    assert measured is not None
    assert measured.size_bytes == len(text)


def test_keys_are_sorted_and_floats_are_their_shortest_decimal_strings() -> None:
    assert canonical({"b": 0.1, "a": 1.0}) == b'{"a":"1.0","b":"0.1"}'


@pytest.mark.parametrize("number", [1e16, 1.5, -0.0, 5e-7, -2e300, 2.5e-300, 1e22])
def test_a_float_that_prints_without_a_point_is_found_too(number: float) -> None:
    assert canonical([number]) == json.dumps([repr(number)]).encode()


def test_a_text_that_looks_like_a_float_stays_what_it_is() -> None:
    assert canonical(["v1.5", "1e5", {"3.14": 2}]) == b'["v1.5","1e5",{"3.14":2}]'


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**64, 10**400])
def test_an_integer_that_json_readers_would_round_becomes_hex(number: int) -> None:
    assert canonical([number]) == json.dumps([hex(number)]).encode()


def test_equal_values_of_other_types_have_equal_bytes() -> None:
    @dataclasses.dataclass
    class Row:
        b: tuple[int, ...]
        a: str

    assert canonical(Row((1, 2), "x")) == canonical({"a": "x", "b": [1, 2]})
    assert canonical({"s": {2, 1}}) == canonical({"s": [1, 2]})
    assert canonical({1: "x"}) == canonical({"1": "x"})


def test_what_json_cannot_say_is_measured_all_the_same() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    for value in (cycle, {"x": "\ud800"}, b"\x00\xff", dt.date(2026, 1, 1), object()):
        assert measure(value) is not None


def test_an_object_that_cannot_be_read_is_not_measured_and_raises_nothing() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert measure({"x": Hostile()}) is None


def test_a_value_that_fits_is_kept_as_it_is() -> None:
    value = {"a": 1}
    assert fit(value, 7, 1024) == (value, False)


def test_a_large_structure_keeps_its_beginning_and_says_how_much_there_was() -> None:
    value = {"rows": [{"id": number, "text": "word " * 10} for number in range(100_000)]}
    shown, is_preview = fit(value, 6_000_000, 262_144)
    assert is_preview
    assert len(json.dumps(shown)) < 2 * PREVIEW_CHARS
    rows = shown["rows"]  # type: ignore[index]
    assert rows[0] == value["rows"][0]
    assert rows[-1] == f"{CUT} 100000 items in all"


def test_a_mapping_with_too_many_keys_says_how_many() -> None:
    shown, _ = fit({f"key{n}": n for n in range(50_000)}, 800_000, 262_144)
    assert isinstance(shown, dict)
    assert shown[CUT] == "50000 keys in all"


def test_one_long_text_stays_whole_where_the_value_may_stay() -> None:
    value = {"text": "word " * 20_000, "after": 1}
    assert fit(value, 100_020, 262_144) == (value, False)


def test_the_longest_value_that_stays_is_shorter_than_what_masking_looks_at() -> None:
    assert Limits().text_chars > MAX_VALUE_BYTES_LIMIT


@pytest.mark.parametrize(
    "secret",
    [
        "4111 1111 1111 1111",
        "+44 7700 900123",
        "john.doe@example.com",
        "GB82 WEST 1234 5698 7654 32",
    ],
)
def test_no_part_of_what_masking_would_find_is_left_at_a_cut(secret: str) -> None:
    for before in range(1, len(secret)):
        text = "x " * ((PREVIEW_CHARS - before) // 2) + secret + " y" * 300_000
        shown, _ = fit(text, len(text), 262_144)
        assert str(shown)[-40:].strip("x ") == CUT


def test_a_text_without_spaces_is_not_shown_in_part() -> None:
    assert fit("A" * 900_000, 900_002, 262_144) == (f" {CUT}", True)


def test_numbers_keys_and_objects_spend_the_budget_too() -> None:
    class Wide:
        def __str__(self) -> str:
            return "w " * 100_000

    values: list[Any] = [[10**300] * 5000, {"k" * 40_000: 1, "l": 2}, [Wide()], [None] * 90_000]
    for value in values:
        shown, is_preview = fit(value, 1_000_000, 262_144)
        assert is_preview
        assert len(json.dumps(shown, default=str)) < 60_000 + PREVIEW_CHARS


def test_an_object_that_cannot_be_read_leaves_only_the_mark_of_the_cut() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert fit([Hostile()], 1_000_000, 262_144) == (CUT, True)


def test_nesting_without_end_is_cut() -> None:
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]
    shown, _ = fit(deep, 1_000_000, 262_144)
    assert CUT in json.dumps(shown)
