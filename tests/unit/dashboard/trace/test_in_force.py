"""A call that ran under another definition than the one listed last says so in its row."""

from typing import Any

import pytest

from tallystick_dashboard.trace.in_force import odd_definitions
from tallystick_dashboard.trace.model import Trace, read_trace
from tests.requirements import requirement
from tests.unit.dashboard.traces import TRACE, call


def traced(definitions: object) -> Trace:
    said: dict[str, Any] = {
        "action_id": "a",
        "action_ids": ["a"],
        "outcome": "success",
        "parent": None,
        "join": None,
        "stages": [],
        "definitions": definitions,
    }
    record = call(1, "a", "s1", tool__definition_digest="ab" * 32)
    return read_trace(TRACE, {"events": [record], "spans": [], "calls": [said]})


@requirement("tooldef.in-force")
@pytest.mark.parametrize(
    ("state", "flags"),
    [
        ("listed", ()),
        ("unlisted", ()),
        ("superseded", ("an older definition of the tool",)),
        ("unseen", ("a definition of the tool that was never listed",)),
    ],
)
def test_only_a_definition_that_was_not_the_one_listed_is_flagged(
    state: str, flags: tuple[str, ...]
) -> None:
    [row] = traced({"a": {"state": state, "told": "x"}}).rows
    assert row.flags == flags


@pytest.mark.parametrize("odd", [None, [], "text", {"a": None}, {"a": {"state": 7}}, {"b": {}}])
def test_whatever_the_service_says_the_trace_is_read(odd: object) -> None:
    [row] = traced(odd).rows
    assert row.flags == ()


def test_calls_of_an_older_service_say_nothing() -> None:
    assert odd_definitions([{"action_id": "a"}]) == {}
