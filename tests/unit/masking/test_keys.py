"""What the names of keys say about their values."""

import pytest

from tallystick.masking import kinds
from tallystick.masking.keys import PERSONAL, PLAIN, is_safe_value, key_rule
from tests.unit.masking.maskers import redacted

UUID = "550e8400-e29b-41d4-a716-446655440000"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "userPassword",
            "DB_PASSWORD",
            "passwd",
            "secret",
            "client_secret",
            "clientSecret",
        ),
        *(
            "token",
            "access_token",
            "refreshToken",
            "authToken",
            "api_key",
            "apiKey",
            "apikey",
            "x-api-key",
        ),
        *(
            "Authorization",
            "proxy-authorization",
            "cookie",
            "Set-Cookie",
            "private_key",
            "credentials",
        ),
        *(
            "secretAccessKey",
            "encryption-key",
            "cvv",
            "pin",
            "otp",
            "auth",
            "jwt",
            "connection_string",
        ),
    ],
)
def test_the_value_of_a_secrets_name_is_dropped_unseen(name: str) -> None:
    for value in ("x", "nothing special", 12, 1.5, ["a"], {"b": 1}, b"raw"):
        assert redacted({name: value}) == {name: "[secret]"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "max_tokens",
            "input_tokens",
            "token_type",
            "token_count",
            "tokenizer",
            "password_policy",
        ),
        *(
            "password_changed_at",
            "secret_name",
            "author",
            "authority",
            "key",
            "primary_key",
            "public_key",
        ),
        *(
            "authorization_endpoint",
            "authorization_servers",
            "keyboard",
            "spin",
            "monkey",
            "cursor",
        ),
    ],
)
def test_a_name_that_only_resembles_a_secrets_says_nothing_of_the_kind(name: str) -> None:
    assert key_rule(name).kind != kinds.SECRET
    assert redacted({name: "plain"}) == {name: "plain"}


def test_nothing_under_a_secrets_name_stays_nothing() -> None:
    empty: dict[str, object] = {
        "password": None,
        "token": "",
        "secret": True,
        "cookies": {},
        "credentials": [],
    }
    assert redacted(empty) == empty


def test_an_identifier_may_stand_where_one_protocol_has_a_secret_and_another_an_id() -> None:
    assert redacted({"session_id": UUID, "progressToken": 7}) == {
        "session_id": UUID,
        "progressToken": 7,
    }
    assert redacted({"session_id": "s%3AqZ.sig"}) == {"session_id": "[secret]"}


@pytest.mark.parametrize(
    "name",
    [
        "surname",
        "first_name",
        "lastName",
        "dateOfBirth",
        "dob",
        "street_address",
        "postCode",
        "address_line2",
    ],
)
def test_the_value_of_a_persons_key_is_masked_whole(name: str) -> None:
    assert key_rule(name) is PERSONAL
    assert redacted({name: "1990-01-01"}) == {name: "[person]"}
    assert redacted({name: 19900101}) == {name: "[person]"}


def test_all_that_stands_under_an_address_is_personal() -> None:
    address = {
        "line": "1 High Street",
        "city": "Leeds",
        "geo": [53.8, -1.5],
        "since": None,
        "main": True,
    }
    masked = {
        "line": "[person]",
        "city": "[person]",
        "geo": ["[person]", "[person]"],
        "since": None,
        "main": True,
    }
    assert redacted({"address": address}) == {"address": masked}


@pytest.mark.parametrize(
    "value",
    [
        "127.0.0.1",
        "127.0.0.1:8080",
        "db.example.com:5432",
        "0xdeadbeef",
        "fe80::1%eth0",
        "localhost",
    ],
)
def test_the_address_of_a_machine_is_not_a_persons(value: str) -> None:
    assert redacted({"address": value}) == {"address": value}


def test_a_name_is_a_persons_by_its_form_or_by_what_stands_beside_it() -> None:
    assert redacted({"name": "Jane Doe"}) == {"name": "[person]"}
    assert redacted({"name": "jdoe", "phone": None}) == {"name": "[person]", "phone": None}
    assert redacted({"customers": [{"name": "jdoe"}]}) == {"customers": [{"name": "[person]"}]}


