"""The signature in a function's definition: every change of it shows, and nothing else does."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from tallystick.capture.definition import digest_of
from tallystick.instrument.signature import signature_schema
from tests.patience import PATIENCE_S
from tests.requirements import requirement


def schema_of(function: Callable[..., Any], receiver: str | None = None) -> dict[str, Any]:
    return dict(signature_schema(inspect.signature(function), receiver))


class Marker:
    """An object that prints its address, as many annotations and defaults do."""


def base(city: str, days: int = 3) -> str:
    raise NotImplementedError


def renamed(town: str, days: int = 3) -> str:
    raise NotImplementedError


def retyped(city: bytes, days: int = 3) -> str:
    raise NotImplementedError


def other_default(city: str, days: int = 4) -> str:
    raise NotImplementedError


def no_default(city: str, days: int) -> str:
    raise NotImplementedError


def one_more(city: str, days: int = 3, unit: str = "C") -> str:
    raise NotImplementedError


def keyword_only(city: str, *, days: int = 3) -> str:
    raise NotImplementedError


def other_order(days: int = 3, city: str = "") -> str:
    raise NotImplementedError


def other_return(city: str, days: int = 3) -> bytes:
    raise NotImplementedError


def open_ended(city: str, days: int = 3, *args: int, **kwargs: int) -> str:
    raise NotImplementedError


VARIANTS: list[Callable[..., Any]] = [
    base,
    renamed,
    retyped,
    other_default,
    no_default,
    one_more,
    keyword_only,
    other_order,
    other_return,
    open_ended,
]


def test_a_schema_names_parameters_types_and_defaults() -> None:
    assert schema_of(base) == {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 3}},
        "required": ["city"],
        "x-signature": "(city: str, days: int = 3) -> str",
    }


@requirement("tooldef.changed")
def test_every_change_of_a_signature_changes_the_digest() -> None:
    assert len({digest_of(schema_of(one)) for one in VARIANTS}) == len(VARIANTS)


def test_what_a_method_is_bound_to_is_left_out() -> None:
    def method(self: object, city: str) -> str:
        raise NotImplementedError

    assert schema_of(method, "self")["x-signature"] == "(city: str) -> str"


def test_text_annotations_read_as_those_that_are_evaluated() -> None:
    def deferred(city: "str", days: "int" = 3) -> "str":
        raise NotImplementedError

    assert schema_of(deferred) == schema_of(base)


@pytest.mark.parametrize(
    "value",
    [Marker(), {1, 2}, [Marker()], 10**5000, lambda: 1],
    ids=["object", "set", "list of objects", "long number", "function"],
)
def test_a_default_that_prints_differently_elsewhere_is_not_written(value: object) -> None:
    def function(a: Any = value) -> None: ...

    schema = schema_of(function)
    assert schema["properties"] == {"a": {}}
    assert schema["x-signature"] == "(a: Any = ...) -> None"


def test_an_annotation_is_written_without_its_address() -> None:
    def function(a: Annotated[int, Marker()]) -> None: ...

    def again(a: Annotated[int, Marker()]) -> None: ...

    assert " at 0x" not in schema_of(function)["x-signature"]
    assert schema_of(function) == schema_of(again)


def test_an_annotation_that_cannot_be_printed_breaks_nothing() -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise ValueError("no")

    def function(a: Unprintable() = 1) -> None: ...  # type: ignore[valid-type]  # as a host may write it

    assert "Unprintable" in schema_of(function)["x-signature"]


def test_two_processes_give_one_digest() -> None:
    program = (
        "import inspect\n"
        "from tallystick.capture.definition import digest_of\n"
        "from tallystick.instrument.signature import signature_schema\n"
        "def f(a: 'set[str]' = {'x', 'y', 'z'}, b=object(), c=(1, 'two')): ...\n"
        "print(digest_of(signature_schema(inspect.signature(f), None)))\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE_S,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
