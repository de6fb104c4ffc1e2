"""Tables in a text: the head of a column names the cells below it."""

import pytest

from tests.unit.masking.maskers import redacted


@pytest.mark.parametrize("gap", [",", ";", "\t", " | "])
def test_cells_under_a_telling_head_are_masked(gap: str) -> None:
    rows = (("id", "surname", "bsn", "password"), ("1", "Doe", "111222333", "hunter2"))
    shown = (rows[0], ("1", "[person]", "[national_id]", "[secret]"))
    text, expected = ("\n".join(gap.join(row) for row in table) for table in (rows, shown))
    assert redacted(text) == expected


def test_quoted_cells_and_empty_ones_are_understood() -> None:
    text = 'id,surname,dob\r\n1,"Doe, Jane",1980-03-12\r\n2,,\r\n'
    assert redacted(text) == 'id,surname,dob\r\n1,"[person]",[person]\r\n2,,\r\n'


def test_a_markdown_table_keeps_its_lines() -> None:
    text = "| id | dob |\n|---|---|\n| 1 | 1980-03-12 |\ncreated, 2026-01-01\n"
    assert redacted(text) == text.replace("1980-03-12", "[person]")


def test_a_table_behind_a_few_lines_of_text_is_found() -> None:
    text = "3 rows:\n\nid\tnino_of_partner\tdob\n1\tx\t1980-03-12\n"
    assert redacted(text) == text.replace("1980-03-12", "[person]")


@pytest.mark.parametrize(
    "text",
    [
        "id,sku,total\n1,SKU-1,19.99\n",
        "Dear customer, your password\nwas changed, thank you\n",
        "name,version\ntallystick,1.0\n",
        "a,token_type\n1,bearer\n",
        "surname,id\njust one cell\n",
    ],
)
def test_what_is_no_table_of_persons_stays(text: str) -> None:
    assert redacted(text) == text


def test_the_name_of_a_thing_is_told_from_that_of_a_person() -> None:
    assert redacted("name,email\nJane Doe,x\n") == "name,email\n[person],x\n"
