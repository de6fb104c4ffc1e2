"""Ed25519 without dependencies, and which keys are admitted."""

import builtins
import hashlib
from typing import Any

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import (
    Ed25519Verify,
    check_public_key,
    load_verify,
    verify_pure,
)
from tests.keys import key_pair
from tests.requirements import requirement

PAIR = key_pair("agents.example/checkout")
MESSAGE = b"what was signed"
SIGNATURE = PAIR.sign(MESSAGE)
ORDER = 2**252 + 27742317777372353535851937790883648493
P = 2**255 - 19

IDENTITY = (1).to_bytes(32, "little")
ORDER_TWO = (P - 1).to_bytes(32, "little")
ORDER_FOUR = bytes(32)
ORDER_EIGHT = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
BASE_PLUS_ORDER_EIGHT = bytes.fromhex(
    "da99e28ba529cdde35a25fba9059e78ecaee239f99755b9b1aa4f65df00803e2"
)
BASE_PLUS_ORDER_TWO = (P - 4 * pow(5, -1, P) % P | 1 << 255).to_bytes(32, "little")
"""(-x, -y) of the base point, whose x is even and so -x odd."""
NO_POINT = (2).to_bytes(32, "little")

pytestmark = requirement("tlog.signatures")

both = pytest.mark.parametrize("verify", [verify_pure, load_verify()], ids=["pure", "openssl"])


@both
def test_a_signature_holds_for_its_message_and_key_alone(verify: Ed25519Verify) -> None:
    assert verify(PAIR.public_key, SIGNATURE, MESSAGE) is True
    assert verify(PAIR.public_key, SIGNATURE, MESSAGE + b"!") is False
    assert verify(key_pair("another").public_key, SIGNATURE, MESSAGE) is False


@both
def test_each_flipped_bit_of_a_signature_breaks_it(verify: Ed25519Verify) -> None:
    for bit in range(0, 512, 7):
        flipped = bytearray(SIGNATURE)
        flipped[bit // 8] ^= 1 << bit % 8
        assert verify(PAIR.public_key, bytes(flipped), MESSAGE) is False


@both
def test_the_same_signature_with_s_above_the_order_is_refused(verify: Ed25519Verify) -> None:
    scalar = int.from_bytes(SIGNATURE[32:], "little") + ORDER
    assert verify(PAIR.public_key, SIGNATURE[:32] + scalar.to_bytes(32, "little"), MESSAGE) is False


@both
@pytest.mark.parametrize("length", [0, 31, 33, 63, 65])
def test_a_key_or_signature_of_another_length_is_refused(
    verify: Ed25519Verify, length: int
) -> None:
    assert verify((PAIR.public_key * 3)[:length], SIGNATURE, MESSAGE) is False
    assert verify(PAIR.public_key, (SIGNATURE * 2)[:length], MESSAGE) is False


def clamped_scalar(seed: bytes) -> int:
    """The secret scalar of a seed (RFC 8032 section 5.1.5)."""
    number = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return number & ((1 << 254) - 8) | 1 << 254


@both
def test_a_signature_with_a_byte_behind_it_is_refused(verify: Ed25519Verify) -> None:
    assert verify(PAIR.public_key, SIGNATURE + b"\x00", MESSAGE) is False


@both
def test_a_key_with_a_byte_behind_it_is_refused_even_where_the_equation_holds(
    verify: Ed25519Verify,
) -> None:
    secret, nonce = (pair.private.private_bytes_raw() for pair in (PAIR, key_pair("nonce")))
    point = key_pair("nonce").public_key
    for public_key, expected in ((PAIR.public_key, True), (PAIR.public_key + b"\x00", False)):
        digest = hashlib.sha512(point + public_key + MESSAGE).digest()
        challenge = int.from_bytes(digest, "little")
        scalar = (clamped_scalar(nonce) + challenge * clamped_scalar(secret)) % ORDER
        signature = point + scalar.to_bytes(32, "little")
        assert verify(public_key, signature, MESSAGE) is expected


@both
def test_a_key_that_is_no_point_verifies_nothing(verify: Ed25519Verify) -> None:
    assert verify(NO_POINT, SIGNATURE, MESSAGE) is False


def test_a_key_in_another_encoding_verifies_nothing() -> None:
    zero_scalar = IDENTITY + bytes(32)
    assert verify_pure(IDENTITY, zero_scalar, MESSAGE) is True
    not_reduced = (P + 1).to_bytes(32, "little")
    sign_of_zero = (1 | 1 << 255).to_bytes(32, "little")
    assert verify_pure(not_reduced, zero_scalar, MESSAGE) is False
    assert verify_pure(sign_of_zero, zero_scalar, MESSAGE) is False
    messages = [b"%d" % number for number in range(64)]
    zero, not_reduced_zero = bytes(32), P.to_bytes(32, "little")
    assert any(verify_pure(zero, zero_scalar, message) for message in messages)
    assert not any(verify_pure(not_reduced_zero, zero_scalar, message) for message in messages)


def test_s_equal_to_the_order_is_refused() -> None:
    assert verify_pure(IDENTITY, IDENTITY + bytes(32), MESSAGE) is True
    assert verify_pure(IDENTITY, IDENTITY + ORDER.to_bytes(32, "little"), MESSAGE) is False


def test_a_fresh_key_is_admitted() -> None:
    for number in range(8):
        check_public_key(key_pair(f"key {number}").public_key)


@pytest.mark.parametrize(
    ("public_key", "message"),
    [
        (b"", "expected 32 bytes, got 0"),
        (PAIR.public_key + b"\x00", "expected 32 bytes, got 33"),
        (NO_POINT, "no point of the curve"),
        (P.to_bytes(32, "little"), "not canonical"),
        ((P + 1).to_bytes(32, "little"), "not canonical"),
        ((P + 1 | 1 << 255).to_bytes(32, "little"), "not canonical"),
        ((1 | 1 << 255).to_bytes(32, "little"), "no point of the curve"),
        (IDENTITY, "has small order"),
        (ORDER_TWO, "has small order"),
        (ORDER_FOUR, "has small order"),
        (ORDER_EIGHT, "has small order"),
        (BASE_PLUS_ORDER_EIGHT, "small-order part"),
        (BASE_PLUS_ORDER_TWO, "small-order part"),
    ],
)
def test_a_key_that_verifiers_could_disagree_on_is_not_admitted(
    public_key: bytes, message: str
) -> None:
    with pytest.raises(VerificationError, match=message):
        check_public_key(public_key)


def test_without_cryptography_the_standard_library_verifies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real_import = builtins.__import__

    def no_cryptography(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", no_cryptography)
    assert load_verify() is verify_pure


def test_with_cryptography_openssl_verifies() -> None:
    assert load_verify() is not verify_pure
