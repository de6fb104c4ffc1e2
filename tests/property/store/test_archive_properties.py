"""A part gives back what was written: statements, seals, subjects and values, byte for byte."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import StoreError
from tallystick.profile import encode
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier, leaf_hash
from tallystick_store.archive.packing import pack, unpack
from tallystick_store.archive.part import Manifest, read_tables, write_part
from tallystick_store.archive.subject_keys import Subject, SubjectKeys
from tallystick_store.archive.values import Value, open_values, seal_values

HEX = st.sampled_from([8, 16, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size))
SPELLINGS = st.one_of(
    HEX.map(bytes.hex),
    HEX.map(lambda data: data.hex().upper()),
    st.from_regex(r"[A-Za-z0-9+/]{43}=", fullmatch=True),
    st.text(max_size=40),
    st.text("0123456789abcdef \n\t", min_size=16, max_size=16),
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.booleans(),
    st.lists(st.from_regex(r"[A-Za-z0-9+/]{43}=", fullmatch=True), max_size=3),
)
NAMES = st.sampled_from(
    ["n", "sd", "trace.id", "span.id", "principal.ref", "mask.policy", "params.digest", "x", "seq"]
)
STATEMENTS = st.builds(
    lambda said, session: {**said, "session": session, "origin": "native"},
    st.dictionaries(NAMES, SPELLINGS),
    st.sampled_from(["ab" * 16, "cd" * 16]),
)
LINES = st.one_of(
    STATEMENTS.map(lambda one: encode(one).decode()),
    st.sampled_from(
        ["", "{}", '{"n": 1}', '{"b":1,"a":2}', "not json", '{"n":""}', '{"sd":["="]}']
    ),
    st.lists(
        st.sampled_from(['"n":"', '"sd":["', '"]', '"', '=","', "a" * 43, '"trace.id":"'])
    ).map("".join),
)
SALTED = st.tuples(HEX.map(bytes.hex), st.text(max_size=60)).map(
    lambda two: encode([two[0], "params", two[1]]).decode()
)
TEXTS = st.lists(
    st.one_of(SALTED, st.sampled_from(['"bare"', "", "{}", '["x","y"]']), st.text(max_size=30)),
    min_size=1,
    max_size=4,
).map("\n".join)


def events(lines: list[str], first: int = 0) -> pa.Table:
    indexes = range(first, first + len(lines))
    return pa.table({"log_index": pa.array(indexes, pa.int64()), "statement": lines})


def bodies(hashes: list[bytes]) -> list[str]:
    """Print seals over all of these leaves, three at a time."""
    frontier, made = Frontier(), []
    for at in range(0, len(hashes), 3):
        body, frontier = make_seal(
            frontier, hashes[at : at + 3], "tallystick.session/x", lambda _: bytes(64), bytes(32)
        )
        made.append(body)
    return made


@settings(max_examples=400)
@given(st.lists(LINES, min_size=1, max_size=12))
def test_statements_come_back_byte_for_byte(lines: list[str]) -> None:
    tables = {"events": events(lines)}
    assert unpack(pack(tables)) == tables


@given(st.lists(LINES, min_size=1, max_size=12, unique=True), st.sets(st.integers(0, 11)))
def test_seals_come_back_whatever_became_of_their_events(lines: list[str], gone: set[int]) -> None:
    sealed = bodies([leaf_hash(line.encode()) for line in lines])
    table = events(lines).filter(pa.array([at not in gone for at in range(len(lines))]))
    tables = {"events": table, "seals": pa.table({"body": sealed})}
    packed = pack(tables)
    assert unpack(packed) == tables
    if not gone:
        assert all("\nleaves @" in body for body in packed["seals"]["body"].to_pylist())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SubjectKeys:
    return SubjectKeys(tmp_path_factory.mktemp("secrets") / "keys.sqlite")


@settings(max_examples=40)
@given(
    lines=st.lists(STATEMENTS.map(lambda one: encode(one).decode()), min_size=1, max_size=6),
    texts=st.lists(TEXTS, min_size=1, max_size=12),
    data=st.data(),
)
def test_values_and_their_subjects_come_back(
    keys: SubjectKeys, tmp_path_factory: pytest.TempPathFactory, lines: Any, texts: Any, data: Any
) -> None:
    owned = []
    subjects = st.builds(Subject, st.sampled_from(["", "p"]), st.sampled_from(["ab" * 16, "t"]))
    for text in texts:
        kind = data.draw(st.sampled_from(["events", "spans", "late_disclosures"]))
        value = Value(kind, data.draw(st.integers(0, 9)), data.draw(st.integers(0, 3)), text)
        owned.append((data.draw(subjects), value))
    manifest = Manifest("example.com/log", 1, 1, 0, len(lines), 0, 0, {})
    blocks = seal_values(owned, keys.keys_for, manifest.bound)
    folder = tmp_path_factory.mktemp("archive")
    written = write_part(folder, manifest, {"events": events(lines), "values": blocks})
    tables = read_tables(folder / written.name, written)
    assert tables["events"]["statement"].to_pylist() == lines
    opened = dict(open_values(tables["values"], keys, written.bound))
    for subject in {one for one, _ in owned}:
        assert opened[subject] == [value for one, value in owned if one == subject]


def test_a_large_block_comes_back(keys: SubjectKeys, tmp_path: Path) -> None:
    subject = Subject("", "large")
    values = [
        Value("events", number, 0, f'["{number:032x}","result","{number * "x"}"]')
        for number in range(900)
    ]
    blocks = seal_values([(subject, one) for one in values], keys.keys_for, b"here")
    assert blocks["codec"].to_pylist() == ["zstd"]
    assert open_values(blocks, keys, b"here") == [(subject, values)]
    assert not list(tmp_path.iterdir())


def test_what_a_statement_has_no_place_for_is_an_error() -> None:
    packed = {"events": events(["{}"]).append_column("n", pa.array(["ab" * 16]))}
    with pytest.raises(StoreError, match="has no place for its n"):
        unpack(packed)


def test_a_seal_of_entries_that_are_not_there_is_an_error() -> None:
    packed = {"seals": pa.table({"body": ["tallystick.seal/v1\nold 0\nleaves @7+1\n\nnote"]})}
    with pytest.raises(StoreError, match="names entries that are not in its part"):
        unpack(packed)


def test_rows_that_were_changed_from_outside_are_stored_as_they_are() -> None:
    lines = ['{"n":"x"}', None, '{"n":"y"}']
    table = pa.table({"log_index": [4, 4, 5], "statement": pa.array(lines, pa.string())})
    tables = {"events": table, "seals": pa.table({"body": bodies([leaf_hash(b'{"n":"x"}')])})}
    assert unpack(pack(tables)) == tables
