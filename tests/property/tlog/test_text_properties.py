"""Notes, checkpoints, seals and envelopes: no change passes, and garbage raises one error only."""

import re
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import open_checkpoint, parse_checkpoint
from tallystick.tlog.dsse import open_envelope, parse_envelope, sign_envelope
from tallystick.tlog.ed25519 import check_public_key, load_verify, verify_pure
from tallystick.tlog.note import open_note, parse_note, parse_vkey
from tallystick.tlog.seal import make_seal, parse_seal, verify_seal
from tallystick.tlog.tiles import decode_entries, encode_entries
from tallystick.tlog.tree import Frontier, leaf_hash
from tests.keys import key_pair

VERIFY = load_verify()
SESSION = key_pair("tallystick.session/00")
LEAVES = [leaf_hash(bytes([number])) for number in range(12)]
TYPE = "application/vnd.tallystick.session+json"


def seal_body() -> str:
    before = Frontier()
    before.extend(LEAVES[:7])
    return make_seal(before, LEAVES[7:], SESSION.name, SESSION.sign, SESSION.public_key)[0]


SEAL = seal_body()
NOTE = SEAL.partition("\n\n")[2]
ENVELOPE = sign_envelope(TYPE, b'{"session":"00"}', "00000000", SESSION.sign)


def read_seal(body: str) -> object:
    seal = parse_seal(body)
    verify_seal(seal, SESSION.key, VERIFY)
    return seal


def read_note(note: str) -> object:
    return open_checkpoint(note, [SESSION.key], VERIFY)


def read_envelope(text: str) -> object:
    open_envelope(text, TYPE, SESSION.key, VERIFY)
    return re.sub('"keyid":"[^"]*"', "", text)


SIGNED = pytest.mark.parametrize(
    ("text", "read"),
    [(SEAL, read_seal), (NOTE, read_note), (ENVELOPE, read_envelope)],
    ids=["seal", "checkpoint", "envelope"],
)


@SIGNED
@given(data=st.data())
def test_no_single_change_of_a_signed_text_passes(
    text: str, read: Callable[[str], object], data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(text) - 1))
    inserted = data.draw(st.text(max_size=2) | st.sampled_from(["\n", "\r", " ", "=", "A", "0"]))
    removed = data.draw(st.integers(0, 2))
    changed = text[:position] + inserted + text[position + removed :]
    assume(changed != text)
    try:
        value = read(changed)
    except VerificationError:
        return
    assert value == read(text)
    assert read is read_envelope  # the hint alone may change


@SIGNED
def test_every_cut_of_a_signed_text_is_refused(text: str, read: Callable[[str], object]) -> None:
    for length in range(len(text)):
        with pytest.raises(VerificationError):
            read(text[:length])


PARSERS: list[Callable[[str], object]] = [
    parse_note,
    parse_checkpoint,
    parse_seal,
    parse_envelope,
    parse_vkey,
    lambda text: open_note(text, [SESSION.key], VERIFY),
]
FRAGMENTS = ["\n", "\n\n", "— ", SESSION.name, " ", "+", "old 3", "leaves ", "=", "AAAA", '"', "{"]


@pytest.mark.parametrize("parse", PARSERS)
@given(
    text=st.one_of(
        st.text(st.characters(exclude_categories=())),
        st.lists(st.sampled_from([*FRAGMENTS, *SEAL.split("\n")])).map("".join),
        st.lists(st.sampled_from([*FRAGMENTS, *SEAL.split("\n")])).map("\n".join),
    )
)
def test_garbage_raises_the_one_error(parse: Callable[[str], object], text: str) -> None:
    with suppress(VerificationError):
        parse(text)


@given(st.binary(), st.integers(-1, 300))
def test_a_bundle_that_is_read_is_the_one_that_is_written(bundle: bytes, width: int) -> None:
    try:
        entries = decode_entries(bundle, width)
    except VerificationError:
        return
    assert encode_entries(entries) == bundle


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_a_bundle_that_is_written_is_read(entries: list[bytes]) -> None:
    assert decode_entries(encode_entries(entries), len(entries)) == entries


@given(
    st.binary(min_size=31, max_size=33)
    | st.integers(0, 2**256 - 1).map(lambda n: n.to_bytes(32, "big"))
)
def test_a_random_key_is_admitted_or_refused_and_nothing_else(public_key: bytes) -> None:
    try:
        check_public_key(public_key)
    except VerificationError:
        return
    assert len(public_key) == 32


@given(st.binary(max_size=100), st.integers(0, 511), st.sampled_from(["none", "signature", "key"]))
def test_both_verifiers_give_one_verdict(message: bytes, bit: int, what: str) -> None:
    signature, public_key = bytearray(SESSION.sign(message)), bytearray(SESSION.public_key)
    if what == "signature":
        signature[bit // 8] ^= 1 << bit % 8
    if what == "key":
        public_key[bit // 16] ^= 1 << bit % 8
    verdict = verify_pure(bytes(public_key), bytes(signature), message)
    assert verdict == VERIFY(bytes(public_key), bytes(signature), message)
    assert verdict is (what == "none")
