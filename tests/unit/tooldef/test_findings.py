"""What is found in a tool's definition: every published shape of attack, and nothing in honest ones."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.tooldef import hidden, instructions, phrases
from tallystick.tooldef.findings import MAX_FINDINGS, MAX_SCANNED_CHARS, inspect
from tallystick.tooldef.instructions import instructions_in
from tests.requirements import requirement
from tests.unit.tooldef.definitions import ATTACKS, HARMLESS, HONEST, NOTICED, PHRASES, tool


def kinds(definition: dict[str, Any]) -> set[str]:
    return set(inspect(definition).counts)


@requirement("tooldef.flags")
@pytest.mark.parametrize("definition", HONEST, ids=lambda one: one["name"])
def test_an_honest_definition_has_no_finding_but_a_notice(definition: dict[str, Any]) -> None:
    assert kinds(definition) <= phrases.NOTICES


@pytest.mark.parametrize(("definition", "kind"), NOTICED)
def test_a_definition_that_orders_calls_has_a_notice(definition: dict[str, Any], kind: str) -> None:
    assert kinds(definition) & phrases.NOTICES
    assert kind in kinds(definition)
    assert kinds(definition) <= phrases.NOTICES


@requirement("tooldef.flags")
@pytest.mark.parametrize(
    ("definition", "expected"), [one[1:] for one in ATTACKS], ids=[a[0] for a in ATTACKS]
)
def test_an_attack_is_found(definition: dict[str, Any], expected: str) -> None:
    assert set(expected.split()) <= kinds(definition)


@pytest.mark.parametrize(("kind", "sentence"), PHRASES)
def test_a_phrase_is_found_as_it_stands_in_capitals_and_broken(kind: str, sentence: str) -> None:
    for text in (sentence, sentence.upper(), sentence.replace(" ", "\n  "), f"*{sentence}*"):
        assert kind in instructions_in(text), text


def test_each_pattern_finds_a_phrase_that_no_other_of_its_kind_finds() -> None:
    for kind, patterns in phrases.PATTERNS.items():
        said = [sentence.lower() for shown, sentence in PHRASES if shown == kind]
        alone = {
            found[0]
            for sentence in said
            if len(found := [one for one in patterns if re.search(one, sentence)]) == 1
        }
        assert set(patterns) - alone == set()


def test_every_word_that_a_pattern_needs_is_among_the_hints_of_its_kind() -> None:
    for kind, sentence in PHRASES:
        assert any(hint in sentence.lower() for hint in phrases.HINTS[kind]), sentence


@pytest.mark.parametrize("sentence", HARMLESS)
def test_a_harmless_sentence_is_not_found(sentence: str) -> None:
    assert set(instructions_in(sentence)) <= phrases.NOTICES


def test_every_kind_has_an_attack_that_shows_it() -> None:
    shown = {kind for _, _, expected in ATTACKS for kind in expected.split()}
    shown |= {kind for _, kind in NOTICED}
    named = {
        value
        for module in (hidden, instructions, phrases)
        for name, value in vars(module).items()
        if name.isupper()
        and isinstance(value, str)
        and value.islower()
        and not name.startswith("_")
    }
    assert shown == named


@pytest.mark.parametrize(("definition", "expected"), [one[1:] for one in ATTACKS[:10]])
def test_the_same_attack_is_found_wherever_it_stands(
    definition: dict[str, Any], expected: str
) -> None:
    plain = {
        "name": "x",
        "inputSchema": {"properties": {"a": {"anyOf": [{"title": definition["description"]}]}}},
    }
    found = inspect(plain)
    assert set(expected.split()) & set(found.counts)
    assert {one.path for one in found.listed} == {"inputSchema.properties.a.anyOf[0].title"}


def test_a_finding_names_member_kind_and_count_and_no_text() -> None:
    definition = tool("x", "Adds.", a="one\u200btwo\u200bthree", b={"enum": ["fine", "\u202ex"]})
    assert inspect(definition).shape() == [
        {"path": "inputSchema.properties.a.description", "kind": "invisible_character", "count": 2},
        {"path": "inputSchema.properties.b.enum[1]", "kind": "bidi_control", "count": 1},
    ]
    assert inspect(definition).counts == {"bidi_control": 1, "invisible_character": 2}


def test_a_title_in_the_annotations_is_read_too() -> None:
    definition = {"name": "x", "annotations": {"title": "Adds\u202e", "readOnlyHint": True}}
    assert [one.path for one in inspect(definition).listed] == ["annotations.title"]


def test_a_long_definition_is_a_finding_and_its_beginning_is_read() -> None:
    found = inspect(tool("x", "a\u200b" + "b" * MAX_SCANNED_CHARS))
    assert found.counts == {"invisible_character": 1, "oversized": 1}


def test_a_definition_as_long_as_what_is_read_is_no_finding() -> None:
    assert inspect({"description": "b" * MAX_SCANNED_CHARS}).counts == {}


def test_a_cyclic_or_very_deep_schema_is_a_finding() -> None:
    cyclic: dict[str, Any] = {"type": "object"}
    cyclic["properties"] = {"a": cyclic, "b": cyclic}
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"items": deep}
    for schema in (cyclic, deep):
        assert inspect({"name": "x", "inputSchema": schema}).counts == {"unreadable": 1}


def test_more_findings_than_are_listed_are_counted() -> None:
    found = inspect({"description": [f"a\u200b{n}" for n in range(MAX_FINDINGS + 7)]})
    assert len(found.listed) == MAX_FINDINGS
    assert found.counts == {"invisible_character": MAX_FINDINGS + 7}


def test_blanks_at_the_end_hide_nothing() -> None:
    assert kinds(tool("x", "Adds numbers." + " " * 500 + "\n" * 50)) == set()


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(st.dictionaries(st.text(st.characters()), ANY))
def test_nothing_that_a_server_sends_raises(definition: dict[str, Any]) -> None:
    found = inspect(definition)
    assert all(type(count) is int and count > 0 for count in found.counts.values())
    assert sum(one.count for one in found.listed) <= sum(found.counts.values())
