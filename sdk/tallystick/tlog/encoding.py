"""The two encodings that the log's texts use: base64 and decimal numbers, read strictly.

A reader accepts exactly what the writer prints, so that one value has one text: two texts that
differ in a byte never mean the same thing, and a signature cannot be moved between spellings.
"""

import base64
import binascii
import re

from tallystick.errors import VerificationError

MAX_DECIMAL = 2**63 - 1
"""Largest number that is read: the int64 of Go's sumdb/tlog and of a database BIGINT."""

_ENCODING_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def to_base64(data: bytes) -> str:
    """Encode bytes as standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, what: str) -> bytes:
    """Decode standard base64; `what` names the field in the error.

    Raises VerificationError for another alphabet, missing padding, white space, or unused bits
    that are not zero.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise VerificationError(
            f"{what} is not base64: expected the standard alphabet with padding, got {error}"
        ) from error
    if to_base64(data) != text:
        raise VerificationError(
            f"{what} is not canonical base64: expected the encoding of its own {len(data)} bytes, "
            "got another spelling of them"
        )
    return data


def from_decimal(text: str, what: str) -> int:
    """Read a non-negative decimal number; `what` names the field in the error.

    Raises VerificationError for a sign, a leading zero, white space, a digit outside ASCII, or a
    number above MAX_DECIMAL.
    """
    if not _ENCODING_DECIMAL.fullmatch(text):
        raise VerificationError(
            f"{what} is not a decimal number: expected 1 to 19 digits without sign or leading "
            f"zero, got {len(text)} characters that are not"
        )
    number = int(text)
    if number > MAX_DECIMAL:
        raise VerificationError(f"{what} is too large: expected at most 2^63-1, got {number}")
    return number
