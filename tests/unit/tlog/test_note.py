"""Signed notes and verification keys: one spelling, known keys, nothing taken on trust."""

import base64

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import (
    MAX_NOTE_BYTES,
    VerifierKey,
    encode_vkey,
    open_note,
    parse_note,
    parse_vkey,
    sign_note,
    verifier_key,
)
from tests.keys import KeyPair, key_pair
from tests.requirements import requirement

VERIFY = load_verify()
ALICE = key_pair("alice.example/log")
BOB = key_pair("bob.example/witness")
TEXT = "first line\n\nthird line, é\n"
NOTE = sign_note(ALICE.name, TEXT, ALICE.sign, ALICE.public_key)
SMALL_ORDER_KEY = (1).to_bytes(32, "little")

pytestmark = requirement("tlog.checkpoint-strict")


def signature_line(pair: KeyPair, text: str = TEXT) -> str:
    return sign_note(pair.name, text, pair.sign, pair.public_key).rpartition("\n\n")[2]


def unknown_line(name: str = "carol.example/unknown", raw: bytes = b"\x00" * 5) -> str:
    return f"— {name} {base64.b64encode(raw).decode()}\n"


def test_a_note_opens_with_the_key_that_signed_it() -> None:
    opened = open_note(NOTE, [BOB.key, ALICE.key], VERIFY)
    assert opened.text == TEXT
    assert opened.keys == (ALICE.key,)


def test_a_note_has_the_published_form() -> None:
    body, _, last = NOTE.rpartition("\n\n")
    dash, name, encoded = last.rstrip("\n").split(" ")
    assert (body + "\n", dash, name) == (TEXT, "—", ALICE.name)
    raw = base64.b64decode(encoded)
    assert raw == ALICE.key.key_id + ALICE.sign(TEXT.encode())


def test_all_known_signers_are_named_in_order() -> None:
    note = NOTE + unknown_line() + signature_line(BOB)
    assert open_note(note, [BOB.key, ALICE.key], VERIFY).keys == (ALICE.key, BOB.key)


def test_signatures_by_unknown_keys_are_ignored() -> None:
    note = NOTE + unknown_line() + unknown_line() + unknown_line(raw=b"\x00" * 2424)
    assert open_note(note, [ALICE.key], VERIFY).keys == (ALICE.key,)


def test_a_signature_that_shares_only_name_or_only_id_with_a_known_key_is_ignored() -> None:
    same_name = unknown_line(ALICE.name, b"\x01\x02\x03\x04" + bytes(64))
    same_id = unknown_line("carol.example/x", ALICE.key.key_id + bytes(64))
    assert open_note(NOTE + same_name + same_id, [ALICE.key], VERIFY).keys == (ALICE.key,)


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    with pytest.raises(VerificationError, match="no known key signed the note"):
        open_note(NOTE, [BOB.key], VERIFY)
    with pytest.raises(VerificationError, match="expected one of 0 known keys"):
        open_note(NOTE, [], VERIFY)


def test_one_false_signature_by_a_known_key_rejects_the_whole_note() -> None:
    forged = unknown_line(BOB.name, BOB.key.key_id + BOB.sign(b"another text"))
    with pytest.raises(VerificationError, match=r"signature of bob.example/witness .* not hold"):
        open_note(NOTE + forged, [ALICE.key, BOB.key], VERIFY)


def test_a_known_key_that_signs_twice_is_refused() -> None:
    with pytest.raises(VerificationError, match="signed the note twice"):
        open_note(NOTE + signature_line(ALICE), [ALICE.key], VERIFY)


def test_another_key_under_the_same_name_does_not_open_the_note() -> None:
    impostor = key_pair(ALICE.name, seed="impostor")
    with pytest.raises(VerificationError, match="no known key"):
        open_note(NOTE, [impostor.key], VERIFY)


def test_every_changed_character_of_the_text_breaks_the_note() -> None:
    for position in range(len(TEXT) - 1):
        changed = NOTE[:position] + "~" + NOTE[position + 1 :]
        with pytest.raises(VerificationError):
            open_note(changed, [ALICE.key], VERIFY)


def test_two_known_keys_that_cannot_be_told_apart_are_refused() -> None:
    class Collision(VerifierKey):
        __slots__ = ()

        @property
        def key_id(self) -> bytes:
            return ALICE.key.key_id

    other = Collision(ALICE.name, BOB.public_key)
    with pytest.raises(VerificationError, match="two known keys share the name"):
        open_note(NOTE, [ALICE.key, other], VERIFY)
    assert open_note(NOTE, [ALICE.key, ALICE.key], VERIFY).keys == (ALICE.key,)


LINE = NOTE.rpartition("\n\n")[2]


