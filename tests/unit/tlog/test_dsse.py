"""DSSE envelopes: a typed payload, one signature, one spelling."""

import base64
import json

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.dsse import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    dsse_message,
    open_envelope,
    parse_envelope,
    sign_envelope,
)
from tallystick.tlog.ed25519 import load_verify
from tests.keys import key_pair

VERIFY = load_verify()
EMITTER = key_pair("agents.example/checkout")
TYPE = "application/vnd.tallystick.session+json"
PAYLOAD = b'{"session":"00"}'
KEYID = EMITTER.key.key_id.hex()
TEXT = sign_envelope(TYPE, PAYLOAD, KEYID, EMITTER.sign)


def test_the_signed_bytes_are_those_of_the_specifications_example() -> None:
    message = dsse_message("http://example.com/HelloWorld", b"hello world")
    assert message == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_lengths_count_bytes() -> None:
    assert dsse_message("é", "éé".encode()) == "DSSEv1 2 é 4 éé".encode()


def test_an_envelope_is_compact_json_with_sorted_keys() -> None:
    document = json.loads(TEXT)
    assert json.dumps(document, sort_keys=True, separators=(",", ":")) == TEXT
    assert document == {
        "payload": base64.b64encode(PAYLOAD).decode(),
        "payloadType": TYPE,
        "signatures": [
            {
                "keyid": KEYID,
                "sig": base64.b64encode(EMITTER.sign(dsse_message(TYPE, PAYLOAD))).decode(),
            }
        ],
    }


def test_an_envelope_opens_with_the_key_that_signed_it() -> None:
    assert open_envelope(TEXT, TYPE, EMITTER.key, VERIFY) == PAYLOAD
    signature = EMITTER.sign(dsse_message(TYPE, PAYLOAD))
    assert parse_envelope(TEXT) == Envelope(TYPE, PAYLOAD, KEYID, signature)


def test_an_empty_payload_is_signed_too() -> None:
    text = sign_envelope(TYPE, b"", KEYID, EMITTER.sign)
    assert open_envelope(text, TYPE, EMITTER.key, VERIFY) == b""


def test_another_key_does_not_open_it_whatever_the_hint_says() -> None:
    other = key_pair(EMITTER.name, seed="other")
    with pytest.raises(VerificationError, match=r"not signed by agents.example/checkout"):
        open_envelope(TEXT, TYPE, other.key, VERIFY)


def test_the_hint_decides_nothing() -> None:
    text = sign_envelope(TYPE, PAYLOAD, "00000000", EMITTER.sign)
    assert open_envelope(text, TYPE, EMITTER.key, VERIFY) == PAYLOAD


def test_a_payload_of_another_type_is_refused() -> None:
    text = sign_envelope("application/vnd.other+json", PAYLOAD, KEYID, EMITTER.sign)
    with pytest.raises(VerificationError, match=r"another type: expected .*session"):
        open_envelope(text, TYPE, EMITTER.key, VERIFY)


def test_a_type_that_was_exchanged_breaks_the_signature() -> None:
    changed = TEXT.replace("vnd.tallystick.session", "vnd.tallystick.sessions")
    with pytest.raises(VerificationError, match="not signed by"):
        open_envelope(changed, TYPE, EMITTER.key, VERIFY)


def test_a_payload_that_was_exchanged_breaks_the_signature() -> None:
    other = base64.b64encode(b'{"session":"01"}').decode()
    changed = TEXT.replace(base64.b64encode(PAYLOAD).decode(), other)
    with pytest.raises(VerificationError, match="not signed by"):
        open_envelope(changed, TYPE, EMITTER.key, VERIFY)


SIG = json.loads(TEXT)["signatures"][0]["sig"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an envelope"),
        ("{}", "not an envelope"),
        ("null", "not an envelope"),
        (TEXT + "\n", "not an envelope"),
        (" " + TEXT, "not an envelope"),
        (TEXT.replace(":", ": "), "not an envelope"),
        (TEXT.replace('"keyid"', '"x":1,"keyid"'), "not an envelope"),
        (TEXT.replace("}]}", "},{}]}"), "not an envelope"),
        (TEXT.replace("payloadType", "payloadtype"), "not an envelope"),
        (TEXT.replace(TYPE, ""), "payload type of the envelope is malformed"),
        (TEXT.replace(TYPE, "a b"), "payload type of the envelope is malformed"),
        (TEXT.replace(TYPE, "\\u0061"), "payload type of the envelope is malformed"),
        (TEXT.replace(TYPE, "t" * 513), "payload type of the envelope is malformed"),
        (TEXT.replace(KEYID, ""), "keyid of the envelope is malformed"),
        (TEXT.replace(KEYID, "é"), "keyid of the envelope is malformed"),
        (TEXT.replace(SIG, SIG.rstrip("=")), "signature of the envelope is not base64"),
        (TEXT.replace(SIG, ""), "not Ed25519: expected 64 bytes, got 0"),
        (TEXT.replace(SIG, "AAAA"), "not Ed25519: expected 64 bytes, got 3"),
        (TEXT.replace('"payload":"', '"payload":"*'), "payload of the envelope is not base64"),
        ("[" * 100_000, "too long"),
    ],
)
def test_what_is_not_printed_is_not_read(text: str, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        parse_envelope(text)


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a b", "", "é", "a\n"])
def test_a_type_or_hint_that_json_would_escape_is_not_signed(text: str) -> None:
    with pytest.raises(VerificationError, match="payload type of the envelope is malformed"):
        sign_envelope(text, PAYLOAD, KEYID, EMITTER.sign)
    with pytest.raises(VerificationError, match="keyid of the envelope is malformed"):
        sign_envelope(TYPE, PAYLOAD, text, EMITTER.sign)


def test_a_signer_of_another_algorithm_is_refused() -> None:
    with pytest.raises(VerificationError, match="not Ed25519: expected 64 bytes, got 71"):
        sign_envelope(TYPE, PAYLOAD, KEYID, lambda _: bytes(71))


def test_an_envelope_above_the_limit_is_neither_signed_nor_read() -> None:
    assert MAX_ENVELOPE_BYTES == 65_535
    longest = sign_envelope(TYPE, b"x" * 49_002, "k" * 2, EMITTER.sign)
    keyid = "k" * (2 + MAX_ENVELOPE_BYTES - len(longest))
    longest = sign_envelope(TYPE, b"x" * 49_002, keyid, EMITTER.sign)
    assert len(longest) == MAX_ENVELOPE_BYTES
    assert parse_envelope(longest).keyid == keyid
    with pytest.raises(VerificationError, match="at most 65535 characters, got 65536"):
        sign_envelope(TYPE, b"x" * 49_002, keyid + "k", EMITTER.sign)
    with pytest.raises(VerificationError, match="at most 65535 characters, got 65536"):
        parse_envelope(longest.replace(keyid, keyid + "k"))
