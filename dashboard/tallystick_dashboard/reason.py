"""A reason to show names of people: what one has to be like, and how it travels.

The bounds are those of the service, which checks for itself; here they are told before anything is sent.
"""

from typing import Final
from urllib.parse import quote

MIN_CHARS: Final = 8
MAX_CHARS: Final = 500
HEADER: Final = "Tallystick-Reason"


def fault_of(text: str) -> str | None:
    """Say what a reason lacks, with what to do; None for one that will do."""
    stated = text.strip()
    if not stated:
        return f"Say why: {MIN_CHARS} to {MAX_CHARS} characters."
    if len(stated.splitlines()) > 1:
        return "A reason is one line: take the line breaks out."
    if not stated.isprintable():
        return "A reason has no control characters and nothing invisible: type it anew."
    if len(stated) < MIN_CHARS:
        return f"This is too short: expected at least {MIN_CHARS} characters, got {len(stated)}."
    if len(stated) > MAX_CHARS:
        return f"This is too long: expected at most {MAX_CHARS} characters, got {len(stated):,}."
    return None


def header_value(text: str) -> str:
    """Return a reason as a header has it: UTF-8, percent-encoded, so that any script will do."""
    return quote(text.strip(), safe=" ")
