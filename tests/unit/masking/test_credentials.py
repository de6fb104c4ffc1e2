"""Secrets in text: by their own form, and by the name before them."""

import pytest

from tests.requirements import requirement
from tests.unit.masking.maskers import redacted

pytestmark = requirement("mask.detectors-validate")

ISSUED = [
    "sk-proj-" + "aB3" * 14,
    "sk-ant-api03-" + "xY9" * 14,
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 15,
    "glpat-" + "a1B2c" * 4,
    "xoxb-12345678901-abcdefGHIJ",
    "sk_live_" + "a1B2" * 6,
    "whsec_" + "a1B2" * 6,
    "AIza" + "a1B2c" * 7,
    "ya29." + "a1B2c" * 7,
    "npm_" + "a1B2" * 9,
    "pypi-" + "AgEI" * 12,
    "hf_" + "aBcD" * 9,
    "SG." + "a1B2" * 5 + "." + "c3D4" * 10,
    "shpat_" + "0a1b" * 8,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", ISSUED, ids=lambda secret: secret[:12])
def test_an_issued_secret_is_masked_wherever_it_stands(secret: str) -> None:
    assert redacted(secret) == "[secret]"
    assert redacted(f"use {secret} for it") == "use [secret] for it"
    assert secret not in str(redacted(f"https://api.example.com/x?k={secret}&n=1"))


def test_a_private_key_without_an_end_is_masked_to_the_end_of_the_text() -> None:
    cut = "log:\n-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADAN\nBgkqhki"
    assert redacted(cut) == "log:\n[secret]"


def test_a_certificate_is_public() -> None:
    public = "-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----"
    assert redacted(public) == public


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "postgres://app:hunter2@db.example.com:5432/x",
            "postgres://[secret]@db.example.com:5432/x",
        ),
        ("https://ghs0123456789abcdef@git.example.com/r", "https://[secret]@git.example.com/r"),
        ("ssh://git@git.example.com/r", "ssh://git@git.example.com/r"),
        ("https://example.com:8080/a@b", "https://example.com:8080/a@b"),
    ],
)
def test_credentials_in_a_url_are_masked_and_the_host_stays(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Authorization: Bearer abc.DEF-123", "Authorization: [secret]"),
        (
            "> authorization: token abcdefgh\n> accept: */*",
            "> authorization: [secret]\n> accept: */*",
        ),
        ("curl -H 'Authorization: Basic dXNlcjpwYXNz' x", "curl -H 'Authorization: [secret]' x"),
        ("Cookie: sid=1; theme=dark\nHost: x", "Cookie: [secret]\nHost: x"),
        ("sent bearer dXNlcjpwYXNz to it", "sent bearer [secret] to it"),
        ("password=hunter2", "password=[secret]"),
        ("password=hunter&user=bob", "password=[secret]&user=bob"),
        ("DB_PASSWORD='correct horse'", "DB_PASSWORD='[secret]'"),
        ('{"api_key": "abcd1234", broken', '{"api_key": "[secret]", broken'),
        ("{'clientSecret': 'abcd1234'}", "{'clientSecret': '[secret]'}"),
        ('\\"api_key\\": \\"abcd1234\\"', '\\"api_key\\": \\"[secret]\\"'),
        ("<password>hunter2</password>", "<password>[secret]</password>"),
        ("?access_token=abcd1234&x=1", "?access_token=[secret]&x=1"),
        ("mysql --password hunter2 db", "mysql --password [secret] db"),
        ("the password is hunter2", "the password is [secret]"),
        ("pin: 1234", "pin: [secret]"),
        ("AccountKey=abcd1234efgh==;Endpoint", "AccountKey=[secret];Endpoint"),
    ],
)
def test_the_value_after_the_name_of_a_secret_is_masked(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "password: required; token: string; secret: the one you set",
        "def token(self, key: str) -> str:",
        "password=os.environ['DB_PASSWORD']",
        "token = tokenizer.next()",
        "password = get_password(user)",
        "password=${DB_PASSWORD} token=<your token> secret=***",
        "the token is required",
        "uses basic authentication and digest functionality",
        "max_tokens=512 token_type: bearer",
        "sk-learn-is-a-library-for-python",
        "risk-assessment-of-the-whole-thing",
        "progressToken: 12345678",
        "key: value, primary_key=id, monkey: business",
        "password: [secret], token=[secret]",
    ],
)
def test_program_text_and_sentences_about_secrets_stay(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('rows: {"surname": "Doe", "id": 3} and', 'rows: {"surname": "[person]", "id": 3} and'),
        ("first_name=Jane&last_name=Doe", "first_name=[person]&last_name=[person]"),
        ("last_name=user.last_name", "last_name=user.last_name"),
        ("surname: is the family name", "surname: is the family name"),
        ("date_of_birth='1990-01-01'", "date_of_birth='[person]'"),
    ],
)
def test_a_persons_data_in_a_fragment_is_masked_by_its_name(text: str, expected: str) -> None:
    assert redacted(text) == expected
