"""Rows of cells in a value: the names of their columns count as keys do."""

import json

import pytest

from tests.unit.masking.maskers import redacted

ROWS = [[1, "1980-03-12", "hunter22", None], (2, "", "x", "Doe")]
SHOWN = [[1, "[person]", "[secret]", None], [2, "", "[secret]", "[person]"]]
NAMES = ["id", "dob", "password", "surname"]


@pytest.mark.parametrize(
    "columns", [NAMES, [{"name": name, "type": "text"} for name in NAMES]], ids=["names", "objects"]
)
@pytest.mark.parametrize(("head", "body"), [("columns", "rows"), ("fields", "data")])
def test_cells_under_telling_columns_are_masked(
    columns: list[object], head: str, body: str
) -> None:
    assert redacted({head: columns, body: ROWS, "n": 2}) == {head: columns, body: SHOWN, "n": 2}
    assert redacted({body: ROWS, head: columns}) == {body: SHOWN, head: columns}


def test_a_list_of_rows_may_begin_with_its_head() -> None:
    assert redacted([NAMES, *ROWS]) == [NAMES, *SHOWN]
    text = json.dumps([NAMES, *ROWS])
    assert json.loads(str(redacted(text))) == [NAMES, *SHOWN]


def test_masking_a_table_twice_changes_nothing() -> None:
    once = redacted({"columns": NAMES, "rows": ROWS})
    assert redacted(once) == once
    assert redacted([NAMES, *SHOWN]) == [NAMES, *SHOWN]


@pytest.mark.parametrize(
    "value",
    [
        {"columns": ["id", "sku"], "rows": [[1, "A"]]},
        {"columns": 3, "rows": [["dob", 1]]},
        {"columns": ["dob"], "rows": 7},
        {"columns": ["dob"], "data": {"a": 1}},
        [["surname", "x"], ["dob", "y"]],
        [["id", "dob", "n"]],
        [["id", "dob", "n"], [1, 2]],
        [["a b", "dob", 3], [1, 2, 3]],
    ],
)
def test_what_is_no_table_of_persons_stays(value: object) -> None:
    assert redacted(value) == value


def test_what_covers_the_whole_table_covers_its_cells() -> None:
    names = ["id", "dob", "n"]
    table = {"columns": names, "rows": [["a", "b", "c"]]}
    assert "a" not in str(redacted({"billing_address": table})["billing_address"]["rows"])  # type: ignore[index]
    assert redacted({"password": table}) == {"password": "[secret]"}
    assert redacted({"surname": [names, ["a", "b", "c"]]}) == {"surname": [["[person]"] * 3] * 2}


def test_cells_with_more_columns_than_the_head_are_still_searched() -> None:
    value = {"columns": ["dob"], "rows": [["1980-03-12", "jane@example.com"], "jane@example.com"]}
    assert redacted(value)["rows"] == [["[person]", "[email]"], "[email]"]  # type: ignore[index]


def test_the_head_of_an_html_table_counts_too() -> None:
    page = (
        "<table><tr><th>id</th><TH class='x'>dob</TH><th>password</th></tr>"
        "<tr><td>1</td><td> 1980-03-12 </td><td>hunter22</td></tr>"
        "<tr><td></td><td>1980-03-13</td><td><b>no</b></td></tr></table><td>1980-03-14</td>"
        "<table><tr><th>sku</th><th>n</th></tr><tr><td>hunter22</td><td>1980-03-12</td></tr></table>"
    )
    shown = page.replace(" 1980-03-12 ", " [person] ", 1).replace("hunter22", "[secret]", 1)
    assert redacted(page) == shown.replace("1980-03-13", "[person]")
