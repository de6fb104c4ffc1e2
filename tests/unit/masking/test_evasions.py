"""Spellings that hide a value from a plain pattern: none of them gets through."""

import base64
import gzip
import html
import json
import zlib
from urllib.parse import quote

import pytest

from tests.corpus.score import canonical, readable
from tests.unit.masking.maskers import MASKER

CARD = "4111111111111111"
EMAIL = "jane.doe@example.com"


def wide(text: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) for one in text)


def digits_from(zero: int) -> str:
    return "".join(chr(zero + int(one)) for one in CARD)


def between(gap: str, text: str) -> str:
    return gap.join(text)


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


SPELLINGS: dict[str, object] = {
    "full-width card": wide(CARD),
    "full-width e-mail": wide(EMAIL),
    "Arabic-Indic digits": digits_from(0x660),
    "mathematical digits": digits_from(0x1D7CE),
    "Cyrillic letters": "j\u0430ne.d\u043ee@ex\u0430mple.com",
    "no-break spaces": "4111\u00a01111\u00a01111\u00a01111",
    "em dashes": "4111\u20141111\u20141111\u20141111",
    "middle dots": "4111\u00b71111\u00b71111\u00b71111",
    "a number": int(CARD),
    "a float": float(CARD),
    "bytes": CARD.encode(),
    "UTF-16": EMAIL.encode("utf-16-le"),
    "a key": {EMAIL: 1},
    "a key in a tuple": {(EMAIL, 1): 2},
    "JSON thrice": json.dumps({"a": json.dumps({"b": json.dumps({"c": EMAIL})})}),
    "bytes of JSON": {"a": [json.dumps({"x": EMAIL}).encode()]},
    "broken JSON with escapes": '{"a": "jane.doe\\u0040example.com"',
    "a hexadecimal escape": "jane.doe\\x40example.com",
    "an octal escape": "jane.doe\\100example.com",
    "a long escape": "jane.doe\\U00000040example.com",
    "an escape in braces": "jane.doe\\u{40}example.com",
    "a URL's escapes": quote(EMAIL, safe=""),
    "a URL's escapes thrice": quote(quote(quote(EMAIL, safe=""), safe=""), safe=""),
    "every character escaped": "".join(f"%{ord(one):02x}" for one in CARD),
    "an entity": EMAIL.replace("@", "&#64;"),
    "an entity without its end": EMAIL.replace("@", "&#64"),
    "a named entity": EMAIL.replace("@", "&commat;").replace(".", "&period;"),
    "every character an entity": "".join(f"&#{ord(one)};" for one in CARD),
    "base64": in_base64(EMAIL.encode()),
    "base64 of base64": in_base64(in_base64(EMAIL.encode()).encode()),
    "base64 of a URL": base64.urlsafe_b64encode(b"??>>" + EMAIL.encode()).decode(),
    "base64 in lines": base64.encodebytes(f"{'x' * 60}{EMAIL}".encode()).decode(),
    "gzip in base64": in_base64(gzip.compress(EMAIL.encode())),
    "zlib in base64": in_base64(zlib.compress(EMAIL.encode())),
    "hexadecimal": EMAIL.encode().hex(),
    "hexadecimal digits": CARD.encode().hex(),
    "at and dot in brackets": "jane.doe[at]example[dot]com",
    "at in parentheses": "jane.doe (at) example.com",
    "at and dot in words": "jane.doe at example dot com",
    "spaces around the sign": "jane.doe @ example.com",
    "a list of groups": ["4111", "1111", "1111", "1111"],
    "a list of characters": [*CARD],
    "a list of letters": [*EMAIL],
    "lines": "4111\n1111\n1111\n1111",
    "underscores": "4111_1111_1111_1111",
    "slashes": "4111/1111/1111/1111",
    "wide gaps": "4111    1111    1111    1111",
    "tags": "<b>4111</b><b>1111</b><b>1111</b><b>1111</b>",
    "one digit at a time": " ".join(CARD),
    "an exception": ValueError(EMAIL),
    "a traceback": f'  File "x.py", line 3\n    login("{EMAIL}")',
    "page source": f"<td>{html.escape(EMAIL)}</td>",
    "a key that asks for it": {"do_not_scrub": EMAIL},
    **{
        f"{name} in between": between(gap, CARD)
        for name, gap in {
            "zero-width spaces": "\u200b",
            "soft hyphens": "\u00ad",
            "word joiners": "\u2060",
            "tag characters": "\U000e0020",
            "variation selectors": "\ufe0f",
            "accents": "\u0301",
            "Hangul fillers": "\u3164",
        }.items()
    },
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_no_spelling_hides_a_value(name: str) -> None:
    masked = MASKER.mask(SPELLINGS[name])
    shown = readable(masked.value)
    assert masked.hits
    assert canonical(EMAIL) not in shown
    assert CARD not in shown.replace("\0", "")
    assert MASKER.mask(masked.value).value == masked.value


@pytest.mark.parametrize(
    "text",
    [
        "curl -u admin:{hunter22} https://example.com",
        "machine example.com login jane password {hunter22}",
        "mysql -h db -p{hunter22} shop",
        "mysql --password {hunter22} -u x",
        "AKIAIOSFODNN7EXAMPLE:{wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}",
        "aws_secret_access_key = {wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}",
        "AccountName=x;AccountKey={Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq==};End=1",
        "https://x.blob.core.windows.net/c?sv=2020&sig={abcDEF123%2Bxyz%3D}&se=2026",
        "<td>password:</td><td>{hunter22}</td>",
    ],
)
def test_secrets_where_programs_put_them_are_masked(text: str) -> None:
    secret = text[text.index("{") + 1 : text.index("}")]
    shown = str(MASKER.mask(text.replace("{", "").replace("}", "")).value)
    assert secret not in shown
    assert "[secret]" in shown


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (["2021", "2022", "2023", "2024"], "years"),
        (["a", "b", "c", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "characters"),
        ("9f730f2a51bc6e0d4c3b2a1908f7e6d5c4b3a291", "a hash"),
        ("meet at noon on the dot or at five", "words"),
        ("price @ 3.50 each", "a price"),
    ],
)
def test_what_only_resembles_a_hidden_value_stays(value: object, why: str) -> None:
    assert MASKER.mask(value).value == value, why
