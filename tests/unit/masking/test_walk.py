"""Any Python object becomes JSON, or says that it was withheld."""

import base64
import collections
import dataclasses
import datetime as dt
import decimal
import enum
import json
import pathlib
import uuid
from typing import Any, NamedTuple

import pytest

from tallystick.masking import Masker
from tallystick.masking.policy import Limits, MaskPolicy
from tests.requirements import requirement
from tests.unit.masking.maskers import KEY, MASKER, POLICY, redacted


def limited(**limits: int) -> Masker:
    return Masker(dataclasses.replace(POLICY, limits=Limits(**limits)), KEY, "k1")


class Colour(enum.Enum):
    RED = "red"
    MAIL = "jane@example.com"


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    surname: str
    x: int


@dataclasses.dataclass
class Person:
    surname: str
    age: int


class Model:
    def model_dump(self) -> dict[str, Any]:
        return {"password": "x", "n": 1}


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("jane@example.com")


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "something else"


class Odd(collections.UserDict[str, object]):
    pass


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (0, 0),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (2**53 - 1, 2**53 - 1),
        (2**60, "1152921504606846976"),
        (-(2**60), "-1152921504606846976"),
        (10**100, hex(10**100)),
        (4111111111111111, "[card]"),
        (4111111111111111.0, "[card]"),
        ("\ud800 lone", "\ufffd lone"),
        (b"jane@example.com", "[email]"),
        (bytearray(b"plain"), "plain"),
        (memoryview(b"plain"), "plain"),
        (b"\xff\xfe", "[binary, 2 bytes]"),
        ((1, [2, {"a": (3,)}]), [1, [2, {"a": [3]}]]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({2, 1}), [1, 2]),
        (collections.deque([1, 2]), [1, 2]),
        (range(3), [0, 1, 2]),
        ({"a": 1}.keys(), ["a"]),
        ({"a": 1}.values(), [1]),
        (
            {2: "a", None: "b", True: "c", 1.5: "d"},
            {"2": "a", "null": "b", "true": "c", "1.5": "d"},
        ),
        (Colour.RED, "red"),
        (Colour.MAIL, "[email]"),
        (Level.LOW, 1),
        (Point("Doe", 2), {"surname": "[person]", "x": 2}),
        (Person("Doe", 2), {"surname": "[person]", "age": 2}),
        (Model(), {"password": "[secret]", "n": 1}),
        (Odd(password="x"), {"password": "[secret]"}),
        (Text("jane@example.com"), "[email]"),
        (dt.datetime(2026, 11, 22, tzinfo=dt.UTC), "2026-11-22 00:00:00+00:00"),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        (pathlib.PurePosixPath("/srv/x"), "/srv/x"),
        (ValueError("no row for jane@example.com"), "ValueError: no row for [email]"),
        (Rude(), "[withheld]"),
        ({"a": Rude(), "b": 1}, {"a": "[withheld]", "b": 1}),
    ],
)
def test_every_object_has_its_place_in_json(value: object, expected: object) -> None:
    masked = redacted(value)
    assert masked == expected
    assert type(masked) is type(expected)
    json.dumps(masked, allow_nan=False)


def test_a_generator_of_the_host_is_not_consumed() -> None:
    numbers = iter([1, 2, 3])
    assert "iterator" in str(redacted(numbers))
    assert list(numbers) == [1, 2, 3]


def test_keys_that_hold_personal_data_are_masked_and_stay_apart() -> None:
    people = {"jane@example.com": 1, "joe@example.com": 2, "plain": 3}
    assert redacted(people) == {"[email]": 1, "[email]#2": 2, "plain": 3}


def test_a_cycle_ends() -> None:
    ring: list[object] = [1]
    ring.append(ring)
    assert redacted(ring) == [1, "[withheld]"]
    loop: dict[str, object] = {"a": 1}
    loop["b"] = {"c": loop}
    assert redacted(loop) == {"a": 1, "b": {"c": "[withheld]"}}