def test_a_name_of_a_thing_stays() -> None:
    for thing in (
        {"name": "git_log"},
        {"name": "Visual Studio", "version": "1.2"},
        {"name": "Blue Widget", "sku": "W-1", "price": 3.5},
        {"tool": {"name": "Run Tests", "inputSchema": {}}},
    ):
        assert redacted(thing) == thing


def test_a_technical_name_exempts_only_a_whole_value_of_a_safe_shape() -> None:
    assert redacted({"order_number": "0412345678"}) == {"order_number": "0412345678"}
    assert redacted({"seq": 4111111111111111}) == {"seq": 4111111111111111}
    assert redacted({"trace_id": "jane@example.com"}) == {"trace_id": "[email]"}
    assert redacted({"request_id": "call 07700 900123"}) == {"request_id": "call [phone]"}


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("phone", 7700900123, "phone"),
        ("mobile", "900123456", "phone"),
        ("card_number", "4111 1111 1111 1112", "card"),
        ("iban", "GB00 1234 5678", "iban"),
        ("nino", "ab 12 34 56", "uk_nino"),
        ("email", "jane@intranet", "email"),
        ("passport_number", "X123", "national_id"),
        ("ssn", 123456789, "national_id"),
    ],
)
def test_a_key_that_names_a_kind_masks_what_looks_like_it_also_with_a_typing_error(
    name: str, value: object, kind: str
) -> None:
    assert redacted({name: value}) == {name: f"[{kind}]"}


def test_a_key_that_names_a_kind_leaves_other_words_alone() -> None:
    words = {
        "email": "send it tomorrow",
        "phone": "none",
        "card": "ace of spades",
        "mobile": True,
        "fax": 3,
    }
    assert redacted(words) == words


def test_the_schema_of_a_secret_is_no_secret_but_its_default_is_one() -> None:
    schema = {
        "type": "object",
        "properties": {
            "password": {"type": "string", "description": "the password", "default": "hunter2"},
            "name": {"type": "string", "enum": ["a", "b"]},
        },
        "required": ["password", "name"],
    }
    masked = redacted(schema)
    schema["properties"]["password"]["default"] = "[secret]"  # type: ignore[index]
    assert masked == schema


def test_properties_that_are_no_schemas_are_data() -> None:
    assert redacted({"properties": {"password": {"value": "x"}}}) == {
        "properties": {"password": "[secret]"}
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            [["authorization", "Bearer x"], ["accept", "*"]],
            [["authorization", "[secret]"], ["accept", "*"]],
        ),
        ([(b"Cookie", b"a=b")], [["Cookie", "[secret]"]]),
        (["mysql", "--password", "hunter2", "db"], ["mysql", "--password", "[secret]", "db"]),
        (
            {"key": "password", "value": {"stringValue": "x"}},
            {"key": "password", "value": "[secret]"},
        ),
        ({"name": "DB_PASSWORD", "value": "x"}, {"name": "DB_PASSWORD", "value": "[secret]"}),
        ({"key": "http.method", "value": "GET"}, {"key": "http.method", "value": "GET"}),
        ({"required": ["token", "query"]}, {"required": ["token", "query"]}),
    ],
)
def test_names_and_values_in_lists_pairs_and_flags_belong_together(
    value: object, expected: object
) -> None:
    assert redacted(value) == expected


def test_equal_names_share_one_rule_and_long_ones_say_nothing() -> None:
    assert key_rule("api_key") is key_rule("apiKey")
    assert key_rule("password" * 20) is PLAIN
    assert key_rule("") is PLAIN


def test_a_marker_in_a_key_is_no_name() -> None:
    assert redacted({"ghp_" + "a1B2" * 9: [1]}) == {"[secret]": [1]}
    assert redacted({"password of jane@example.com": 1}) == {"password of [email]": "[secret]"}


@pytest.mark.parametrize(
    "value", [UUID, "9f730f2", "2026-11-22", "2026-11-22T10:00:00.123Z", "-12.5", "v1.2.3"]
)
def test_safe_shapes_are_identifiers_times_numbers_and_versions(value: str) -> None:
    assert is_safe_value(value)
    assert not is_safe_value(value + " x@y.zz")
    assert not is_safe_value(f"{value}\n")
