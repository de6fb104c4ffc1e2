"""Personal data in disguise: escapes, look-alikes, base64, JSON in strings."""

import base64
import json
from urllib.parse import quote

import pytest

from tallystick.masking.readings import folded, unescaped
from tests.requirements import requirement
from tests.unit.masking.maskers import MASKER, redacted

pytestmark = requirement("mask.detectors-validate")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("q=jane%40example.com&x=1", "q=[email]&x=1"),
        ("q=jane%2540example.com&x=1", "q=[email]&x=1"),
        ("/a%2Fb?m=%6Aane%40example%2Ecom", "/a%2Fb?m=[email]"),
        ("tel=%2B44+20+7946+0958&x", "tel=[phone]&x"),
        ("jane\\u0040example.com", "[email]"),
        ("jane\\x40example.com", "[email]"),
        ("jane&#64;example.com &#x6A;", "[email] &#x6A;"),
        ("j\u200ba\u00adne@example.com", "[email]"),
        ("jаne@exаmple.com", "[email]"),  # Cyrillic a
        ("jane＠example．com", "[email]"),
        ("caf\u00e9 %C3%A9 jane%40example.com", "caf\u00e9 %C3%A9 [email]"),
        ("100% of %zz and \\u12", "100% of %zz and \\u12"),
        ("%FF%FE jane%40example.com", "%FF%FE [email]"),
    ],
)
def test_what_an_escape_or_a_look_alike_hides_is_masked_in_place(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_every_spelling_of_a_value_has_the_same_token() -> None:
    plain = MASKER.mask("jane@example.com").value
    for spelling in (
        "jane%40example.com",
        "JANE@example.com",
        "j\u200bane@example.com",
        "jane＠example.com",
    ):
        assert MASKER.mask(spelling).value == plain


def test_a_reading_remembers_where_each_character_came_from() -> None:
    raw = "é%C3%A9\\u0041&#66;x"
    reading = unescaped(raw)
    assert reading is not None
    assert reading.text == "ééABx"
    assert [raw[slice(*reading.place(i, i + 1))] for i in range(5)] == [
        "é",
        "%C3%A9",
        "\\u0041",
        "&#66;",
        "x",
    ]


def test_folding_keeps_the_places_of_characters_behind_invisible_ones() -> None:
    reading = folded("a\u200b\u200bｂ\u00a0c")
    assert reading is not None
    assert reading.text == "ab c"
    assert reading.place(1, 2) == (3, 4)


def test_plain_text_has_no_other_reading() -> None:
    assert folded("café") is None
    assert unescaped("100 % safe \\n") is None


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
@pytest.mark.parametrize(
    "content", ["jane@example.com", "QQ123456C", '{"note": "tel 07700 900123", "é": 1}']
)
def test_base64_is_masked_inside_and_encoded_again(encode: object, content: str) -> None:
    assert callable(encode)
    encoded = encode(content.encode()).decode()
    masked = str(redacted(f"blob {encoded} end"))
    inside = base64.b64decode(
        masked.removeprefix("blob ").removesuffix(" end").replace("-", "+").replace("_", "/")
    )
    assert inside.decode() == redacted(content)


def test_long_base64_in_lines_is_one_text() -> None:
    content = "word " * 40 + "jane@example.com " + "word " * 40
    masked = str(redacted(base64.encodebytes(content.encode()).decode()))
    assert base64.b64decode(masked).decode() == content.replace("jane@example.com", "[email]")


def test_base64_of_base64_is_opened() -> None:
    twice = base64.b64encode(base64.b64encode(b"jane@example.com")).decode()
    assert base64.b64decode(base64.b64decode(str(redacted(twice)))) == b"[email]"


def test_base64_in_a_path_is_found_between_the_slashes() -> None:
    encoded = base64.b64encode(b"jane@example.com").decode().rstrip("=")
    assert encoded not in str(redacted(f"/users/{encoded}/orders-2026"))


def test_binary_in_base64_is_withheld_when_something_readable_in_it_is_personal() -> None:
    binary = base64.b64encode(b"\xff\x00\xfe" + b"jane@example.com" + b"\x80\x81").decode()
    assert redacted(binary) == "[withheld]"
    harmless = base64.b64encode(bytes(range(128, 256))).decode()
    assert redacted(harmless) == harmless


def test_json_in_a_string_is_masked_by_its_keys() -> None:
    inner = json.dumps(
        {"password": "hunter2", "rows": [{"name": "jd", "email": "jd@example.com"}], "n": 1}
    )
    masked = redacted({"content": [{"type": "text", "text": inner}]})
    text = masked["content"][0]["text"]  # type: ignore[index]
    assert json.loads(text) == {
        "password": "[secret]",
        "rows": [{"name": "[person]", "email": "[email]"}],
        "n": 1,
    }


def test_clean_json_in_a_string_keeps_its_bytes() -> None:
    inner = '{"b" : 1.10,\n "a":[ "plain" ]}'
    assert redacted(inner) == inner


def test_a_key_that_stands_twice_hides_nothing() -> None:
    assert redacted('{"a": "jane@example.com", "a": "x"}') == '{"a": "[email]", "a": "x"}'


def test_json_in_json_in_json_is_opened() -> None:
    value: object = {"token": "x1"}
    for _ in range(3):
        value = {"v": json.dumps(value)}
    assert "x1" not in str(redacted(value))


def test_broken_json_is_text() -> None:
    assert redacted('{"password": "hunter2", ') == '{"password": "[secret]", '
    assert redacted("[" * 20_000) == "[" * 20_000


def test_a_url_in_a_url_in_a_url_is_opened() -> None:
    url = "https://example.com/?m=jane@example.com"
    for _ in range(3):
        url = "https://example.com/?u=" + quote(url, safe="")
    assert "jane" not in str(redacted(url))