@pytest.mark.parametrize(
    ("note", "message"),
    [
        ("", "no signatures"),
        ("text\n" + LINE, "no signatures"),
        ("text\n\n", "cut off"),
        (NOTE[:-1], "cut off"),
        (NOTE + "\n", "cut off"),
        (TEXT + "\n" + LINE.replace("—", "-"), "signature line is malformed"),
        (TEXT + "\n" + LINE.replace("— ", "—  "), "signature line is malformed"),
        (TEXT + "\n" + LINE.replace("\n", " \n"), "signature line is malformed"),
        (TEXT + "\n" + LINE.replace("\n", " x\n"), "signature line is malformed"),
        (TEXT + "\n" + " " + LINE, "signature line is malformed"),
        (TEXT + "\n— name\n", "signature line is malformed"),
        (TEXT + "\n" + LINE.replace("alice", "ali+ce"), "key name is malformed"),
        (TEXT + "\n" + LINE.replace("alice", "ali\u00a0ce"), "key name is malformed"),
        (TEXT + "\n" + LINE.replace("=\n", "\n"), "is not base64"),
        (TEXT + "\n" + unknown_line(raw=b"\x00" * 4), "too short"),
        (NOTE.replace("first", "fi\rst"), "control character"),
        (NOTE.replace("first", "fi\x00st"), "control character"),
        (NOTE.replace("first", "fi\tst"), "control character"),
        (NOTE.replace("first", "fi\x1fst"), "control character"),
        (NOTE.replace("first", "fi\x0bst"), "control character"),
        (NOTE.replace("first", "fi\ud800st"), "not UTF-8"),
        (TEXT + "\n" + unknown_line() * 101, "too many signatures"),
        ("x" * MAX_NOTE_BYTES + NOTE, "too long"),
    ],
)
def test_what_is_not_a_note_is_refused(note: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        parse_note(note)


def test_a_hundred_signatures_are_read() -> None:
    assert len(parse_note(TEXT + "\n" + unknown_line() * 100).signatures) == 100


def test_the_longest_note_is_read() -> None:
    assert MAX_NOTE_BYTES == 524_288
    padding = MAX_NOTE_BYTES - len(NOTE.encode())
    assert len(parse_note("x" * padding + NOTE).text.encode()) == padding + len(TEXT.encode())
    with pytest.raises(VerificationError, match="too long"):
        parse_note("x" * (padding + 1) + NOTE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no newline", "does not end in a newline"),
        ("", "does not end in a newline"),
        ("a\rb\n", "control character"),
        ("half \udc00\n", "not UTF-8"),
    ],
)
def test_a_text_that_cannot_stand_in_a_note_is_not_signed(text: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        sign_note(ALICE.name, text, ALICE.sign, ALICE.public_key)


def test_a_text_of_empty_lines_round_trips() -> None:
    for text in ("\n", "\n\n", "a\n\n\n"):
        note = sign_note(ALICE.name, text, ALICE.sign, ALICE.public_key)
        assert open_note(note, [ALICE.key], VERIFY).text == text


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x01b", "a\ud800b"])
def test_a_malformed_name_is_refused_wherever_it_enters(name: str) -> None:
    with pytest.raises(VerificationError):
        sign_note(name, TEXT, ALICE.sign, ALICE.public_key)
    with pytest.raises(VerificationError):
        encode_vkey(name, ALICE.public_key)
    with pytest.raises(VerificationError):
        verifier_key(name, ALICE.public_key)


def test_a_signer_of_another_algorithm_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"does not speak Ed25519.* got 71 and 32"):
        sign_note(ALICE.name, TEXT, lambda _: bytes(71), ALICE.public_key)
    with pytest.raises(VerificationError, match=r"does not speak Ed25519.* got 64 and 33"):
        sign_note(ALICE.name, TEXT, ALICE.sign, ALICE.public_key + b"\x00")


def test_a_verification_key_round_trips() -> None:
    text = encode_vkey(ALICE.name, ALICE.public_key)
    assert text == ALICE.key.vkey
    assert parse_vkey(text) == ALICE.key
    assert text.startswith(f"{ALICE.name}+{ALICE.key.key_id.hex()}+A")


def typed_vkey(typed_key: bytes, key_id: str = "00000000") -> str:
    return f"alice+{key_id}+{base64.b64encode(typed_key).decode()}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a verification key"),
        ("alice", "not a verification key"),
        ("alice+00000000", "not a verification key"),
        (ALICE.key.vkey.replace(ALICE.key.key_id.hex(), "0000000"), "not a verification key"),
        (
            ALICE.key.vkey.replace(ALICE.key.key_id.hex(), ALICE.key.key_id.hex().upper()),
            "not a verification key",
        ),
        (ALICE.key.vkey.replace(ALICE.key.key_id.hex(), "00000000"), "id of .* is not the key's"),
        (ALICE.key.vkey.replace("alice", "malice"), "id of malice.* is not the key's"),
        (ALICE.key.vkey + "\n", "not a verification key|not base64"),
        ("a b" + ALICE.key.vkey, "key name is malformed"),
        (typed_vkey(b""), "not a verification key"),
        (typed_vkey(b"\x04" + ALICE.public_key), "signature type 0x04: expected 0x01"),
        (typed_vkey(b"\x06" + bytes(1312)), "signature type 0x06: expected 0x01"),
        (typed_vkey(b"\x01" + ALICE.public_key + b"\x00"), "expected 32 bytes, got 33"),
        (typed_vkey(b"\x01" + SMALL_ORDER_KEY), "small order"),
        ("alice+00000000+!!!", "not base64"),
    ],
)
def test_what_is_not_a_verification_key_is_refused(text: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        parse_vkey(text)


def test_a_key_of_small_order_is_not_admitted_under_any_name() -> None:
    with pytest.raises(VerificationError, match="small order"):
        encode_vkey("alice", SMALL_ORDER_KEY)
