"""The shortcuts of masking give the same answers as the long way: whole values, shapes, memories."""

import base64
import random
import zlib

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tallystick.masking import Masker, default_policy
from tallystick.masking.keys import PLAIN
from tallystick.masking.shapes import is_clean_by_shape
from tallystick.masking.whole import whole_kind
from tests.corpus.decoys import DECOYS, DOCUMENTS
from tests.corpus.locales import LOCALES
from tests.corpus.values import MAKERS_BY_TYPE

POLICY = default_policy()
seeds = st.integers(0, 10**9)


KEYS_OF_NUMBERS = ("phone", "card", "iban", "nino", "email", "note", "mobile_number", "cc")


def without_shortcuts(value: object, key: bytes | None = None) -> object:
    """Mask with a masker that has seen nothing, each value the long way."""
    with pytest.MonkeyPatch.context() as patch:
        for shortcut in ("whole_kind", "word_of"):
            patch.setattr(f"tallystick.masking.texts.{shortcut}", lambda _: None)
        patch.setattr("tallystick.masking.texts.is_part_of_number", lambda _: False)
        return Masker(POLICY, key, "k1" if key else "").mask(value)


@given(seeds, st.sampled_from([*MAKERS_BY_TYPE]), st.sampled_from([*LOCALES]))
@settings(max_examples=150)
def test_a_whole_value_is_told_as_the_detectors_tell_it(seed: int, name: str, code: str) -> None:
    value = MAKERS_BY_TYPE[name](random.Random(seed), LOCALES[code])
    assert whole_kind(value.text) in (None, value.kind)
    assert Masker(POLICY).mask(value.text) == without_shortcuts(value.text)


near_values = st.lists(
    st.sampled_from(
        [
            *(*"@.-+ ()", "4111 1111 1111 1111", "+44 20 7946 0958", "AB123456C"),
            *("BE71096123456769", "jane.doe", "example.com", "git", "sk-", "GB", "12", "0", "FE"),
            *("tok_", "x"),
        ]
    ),
    max_size=5,
).map("".join)


@given(near_values)
@settings(max_examples=300)
def test_what_is_near_a_value_is_told_as_the_detectors_tell_it(text: str) -> None:
    assert Masker(POLICY).mask(text) == without_shortcuts(text)


words = st.sampled_from(
    [
        *("order ", "took ", "ms", "call ", "born ", "id=", "/v", "_", "-", " ", ":", ".", ","),
        *("ord_", "status=", "token: ", "nif ", "\n", "a;b\n", "0", "12", "2026-11-22", "10:00:00"),
        *("123456", "99999999", "line ", "E", "x", "GB", "AB", "sku", "surname,id\n", "phone"),
    ]
)


@given(st.lists(words, max_size=8).map("".join), seeds)
@settings(max_examples=500)
def test_a_shape_that_is_called_clean_is_clean_with_any_digits(text: str, seed: int) -> None:
    assume(
        len(text) > 4 and Masker(POLICY).mask(text).hits == {} and is_clean_by_shape(text, PLAIN)
    )
    draw = random.Random(seed)
    other = "".join(draw.choice("0123456789") if one.isdigit() else one for one in text)
    assert Masker(POLICY).mask(other).value == other


@given(seeds)
@settings(max_examples=20)
def test_a_masker_that_has_seen_much_says_the_same_as_a_new_one(seed: int) -> None:
    draw = random.Random(seed)
    seen = Masker(POLICY)
    texts = [draw.choice(DECOYS)(draw) for _ in range(20)]
    texts += [str(draw.choice(DOCUMENTS)(draw)) for _ in range(10)]
    texts += [
        MAKERS_BY_TYPE[draw.choice([*MAKERS_BY_TYPE])](draw, LOCALES["ES"]).text for _ in range(10)
    ]
    for text in draw.choices(texts, k=120):
        assert seen.mask(text) == Masker(POLICY).mask(text)


def word(draw: random.Random) -> str:
    """Draw a single word as machines write it; something is hidden in every third or so."""
    locale = LOCALES[draw.choice([*LOCALES])]
    value = MAKERS_BY_TYPE[draw.choice([*MAKERS_BY_TYPE])](draw, locale).text
    noise = draw.randbytes(draw.choice((6, 9, 16, 20, 32, 48, 64)))
    content = draw.choice((noise, noise, value.encode(), noise + value.encode() + noise))
    if draw.random() < 0.1:
        content = zlib.compress(content)
    encode = draw.choice((base64.b64encode, base64.urlsafe_b64encode, bytes.hex))
    encoded = encode(content)
    text = encoded if isinstance(encoded, str) else encoded.decode()
    compact = "".join(filter(str.isalnum, value))
    pieces = [
        text,
        text[: draw.randint(4, 40)],
        text.rstrip("="),
        compact,
        str(draw.getrandbits(40)),
    ]
    prefixes = ("", "call_", "toolu_", "AKIA", "sk-", "IBAN", "dob-19", "0", "2026-11-22-", "tok_")
    parts = draw.choices(pieces, k=draw.choice((1, 1, 1, 2, 3)))
    return draw.choice(prefixes) + draw.choice("_-/+ ").join(parts)


@given(seeds)
@settings(max_examples=600)
def test_a_word_is_told_as_the_detectors_tell_it(seed: int) -> None:
    text = word(random.Random(seed))
    assert Masker(POLICY, b"k" * 32, "k1").mask(text) == without_shortcuts(text, b"k" * 32)


@given(st.sampled_from(KEYS_OF_NUMBERS), st.text("+0123456789 *()./-#xX", max_size=40))
@settings(max_examples=600)
def test_what_is_left_of_a_number_is_told_as_the_detectors_tell_it(key: str, text: str) -> None:
    assert Masker(POLICY).mask({key: text}) == without_shortcuts({key: text})


def test_a_secret_is_found_in_a_word_that_looks_like_others() -> None:
    hidden = base64.b64encode(b"\xff\xfe\xfdpassword=hunter2hunter2\xff").decode()
    words = ("AKIAIOSFODNN7EXAMPLE", "id-BE71096123456769", "id/RSSMRA85T10A562S", "id/131052A308T")
    for text in (hidden, *words, "call_447700900123"):
        assert Masker(POLICY).mask(text).hits, text
