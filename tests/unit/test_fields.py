"""The table of fields in the code and the table in the specification are one."""

from pathlib import Path

from tallystick.fields import BY_NAME, EVENT_TYPES, FIELDS, REQUIRED, table
from tests.requirements import requirement

RECORD = (Path(__file__).resolve().parents[2] / "docs" / "spec" / "record.md").read_text("utf-8")


@requirement("record.spec-equals-code")
def test_the_specification_prints_the_table_of_the_code() -> None:
    printed = RECORD.split("<!-- fields:begin -->\n")[1].split("<!-- fields:end -->")[0]
    assert printed == table()


@requirement("record.spec-equals-code")
def test_the_specification_names_every_event_type_in_order() -> None:
    section = RECORD.split("## Event types")[1].split("**A call**")[0]
    named = [word for word in section.split("`")[1::2] if "." in word]
    assert named == list(EVENT_TYPES)


def test_names_and_columns_are_distinct() -> None:
    assert len(BY_NAME) == len(FIELDS)
    assert len({field.column_name for field in FIELDS}) == len(FIELDS)


def test_the_required_fields_stand_in_line_1() -> None:
    assert {BY_NAME[name].home for name in REQUIRED} == {"statement"}


def test_only_text_can_be_a_token_or_a_disclosure() -> None:
    kept = {field.type for field in FIELDS if field.home == "disclosure"}
    assert kept <= {"str", "json"}
    assert {field.type for field in FIELDS if field.home == "token"} == {"str"}
