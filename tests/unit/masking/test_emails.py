"""E-mail addresses in text."""

import pytest

from tests.requirements import requirement
from tests.unit.masking.maskers import redacted

pytestmark = requirement("mask.detectors-validate")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane@example.com", "[email]"),
        ("Jane Doe <jane.doe+news@mail.example.co.uk>", "Jane Doe <[email]>"),
        ("mailto:o'brien@example.com?subject=x", "mailto:[email]?subject=x"),
        ("'jane@example.com'", "'[email]'"),
        ("a@example.com,b@example.com;c@example.com", "[email],[email];[email]"),
        ("user=jane@example.com&page=2", "user=[email]&page=2"),
        ("jürgen@müller.example.de schrieb", "[email] schrieb"),
        ("почта@пример.рф", "[email]"),
        ("x@xn--bcher-kva.xn--p1ai", "[email]"),
        ('"jane doe"@example.com', "[email]"),
        ("https://jane@example.com/inbox", "https://[email]/inbox"),
        ("(jane@example.com).", "([email])."),
    ],
)
def test_an_address_is_masked_and_the_text_around_it_stays(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:example/shop.git",
        "hg@hg.example.org/repo",
        "npm install @scope/package@1.2.3",
        "@app.route decorates a function",
        "image@sha256 and user@localhost",
        "a @ b.com",
        "price @ 3.50 each",
        "@example.com",
        "jane@",
    ],
)
def test_what_only_has_an_at_sign_stays(text: str) -> None:
    assert redacted(text) == text


def test_a_local_part_over_the_limit_is_taken_along() -> None:
    local = "a" * 100
    assert redacted(f"x {local}@example.com") == "x [email]"