def test_one_object_in_two_places_is_no_cycle() -> None:
    shared = {"a": [1]}
    assert redacted([shared, shared]) == [shared, shared]


@requirement("mask.fails-closed")
def test_what_lies_too_deep_is_withheld() -> None:
    deep: object = "jane@example.com"
    for _ in range(100):
        deep = [deep]
    masked = MASKER.mask(deep)
    assert masked.hits == {"withheld": 1}
    assert "jane" not in json.dumps(masked.value)


@requirement("mask.fails-closed")
def test_sub_trees_that_share_their_way_to_explosion_are_withheld() -> None:
    bomb: object = ["jane@example.com"]
    for _ in range(60):
        bomb = [bomb, bomb]
    masked = MASKER.mask(bomb)
    assert masked.hits["withheld"] > 0
    assert "jane" not in json.dumps(masked.value)


@requirement("mask.fails-closed")
def test_a_text_over_the_limit_is_withheld_and_never_cut() -> None:
    masker = limited(text_chars=1_000)
    assert masker.mask("a" * 1_000).value == "a" * 1_000
    assert masker.mask("a1 " * 1_000).value == "[withheld]"
    assert masker.mask({"a": "b1 " * 1_000, "c": 1}).value == {"a": "[withheld]", "c": 1}


def test_a_value_is_found_wherever_it_stands_in_a_long_text() -> None:
    filler = "all is well here. " * 8_000
    row = "4111 1111 1111 1111 of jane@example.com"
    text = f"{filler}{row}{filler}{row}{filler}{row}"
    masked = MASKER.mask({"a": text, "b": f"{filler}%34111111111111111{filler}"})
    assert masked.hits == {"card": 4, "email": 3}
    assert "1111" not in json.dumps(masked.value)
    assert "jane" not in json.dumps(masked.value)


def test_a_key_or_a_run_of_base64_longer_than_any_window_is_masked_as_a_whole() -> None:
    body = "\n".join("MIIE" * 16 for _ in range(2_000))
    text = f"before\n-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\nafter"
    assert redacted(text) == "before\n[secret]\nafter"
    rows = "id,dob\n" + "1,1980-03-12\n" * 8_000
    assert "1980" not in str(redacted(rows))
    packed = base64.b64encode(b"all is well, " * 8_000 + b"jane@example.com").decode()
    shown = base64.b64decode(str(redacted({"blob": packed})["blob"]))  # type: ignore[index]
    assert shown.endswith(b"[email]")


@requirement("mask.fails-closed")
def test_texts_over_the_limit_of_one_value_are_withheld() -> None:
    parts = ["a1 " * 200 for _ in range(6)]
    masked = limited(value_chars=2_500).mask(parts)
    assert masked.hits == {"withheld": 2}
    assert masked.value == [*parts[:4], "[withheld]", "[withheld]"]


@requirement("mask.fails-closed")
def test_an_error_of_our_own_withholds_the_whole_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(MaskPolicy, "select", broken)
    masked = MASKER.mask({"email": "jane@example.com"})
    assert (masked.value, masked.hits) == ("[withheld]", {"withheld": 1})


@requirement("mask.fails-closed")
def test_a_host_at_the_end_of_its_stack_gets_withheld_and_no_error() -> None:
    deep = {"a": {"b": {"c": ["jane@example.com"] * 3}}}

    def sink(left: int) -> str:
        return sink(left - 1) if left else json.dumps(MASKER.mask(deep).value)

    for left in range(700, 1000, 3):
        try:
            assert "jane" not in sink(left)
        except RecursionError:
            break
    else:
        pytest.fail("the stack never ended")


def test_the_depth_of_json_in_strings_counts() -> None:
    policy = POLICY.with_mode("email", POLICY.mode("email"))
    shallow = Masker(dataclasses.replace(policy, limits=Limits(depth=3)), KEY, "k1")
    assert (
        shallow.mask('{"a": {"b": {"c": {"d": 1}}}}').value == '{"a": {"b": {"c": "[withheld]"}}}'
    )
