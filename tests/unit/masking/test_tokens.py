"""Tokens join equal values, under a key that nothing shows."""

import hashlib
import hmac

import pytest

from tallystick.errors import ConfigError
from tallystick.masking import Masker
from tallystick.masking.tokens import TOKEN, TokenKey, is_marker
from tests.unit.masking.maskers import KEY, MASKER, POLICY, redacting


def test_a_token_is_the_first_eight_bytes_of_an_hmac_over_kind_and_canonical_value() -> None:
    expected = hmac.new(KEY, b"email\0jane@example.com", hashlib.sha256).hexdigest()[:16]
    assert MASKER.token("email", " Jane@Example.com ") == f"tok_k1_{expected}"


@pytest.mark.parametrize("size_bytes", [16, 32, 63, 64, 65, 200])
def test_the_digest_is_hmac_sha256_for_keys_of_every_size(size_bytes: int) -> None:
    secret = bytes(range(size_bytes))
    expected = hmac.new(secret, b"phone\0" + b"4" * 500, hashlib.sha256).digest()
    assert TokenKey("k1", secret).digest("phone", b"4" * 500) == expected


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("email", "Jane@Example.com", "jane@example.com"),
        ("card", "4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("iban", "gb29 nwbk 6016 1331 9268 19", "GB29NWBK60161331926819"),
        ("uk_nino", "qq 12 34 56 c", "QQ123456C"),
        ("phone", "+44 (0)20 7946 0958", "0044 20 79460958"),
        ("person", "Jane  DOE", "jane doe"),
    ],
)
def test_two_spellings_of_a_value_join(kind: str, one: str, other: str) -> None:
    assert MASKER.token(kind, one) == MASKER.token(kind, other)


def test_another_value_kind_or_key_gives_another_token() -> None:
    other_key = Masker(POLICY, b"o" * 32, "k1")
    tokens = {
        MASKER.token("email", "a@example.com"),
        MASKER.token("email", "b@example.com"),
        MASKER.token("person", "a@example.com"),
        other_key.token("email", "a@example.com"),
    }
    assert len(tokens) == 4


def test_without_a_key_tokens_become_redaction() -> None:
    masker = redacting()
    assert masker.mask("jane@example.com").value == "[email]"
    assert masker.token("email", "jane@example.com") == "[email]"
    assert masker.digest("params", b"{}") is None


def test_the_digest_of_a_record_covers_exactly_the_bytes_given() -> None:
    expected = hmac.new(KEY, b"params\0{} ", hashlib.sha256).hexdigest()[:32]
    assert MASKER.digest("params", b"{} ") == expected


def test_a_token_is_never_masked_again_nor_is_anything_inside_it() -> None:
    for token in (
        "tok_k1_4111111111111111",
        "tok_k1_0123456789012345",
        MASKER.token("phone", "07700 900123"),
    ):
        for text in (token, f"see {token}.", f"phone {token}", f"[card:{token}]"):
            assert TOKEN.search(text)
            assert MASKER.mask(text).value == text
            assert MASKER.mask({"phone": text, "password": token}).value == {
                "phone": text,
                "password": token,
            }


def test_what_only_resembles_a_token_is_masked() -> None:
    assert "4111111111111111" not in str(MASKER.mask("tok_4111111111111111").value)
    assert "jane" not in str(MASKER.mask("tok_k1_0123456789abcdef@jane.example.com").value)


@pytest.mark.parametrize(
    "text", ["[email]", "[secret]", "[card:*1111]", "[withheld]", "tok_k1_0123456789abcdef"]
)
def test_markers_are_known_as_such(text: str) -> None:
    assert is_marker(text)
    assert not is_marker(text + " and more")


@pytest.mark.parametrize(
    "text", ["[mail]", "[email:jane@example.com]", "[secret:hunter2]", "[]", "tok_k1_xyz"]
)
def test_brackets_alone_make_no_marker(text: str) -> None:
    assert not is_marker(text)


@pytest.mark.parametrize(
    ("key_id", "key"), [("k1", b"short"), ("", KEY), ("K1", KEY), ("k_1", KEY), ("k" * 17, KEY)]
)
def test_a_short_key_or_a_malformed_id_is_refused_and_not_repeated(key_id: str, key: bytes) -> None:
    with pytest.raises(ConfigError) as refusal:
        Masker(POLICY, key, key_id)
    assert "short" not in str(refusal.value)


def test_no_representation_shows_the_key() -> None:
    assert "kkkk" not in repr(TokenKey("k1", KEY))
    assert "kkkk" not in repr(MASKER)
