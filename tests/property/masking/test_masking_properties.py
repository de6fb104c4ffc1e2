"""What masking promises for any input: it ends, it never raises, it is idempotent, it shows nothing."""

import base64
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.masking import Masker, default_policy
from tests.requirements import requirement

POLICY = default_policy()
MASKER = Masker(POLICY, b"k" * 32, "k1")
REDACTOR = Masker(POLICY)

CANARIES = (
    "canary.person+7@example.com",
    "+44 20 7946 0958",
    "07700 900123",
    "QQ 12 34 56 C",
    "QQ123456C",
    "4111 1111 1111 1111",
    "378282246310005",
    "GB29 NWBK 6016 1331 9268 19",
    "DE89370400440532013000",
    "ghp_c4naryc4naryc4naryc4naryc4naryc4nar",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJlY2FuYXJ5",
)
FRAGMENTS = (
    *CANARIES,
    *(
        "password=",
        '"token": ',
        "Authorization: Bearer ",
        "://",
        "@",
        "user:pw@",
        "[email]",
        "[secret]",
    ),
    *(
        "tok_k1_0123456789abcdef",
        "tok_k1_4111111111111111",
        "[card:tok_k1_0123456789abcdef]",
        "%40",
        "%25",
    ),
    *(
        "\\u0040",
        "&#64;",
        "\u200b",
        "\uff11",
        "\u0661",
        "\ud800",
        "\x00",
        "\n",
        " ",
        ",",
        '"',
        "'",
        "{",
        "}",
    ),
    *(
        "[",
        "]",
        ":",
        "=",
        "-",
        "+",
        "(",
        ")",
        "x",
        "GB",
        "29",
        "2026-11-22",
        "10:59:11",
        "0",
        "12 34",
        "order ",
    ),
    *(
        "call ",
        "eyJ",
        "sk-",
        "-----BEGIN PRIVATE KEY-----",
        "name",
        "amFuZUBleGFtcGxlLmNvbQ==",
        "é",
        "рф",
    ),
)

texts = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map("".join) | st.text(max_size=60)
keys = st.sampled_from(
    (
        "name",
        "email",
        "phone",
        "token",
        "value",
        "key",
        "address",
        "properties",
        "type",
        "id",
        "note",
        "card",
    )
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=20) | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(texts, inner)
        | st.dictionaries(keys | texts | st.integers(), inner, max_size=4)
        | inner.map(lambda value: json.dumps(value, default=str))
    ),
    max_leaves=12,
)


def spellings(canary: str) -> list[str]:
    """List what a canary must not be found as: itself, URL-encoded, and in base64 at any alignment."""
    aligned = [base64.b64encode(b" " * shift + canary.encode()).decode() for shift in range(3)]
    cores = [aligned[0][:-4], aligned[1][4:-4], aligned[2][4:-4]]
    return [canary, quote(canary), quote(canary, safe=""), *cores]


@given(values)
@settings(max_examples=400)
def test_masking_never_raises_and_gives_json(value: object) -> None:
    masked = MASKER.mask(value)
    again = json.loads(json.dumps(masked.value, allow_nan=False, ensure_ascii=False).encode())
    assert again == masked.value


@given(values)
@settings(max_examples=400)
@pytest.mark.parametrize("masker", [MASKER, REDACTOR], ids=["tokens", "redaction"])
def test_masking_twice_is_masking_once(masker: Masker, value: object) -> None:
    once = masker.mask(value)
    twice = masker.mask(once.value)
    assert twice.value == once.value
    assert set(twice.hits) <= {"withheld"}


@given(texts)
@settings(max_examples=600)
def test_masking_a_text_twice_is_masking_it_once(text: str) -> None:
    once = MASKER.mask_text(text).value
    assert MASKER.mask_text(once).value == once


@given(values)
def test_a_masker_with_a_full_memory_says_the_same_as_a_new_one(value: object) -> None:
    assert Masker(POLICY, b"k" * 32, "k1").mask(value) == MASKER.mask(value)


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return sorted(repr(shape(item)) for item in value.values())
    if isinstance(value, list):
        return [shape(item) for item in value]
    return None


