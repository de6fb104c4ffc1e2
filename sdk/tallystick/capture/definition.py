"""What a tool is said to be: its definition, the digest that shows a change, and what it claims to do.

The digest is SHA-256 over the RFC 8785 (JCS) form of the definition's six meaningful members. A server
that swaps the description of a tool after it was approved changes the digest. A definition that is no
JSON (NaN, a cycle, integers beyond every double) or too deep to be read has a digest too: that of a form in
which such parts stand as text.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tallystick.profile import JsonValue

MEMBERS: Final = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")
"""Members of an MCP `Tool` that a model or a person acts on; icons and `_meta` may change freely."""
MAX_DEPTH: Final = 64
"""As the masking engine's; a deeper part counts as one text, whatever stands in it."""
MAX_PARTS: Final = 100_000
"""Values of a definition that is no JSON of which the digest tells a change; a cycle has no end."""
_EXACT: Final = 2**53
_PLAIN_DIGITS: Final = 21
"""ECMA-262, Number::toString: from 10^21 on, and below 10^-6, a number is written with an exponent."""
_SMALL: Final = -6


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A definition as offered, with what it claims. None: the server claims nothing of the kind."""

    name: str
    digest: str
    read_only: bool | None
    destructive: bool | None
    description: str | None
    offered: Mapping[str, JsonValue]

    def statement(self) -> dict[str, JsonValue]:
        """Return the fields that every record of the tool states."""
        fields: dict[str, JsonValue] = {"tool.definition_digest": self.digest}
        if self.read_only is not None:
            fields["tool.read_only"] = self.read_only
        if self.destructive is not None:
            fields["tool.destructive"] = self.destructive
        return fields


def read_definition(tool: Mapping[str, Any]) -> ToolDefinition:
    """Read a tool in the form in which `tools/list` sends it."""
    offered = {member: tool[member] for member in MEMBERS if tool.get(member) is not None}
    annotations = offered.get("annotations")
    claims = annotations if isinstance(annotations, Mapping) else {}
    description = offered.get("description")
    return ToolDefinition(
        name=str(tool.get("name", "")),
        digest=digest_of(offered),
        read_only=_flag(claims.get("readOnlyHint")),
        destructive=_flag(claims.get("destructiveHint")),
        description=description if isinstance(description, str) else None,
        offered=offered,
    )


def member_digests(offered: Mapping[str, JsonValue]) -> dict[str, str]:
    """Return the digest of each member: two definitions differ in those whose digests differ."""
    return {member: digest_of(value) for member, value in offered.items()}


def changed_members(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Name the members that differ between two results of `member_digests`, in the order of MEMBERS."""
    return [member for member in MEMBERS if before.get(member) != after.get(member)]


def digest_of(value: JsonValue) -> str:
    """Return SHA-256, hex, of a definition or a part of one. Raises nothing for what a server can offer."""
    try:
        printed = jcs(value)
    except (ValueError, OverflowError):
        printed = jcs(_Speakable().form(value, 0))
    return hashlib.sha256(printed).hexdigest()


def jcs(value: JsonValue) -> bytes:
    """Return the RFC 8785 form of a JSON value, floats included.

    Raises ValueError for NaN, infinity and what is nested deeper than MAX_DEPTH; OverflowError for an
    integer beyond every double.
    """
    return _printed(value, 0).encode("utf-8", "replace")


class _Speakable:
    """Puts text in place of what JSON cannot say, so that the same definition always has the same digest."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def form(self, value: object, depth: int) -> JsonValue:
        self._left -= 1
        if depth >= MAX_DEPTH or self._left < 0:
            return "[not read]"
        if isinstance(value, Mapping):
            return {
                str(key): self.form(item, depth + 1)
                for key, item in value.items()
                if self._left >= 0
            }
        if isinstance(value, list | tuple):
            return [self.form(item, depth + 1) for item in value if self._left >= 0]
        return repr(value) if isinstance(value, int | float) else value


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _printed(value: JsonValue, depth: int) -> str:
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        members = sorted(((str(k), v) for k, v in value.items()), key=_utf16)
        return "{" + ",".join(f"{_string(k)}:{_printed(v, depth + 1)}" for k, v in members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_printed(item, depth + 1) for item in value) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int | float):
        return _number(value)
    return _string(str(value))


def _utf16(member: tuple[str, JsonValue]) -> bytes:
    return member[0].encode("utf-16-be", "surrogatepass")


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """Print a number as ECMA-262 does: the shortest digits that give the same double."""
    if isinstance(value, int) and abs(value) < _EXACT:
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is not JSON; expected a finite number")
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    text = "".join(str(digit) for digit in digits)
    point = len(text) + int(exponent)
    return ("-" if sign and number else "") + _placed(text, point)


def _placed(digits: str, point: int) -> str:
    if len(digits) <= point <= _PLAIN_DIGITS:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _PLAIN_DIGITS:
        return f"{digits[:point]}.{digits[point:]}"
    if _SMALL < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{point - 1:+d}"
