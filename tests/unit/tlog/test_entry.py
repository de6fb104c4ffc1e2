"""Log entries: one spelling, and nothing else is read."""

import hashlib

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.entry import Entry, EntryKind, encode_entry, parse_entry

HASH = hashlib.sha256(b"content").digest()
EVENT = Entry("event", "key-7", HASH, 1_796_213_472_000_000)
SPANS = Entry("spans", "key-7", HASH, 5, 3)


def test_an_entry_is_profile_json_with_sorted_keys() -> None:
    assert EVENT.encoded == (
        b'{"by":"key-7","h":"7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=",'
        b'"k":"event","rx_us":1796213472000000}'
    )
    assert encode_entry(SPANS).endswith(b'"k":"spans","n":3,"rx_us":5}')


def test_the_leaf_of_an_entry_is_over_its_bytes() -> None:
    assert EVENT.leaf_hash == hashlib.sha256(b"\x00" + EVENT.encoded).digest()


@pytest.mark.parametrize("entry", [EVENT, SPANS, Entry("seal", "service", HASH, 0)])
def test_an_entry_is_read_back(entry: Entry) -> None:
    assert parse_entry(entry.encoded) == entry


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (Entry("event", "key-7", HASH[:31], 0), "32 bytes"),
        (Entry("event", "key-7", HASH, -1), "out of range"),
        (Entry("event", "key-7", HASH, 0, 1), "counts spans"),
        (Entry("spans", "key-7", HASH, 0), "counts spans"),
        (Entry("spans", "key-7", HASH, 0, 0), "out of range"),
        (Entry("event", "k" * 1000, HASH, 0), "too long"),
    ],
)
def test_what_nobody_could_read_is_not_printed(entry: Entry, fault: str) -> None:
    with pytest.raises(VerificationError, match=fault):
        encode_entry(entry)


def test_an_unknown_kind_is_refused() -> None:
    kind: EntryKind = "other"  # type: ignore[assignment]  # what another writer might print
    with pytest.raises(VerificationError, match="unknown kind 'other'"):
        encode_entry(Entry(kind, "key-7", HASH, 0))
    with pytest.raises(VerificationError, match="unknown kind 'other'"):
        parse_entry(EVENT.encoded.replace(b'"event"', b'"other"'))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b'{"by"', b'{ "by"', "not profile JSON"),
        (b'"rx_us":1', b'"rx_us":"1', "not profile JSON"),
        (b'"rx_us":1796213472000000', b'"rx_us":"5"', "other keys or types"),
        (b'"rx_us":1796213472000000', b'"rx_us":true', "other keys or types"),
        (b'"k":"event"', b'"k":"event","m":1', "other keys or types"),
        (b'"by":"key-7",', b"", "other keys or types"),
        (b'=","k"', b'","k"', "base64"),
        (b'"k":"event"', b'"k":"event","n":1', "counts spans"),
        (b'"rx_us":1796213472000000', b'"rx_us":-1', "out of range"),
        (b"key-7", b"k" * 1000, "too long"),
    ],
)
def test_every_other_spelling_is_refused(old: bytes, new: bytes, fault: str) -> None:
    assert old in EVENT.encoded
    with pytest.raises(VerificationError, match=fault):
        parse_entry(EVENT.encoded.replace(old, new))


def test_an_entry_that_is_no_object_is_refused() -> None:
    with pytest.raises(VerificationError, match="other keys or types"):
        parse_entry(b"[]")