plain_keys = st.sampled_from((*CANARIES, "a", "b c", "id", "note", "[secret]", "\ud800"))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(plain_keys, inner, max_size=4),
    max_leaves=12,
)


@given(plain)
def test_the_shape_of_json_is_kept(value: object) -> None:
    assert shape(MASKER.mask(value).value) == shape(value)


fillers = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=20)


def contained(value: str) -> st.SearchStrategy[object]:
    """Put a value somewhere into a document, plain or encoded."""
    encoded = base64.b64encode(value.encode()).decode()
    carrier = st.sampled_from(
        (
            value,
            f"before {value} after",
            f"https://example.com/x?q={quote(value, safe='')}&n=1",
            f"https://example.com/x?q={quote(quote(value, safe=''), safe='')}",
            encoded,
            f"data:text/plain;base64,{encoded}",
            json.dumps({"rows": [{"col": value}]}),
            json.dumps({"text": json.dumps([value])}),
            value.encode(),
            ValueError(f"bad value: {value!r}"),
            {value: 1},
        )
    )
    return st.recursive(
        carrier,
        lambda inner: (
            st.tuples(fillers, inner).map(list)
            | st.tuples(keys, inner).map(lambda pair: {pair[0]: pair[1], "n": 1})
        ),
        max_leaves=4,
    )


@requirement("mask.detectors-validate")
@given(
    st.sampled_from(CANARIES).flatmap(lambda canary: st.tuples(st.just(canary), contained(canary)))
)
@settings(max_examples=800)
def test_no_canary_is_left_in_any_spelling(case: tuple[str, object]) -> None:
    canary, document = case
    output = json.dumps(MASKER.mask(document).value, ensure_ascii=False)
    assert not [spelling for spelling in spellings(canary) if spelling in output]


ADVERSARIAL = (
    *("1-", "4 ", "12 34 ", "4111 1111 ", "(0", "+1 ", "0161 ", "1", "a@", "a@a.", "key=", "="),
    *(
        "://a:",
        "http://a:b@",
        "eyJhbGciOiJ.",
        "sk-aaaaaaaaaaaaaaaa1",
        "-----BEGIN PRIVATE KEY-----",
    ),
    *(
        "QUFB",
        "QUFBQUFBQUFB-",
        "%40",
        "%2540",
        "\\u0040",
        "<password>",
        '"surname": "x", ',
        "password is ",
    ),
    *(
        "--password ",
        "bearer ",
        "[",
        '{"a":',
        "a.",
        " ",
        "\uff11",
        "\u200b1",
        "AB123456C ",
        "GB29 ",
        "Aa",
    ),
    *("12345678-", "54362315K ", "850730-", "1.2.3-", "a,", "id,dob\n", "1980-03-12 ", "born "),
    *("[at]", "a (at) b ", " dot a", "4111_1111_", "</b><b>", "\\100", "\\U00000040", "&#64", "\0"),
    *(
        "6a616e65",
        "H4sIAIs8A2sC",
        "-u a:b ",
        "login a password ",
        "ssn ",
        "RSSMRA85T10A562S",
        "IBAN",
    ),
    *("jane@example.com ", "07700 900123 ", "4111 1111 1111 1111 ", "A" * 76 + "\n"),
)


@pytest.mark.parametrize("pattern", ADVERSARIAL, ids=lambda pattern: repr(pattern[:16]))
def test_time_grows_with_the_length_and_not_faster(pattern: str) -> None:
    def seconds(size: int) -> float:
        text = (pattern * (size // len(pattern) + 1))[:size]
        best = float("inf")
        for _ in range(3):
            start = time.process_time()
            MASKER.mask(text)
            best = min(best, time.process_time() - start)
        return best

    short, long = seconds(4_000), seconds(16_000)
    assert long < 4 * 3 * max(short, 0.0005)
    assert long < 1
