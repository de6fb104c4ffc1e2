"""Retention classes: what a file may say, and which records each class means."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.calendar_span import CalendarSpan
from tallystick.errors import ConfigError
from tallystick.verify.authority import Hold
from tallystick_store.governance.classes import RetentionPolicy, load_retention
from tallystick_store.governance.selection import (
    due_condition,
    filter_condition,
    held_indexes,
    select_indexes,
)
from tallystick_store.rows import EventRow, SpanBatch, SpanRow
from tallystick_store.store import Store
from tests.requirements import requirement
from tests.stores import Emitter, open_store, span, write

ALWAYS_US = 2**60
CLASSES = """
[[class]]
name = "held back"
keep = "forever"
tools = ["pay_*"]

[[class]]
name = "staging"
keep = "P7M"
environments = ["stag*"]

[[class]]
name = "calls"
keep = "P1Y2M10D"
types = ["tool.*"]
"""


def policy(tmp_path: Path, text: str = CLASSES) -> RetentionPolicy:
    path = tmp_path / "retention.toml"
    path.write_text(text)
    return load_retention(path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "data")
    rows: list[EventRow] = []
    for name, environment in (("one", "production"), ("two", "staging-eu")):
        emitter = Emitter(name)
        opened = emitter.record("session.open", deployment__environment=environment)
        calls = [
            emitter.record(kind, agent__name="clerk", tool__name=tool, trace__id=trace * 16)
            for kind, tool, trace in (
                ("tool.completed", "lookup", "aa"),
                ("tool.completed", "pay_bill", "bb"),
                ("approval.decided", "lookup", "aa"),
            )
        ]
        rows += map(EventRow, (opened, *calls))
    write(made, rows)
    write(made, [SpanBatch((SpanRow.of(span(1)), SpanRow.of(span(2, "aa" * 16))))])
    yield made
    made.close()


def meant(store: Store, policy: RetentionPolicy, name: str) -> list[int]:
    condition = due_condition(policy, name)
    return select_indexes(store.database, condition, before_us=ALWAYS_US, below=store.size)


@requirement("retention.classes")
def test_the_first_class_that_matches_counts_and_what_matches_none_is_kept(
    store: Store, tmp_path: Path
) -> None:
    found = policy(tmp_path)
    assert meant(store, found, "held back") == [2, 6]
    assert meant(store, found, "staging") == [5, 7]
    assert meant(store, found, "calls") == [1]


@requirement("retention.classes")
def test_a_batch_of_spans_goes_when_all_of_it_may(store: Store, tmp_path: Path) -> None:
    text = '[[class]]\nname = "spans"\nkeep = "P7M"\ntypes = ["span"]\n'
    assert meant(store, policy(tmp_path, text), "spans") == [8]
    part = filter_condition({"trace": "aa*"})
    assert 8 not in select_indexes(store.database, part, before_us=ALWAYS_US, below=99)


@requirement("retention.never-deleted")
def test_what_proves_the_rest_is_in_no_selection(store: Store) -> None:
    everything = select_indexes(store.database, filter_condition({}), before_us=ALWAYS_US, below=99)
    assert everything == [1, 2, 3, 5, 6, 7, 8]


@requirement("retention.hold")
@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        ({"tool": "pay_*"}, {2, 6}),
        ({"tool": "lookup", "environment": "prod*"}, {1, 3, 5, 7, 8}),
        ({"type": "approval.*"}, {1, 3, 5, 7, 8}),
        ({"type": "span"}, {1, 3, 5, 7, 8}),
        ({}, set(range(9))),
        ({"from_us": "0", "to_us": str(10**16)}, set(range(9))),
        ({"agent": "nobody"}, set()),
    ],
)
def test_a_hold_covers_what_matches_and_the_rest_of_its_trace(
    store: Store, wanted: dict[str, str], held: set[int]
) -> None:
    assert held_indexes(store.database, [Hold("h", wanted, "anna", 0, 0)]) == held


@requirement("retention.hold")
def test_a_hold_covers_the_trace_of_a_span_that_it_matches(store: Store) -> None:
    placed = span(80, "dd" * 16).replace(
        b'"resource":"{}"', b'"resource":"{\\"deployment.environment.name\\":\\"held place\\"}"'
    )
    first = store.size
    for record in (placed, span(81, "dd" * 16), span(82, "ee" * 16)):
        write(store, [SpanBatch((SpanRow.of(record),))])
    hold = Hold("h", {"environment": "held *"}, "anna", 0, 0)
    assert held_indexes(store.database, [hold]) == {first, first + 1}


@pytest.mark.parametrize("value", ["x\0", "a\nb", "", "x" * 100_000])
def test_a_filter_of_what_no_record_says_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="printable"):
        filter_condition({"tool": value})


def test_a_file_is_read_with_its_durations(tmp_path: Path) -> None:
    first, second, third = policy(tmp_path).classes
    assert (first.keep, second.keep, third.keep) == (None, CalendarSpan(7, 0), CalendarSpan(14, 10))
    assert second.environments == ("stag*",)
    assert len(policy(tmp_path).digest) == 64


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("class = 3", "expected"),
        ("[class", "TOML"),
        ("x = 1", "nothing else"),
        ('[[class]]\nkeep = "P7M"', "name"),
        ('[[class]]\nname = "a"', "keep"),
        ('[[class]]\nname = "a"\nkeep = "6 months"', "keep"),
        ('[[class]]\nname = "a"\nkeep = 180', "keep"),
        ('[[class]]\nname = "a"\nkeep = "P7M"\nagent = ["x"]', "keys"),
        ('[[class]]\nname = "a"\nkeep = "P7M"\nagents = "x"', "agents"),
        ('[[class]]\nname = "a"\nkeep = "P7M"\nagents = []', "agents"),
        ('[[class]]\nname = "a"\nkeep = "P7M"\nagents = ["\\u0000"]', "agents"),
        ('[[class]]\nname = "a"\nkeep = "P7M"\nautomatic = true', "keys"),
        ('[[class]]\nname = "a"\nkeep = "P7M"\n' * 2, "two classes"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        policy(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_retention(tmp_path / "none.toml")
