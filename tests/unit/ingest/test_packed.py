"""Packed columns: what is printed is read back by the dashboard, whatever stands in the rows."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick_dashboard.client import ServiceAwayError
from tallystick_dashboard.trace.skeleton import _rows, unpacked
from tallystick_ingest.packed import packed, packed_columns
from tests.requirements import requirement

pytestmark = requirement("dashboard.large-trace")

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(["", "ok", "1"]),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 2), max_size=2),
)


@given(st.lists(st.fixed_dictionaries({"one": VALUES, "other": VALUES}), max_size=30))
def test_rows_are_what_was_packed(rows: list[dict[str, Any]]) -> None:
    columns = json.loads(json.dumps(packed_columns(("one", "other"), rows)))
    read = list(_rows({"count": len(rows), "columns": columns}))
    said = [{name: row[name] for name in columns} for row in rows] if columns else []
    assert [list(map(repr, one.items())) for one in read] == [
        list(map(repr, one.items())) for one in said
    ]
    assert set(columns) == {
        name for name in ("one", "other") if any(row[name] is not None for row in rows)
    }


def test_what_repeats_is_said_once_and_what_does_not_is_said_as_it_is() -> None:
    assert packed(["a", "b", "a", None, "a", "a"]) == {
        "words": ["a", "b"],
        "at": [0, 1, 0, -1, 0, 0],
    }
    assert packed([3, 1, 2, None]) == {"words": [3, 1, 2, None], "at": None}


WHOLE = {"count": 1, "columns": {"log_index": {"words": [3], "at": None}}}
EMPTY: dict[str, Any] = {"count": 0, "columns": {}}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"events": [], "spans": [], "calls": []},
        {"events": {"count": 2, "columns": WHOLE["columns"]}, "spans": EMPTY, "calls": EMPTY},
        {"events": {"count": 1, "columns": {"type": {"words": [], "at": [4]}}}},
        {"events": {"count": 1, "columns": {"type": 7}}},
        {"events": WHOLE, "spans": EMPTY, "calls": {"count": 1, "columns": {}}},
        {"events": WHOLE, "spans": EMPTY, "calls": WHOLE, "incomplete": False},
    ],
)
def test_what_is_no_skeleton_is_told(answer: dict[str, Any]) -> None:
    with pytest.raises(ServiceAwayError, match="no skeleton"):
        unpacked(answer)
