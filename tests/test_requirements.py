"""The manifest of requirements and the marks of the tests say the same, read both ways."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.requirements import AREAS, REQUIREMENTS, Requirement

TESTS = Path(__file__).resolve().parent


def marks(source: str) -> list[tuple[int, str]]:
    """List line and id of each `requirement(...)` that marks a test; `?` for one that is no text.

    A mark counts where it has an effect: as a decorator of a test or of a class of tests, and in
    `pytestmark`.
    """
    return [
        (argument.lineno, _text(argument))
        for call in _marking_calls(ast.parse(source))
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
    ]


def _marking_calls(tree: ast.Module) -> Iterator[ast.Call]:
    for place in ast.walk(tree):
        for node in _places(place):
            yield from (
                call
                for call in ast.walk(node)
                if isinstance(call, ast.Call) and _called(call.func) == "requirement"
            )


def _places(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.decorator_list if node.name.lower().startswith("test") else []
    if isinstance(node, ast.Assign):
        named = [target.id for target in node.targets if isinstance(target, ast.Name)]
        return [node.value] if "pytestmark" in named else []
    return []


def _called(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _text(argument: ast.expr) -> str:
    literal = argument.value if isinstance(argument, ast.Constant) else None
    return literal if isinstance(literal, str) else "?"


def all_marks() -> dict[str, list[str]]:
    """Collect requirement id -> places of the marks, over every test file."""
    places: dict[str, list[str]] = {}
    for file in sorted(TESTS.rglob("test_*.py")):
        for line, name in marks(file.read_text(encoding="utf-8")):
            places.setdefault(name, []).append(f"{file.relative_to(TESTS)}:{line}")
    return places


def faults(manifest: Mapping[str, Requirement], places: Mapping[str, list[str]]) -> list[str]:
    unknown = [f"{name}: not in the manifest, marked in {places[name]}" for name in places]
    return [
        *[fault for fault in unknown if fault.partition(":")[0] not in manifest],
        *[
            f"{name}: no test and no reason"
            for name, one in manifest.items()
            if name not in places and not one.untested_reason
        ],
        *[
            f"{name}: has a test, so drop its untested_reason"
            for name, one in manifest.items()
            if name in places and one.untested_reason
        ],
    ]


def test_every_requirement_has_a_test_or_a_reason_and_every_mark_a_requirement() -> None:
    assert faults(REQUIREMENTS, all_marks()) == []


def test_no_two_areas_name_the_same_requirement() -> None:
    assert sum(len(area) for area in AREAS) == len(REQUIREMENTS)


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_a_requirement_says_who_asks_and_what_happens(name: str) -> None:
    one = REQUIREMENTS[name]
    assert one.source
    assert one.behaviour.endswith(".")


def test_a_requirement_without_test_or_reason_is_named() -> None:
    assert faults({"a": Requirement("s", "b.")}, {}) == ["a: no test and no reason"]


def test_a_mark_without_a_requirement_is_named() -> None:
    [fault] = faults({}, {"b": ["test_x.py:1"]})
    assert fault.startswith("b: not in the manifest")


def test_a_reason_that_has_outlived_itself_is_named() -> None:
    manifest = {"a": Requirement("s", "b.", "later")}
    assert faults(manifest, {"a": ["test_x.py:1"]}) == [
        "a: has a test, so drop its untested_reason"
    ]


def test_marks_are_found_on_tests_classes_and_modules() -> None:
    source = (
        'pytestmark = [pytest.mark.requirement("m")]\n'
        '@requirement("a", "b")\ndef test_one(): ...\n'
        '@requirement("c")\nclass TestTwo: ...\n'
    )
    assert sorted(name for _, name in marks(source)) == ["a", "b", "c", "m"]


def test_a_mark_on_what_is_no_test_does_not_count() -> None:
    assert marks('@requirement("a")\ndef helper(): ...\nrequirement("b")\n') == []


def test_a_mark_that_cannot_be_read_is_no_requirement() -> None:
    assert marks("@requirement(NAME)\ndef test_one(): ...") == [(1, "?")]
