"""Whatever is printed is read back; whatever is read is what would be printed."""

import itertools
import json
from collections.abc import Callable

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import RecordError
from tallystick.event import make_record, parse_record
from tallystick.fields import EVENT_TYPES, FIELDS
from tallystick.profile import MAX_INTEGER, decode, encode
from tests.requirements import requirement

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
INTEGERS = st.integers(-MAX_INTEGER, MAX_INTEGER)
KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
OF_TYPE = {
    "str": TEXT,
    "json": TEXT,
    "int": INTEGERS,
    "bool": st.booleans(),
    "strs": st.lists(TEXT, max_size=3),
    "counts": st.dictionaries(KEYS, INTEGERS, max_size=3),
    "map": st.dictionaries(KEYS, TEXT, max_size=3),
}
ENVELOPE = {
    "type": st.sampled_from(EVENT_TYPES),
    "session": st.just("0f" * 16),
    "seq": st.integers(0, MAX_INTEGER),
    "time_us": st.integers(0, MAX_INTEGER),
    "origin": st.sampled_from(["native", "derived"]),
}
STATEMENTS = st.fixed_dictionaries(
    ENVELOPE,
    optional={
        field.name: OF_TYPE[field.type]
        for field in FIELDS
        if field.home != "disclosure" and field.name not in (*ENVELOPE, "v", "n", "sd")
    },
)
DISCLOSURES = st.dictionaries(
    st.sampled_from([field.name for field in FIELDS if field.home == "disclosure"]), TEXT
)


def salts() -> Callable[[], str]:
    counter = itertools.count()
    return lambda: f"{next(counter):032x}"


@requirement("record.one-form")
@given(VALUES)
def test_the_profile_equals_rfc_8785(value: object) -> None:
    assert encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert decode(encode(value)) == value


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_what_is_read_is_the_one_spelling(data: bytes) -> None:
    try:
        value = decode(data)
    except RecordError:
        return
    assert encode(value) == data


@given(STATEMENTS, DISCLOSURES)
def test_every_record_that_is_printed_is_read_back(
    statement: dict[str, object], disclosures: dict[str, str]
) -> None:
    record = make_record(statement, disclosures, salts())
    assert parse_record(record.body) == record


@requirement("record.disclosures-bound")
@given(STATEMENTS, DISCLOSURES, st.data())
def test_one_changed_character_is_refused_or_moves_the_leaf(
    statement: dict[str, object], disclosures: dict[str, str], data: st.DataObject
) -> None:
    record = make_record(statement, disclosures, salts())
    place = data.draw(st.integers(0, len(record.body) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != record.body[place]))
    try:
        changed = parse_record(record.body[:place] + other + record.body[place + 1 :])
    except RecordError:
        return
    assert changed.leaf_hash != record.leaf_hash
