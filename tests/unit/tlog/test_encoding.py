"""Base64 and decimal numbers have one spelling each."""

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.encoding import MAX_DECIMAL, from_base64, from_decimal, to_base64


def test_base64_round_trips_every_length() -> None:
    for length in range(70):
        data = bytes(range(length))
        assert from_base64(to_base64(data), "data") == data


@pytest.mark.parametrize(
    "text",
    [
        "AB",
        "AA=",
        "AA",
        "A===",
        "AB==",
        "AAB=",
        "AA==\n",
        " AA==",
        "A A==",
        "-_8=",
        "AA==AA==",
        "é",
    ],
)
def test_another_spelling_of_base64_is_refused(text: str) -> None:
    with pytest.raises(VerificationError, match="base64"):
        from_base64(text, "the root")


def test_the_error_names_the_field_and_not_its_content() -> None:
    with pytest.raises(VerificationError, match="the root") as caught:
        from_base64("c2VjcmV0=x", "the root")
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), (str(MAX_DECIMAL), MAX_DECIMAL)])
def test_a_decimal_number_is_read(text: str, number: int) -> None:
    assert from_decimal(text, "size") == number


@pytest.mark.parametrize(
    "text", ["", "00", "01", "+1", "-1", "1 ", " 1", "1_0", "1\n", "٣", "0x1", "1.0", "1" * 20]
)
def test_another_spelling_of_a_number_is_refused(text: str) -> None:
    with pytest.raises(VerificationError, match="the size is not a decimal number"):
        from_decimal(text, "the size")


def test_a_number_above_int64_is_refused() -> None:
    with pytest.raises(VerificationError, match="too large"):
        from_decimal(str(MAX_DECIMAL + 1), "the size")
