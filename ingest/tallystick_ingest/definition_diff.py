"""How two definitions of a tool differ: the members, and in each the lines. Of masked texts, as they are kept."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tallystick.capture.definition import MEMBERS

MAX_LINES: Final = 400
"""Lines of one member that are compared; the comparison of two texts takes the product of their lines."""
MAX_CHARS: Final = 40_000
CONTEXT_LINES: Final = 2
TOO_LONG: Final = "too long to compare here: read both records"
ONLY_MASKED: Final = (
    "the difference is not in what is kept: it was masked, or cut from a long definition"
)


@dataclass(frozen=True, slots=True)
class MemberDiff:
    """One member that differs. `lines` begin with `-`, `+` or a blank."""

    member: str
    lines: tuple[str, ...]


def read_offered(text: str | None) -> Mapping[str, Any] | None:
    """Read the disclosed definition; None where it is erased, withheld or no JSON object."""
    try:
        found = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the members that differ, in the order of the definition."""
    return tuple(one for one in MEMBERS if before.get(one) != after.get(one))


def diff_of(
    before: Mapping[str, Any], after: Mapping[str, Any], changed: tuple[str, ...]
) -> tuple[MemberDiff, ...]:
    """Compare the members that changed."""
    return tuple(_member(name, before.get(name), after.get(name)) for name in changed)


def _member(name: str, before: object, after: object) -> MemberDiff:
    if before == after:
        return MemberDiff(name, (f" {ONLY_MASKED}",))
    old, new = _lines(before), _lines(after)
    if max(len(old), len(new)) > MAX_LINES or sum(map(len, [*old, *new])) > MAX_CHARS:
        return MemberDiff(name, (f" {TOO_LONG}",))
    lines = difflib.unified_diff(old, new, lineterm="", n=CONTEXT_LINES)
    return MemberDiff(name, tuple(line for line in lines if not line.startswith(("---", "+++"))))


def _lines(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.split("\n")
    return (
        orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode().split("\n")
    )
