"""The audit event: statement and disclosures, to and from the exact bytes of a record.

A record is one string. Line 1 is the *statement*: the bytes that are hashed into the session's tree and
signed. Each further line is a *disclosure* ``["<salt>","<field>",<value>]`` that line 1 commits to by
SHA-256 in ``sd`` and that can be dropped without breaking any proof (`docs/spec/record.md`).
"""

import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from tallystick.errors import RecordError
from tallystick.fields import BY_NAME, EVENT_TYPES, FIELDS, REQUIRED, Field
from tallystick.profile import MAX_INTEGER, JsonValue, check, decode_spelling, encode

VERSION: Final = 1
EVENT_NAME: Final = "tallystick.event"
SEAL_NAME: Final = "tallystick.seal"

MAX_STATEMENT_BYTES: Final = 65_536
"""Ours: the largest that we print, a session.recovered of 512 leaves, is 24 KiB."""
MAX_DISCLOSURE_BYTES: Final = 1_048_576
MAX_DISCLOSURES: Final = 32

_HEX_32: Final = re.compile(r"[0-9a-f]{32}")
_SHA_256: Final = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
"""Canonical base64 of 32 bytes: the last digit carries four bits."""
_EVENT_TYPES: Final = frozenset(EVENT_TYPES)
_PYTHON_TYPES: Final = {
    "str": str,
    "json": str,
    "int": int,
    "bool": bool,
    "strs": list,
    "counts": dict,
    "map": dict,
}
_INNER_TYPES: Final[Mapping[str, type]] = {"strs": str, "counts": int, "map": str}
_COLUMNS: Final = tuple(f for f in FIELDS if f.column)

Statement = dict[str, JsonValue]


class Disclosure(NamedTuple):
    """One erasable line: its exact text, and what it says."""

    line: str
    salt: str
    field: str
    value: str

    @property
    def digest(self) -> str:
        """Base64 SHA-256 of the line, as it stands in the statement's ``sd``."""
        digest = hashlib.sha256(self.line.encode()).digest()
        return binascii.b2a_base64(digest, newline=False).decode()


class Record(NamedTuple):
    """One record: the exact bytes of line 1, what they say, and the disclosures that are still there."""

    line: bytes
    statement: Statement
    disclosures: tuple[Disclosure, ...]

    @property
    def leaf_hash(self) -> bytes:
        """RFC 9162 leaf hash of line 1."""
        return hashlib.sha256(b"\x00" + self.line).digest()

    @property
    def session(self) -> str:
        """The session's id, 32 hex digits."""
        return str(self.statement["session"])

    @property
    def seq(self) -> int:
        """The leaf index in the session's tree."""
        return int(self.statement["seq"])

    @property
    def body(self) -> str:
        """The record as it travels: line 1 and the disclosure lines."""
        return "\n".join([self.line.decode(), *(d.line for d in self.disclosures)])


@dataclass(frozen=True, slots=True)
class Draft:
    """What a hook saw, before anything is masked, numbered or written.

    `statement` holds fields of home ``statement``; `disclosures` raw values of home ``disclosure``;
    `tokens` maps a field of home ``token`` to (kind, raw value), from which the recorder makes the keyed
    pseudonym. The recorder masks every string of all three before a byte leaves the process.
    """

    type: str
    statement: Mapping[str, JsonValue] = field(default_factory=dict)
    disclosures: Mapping[str, object] = field(default_factory=dict)
    tokens: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def make_record(
    statement: Statement, disclosures: Mapping[str, str], new_salt: Callable[[], str]
) -> Record:
    """Print a record. `statement` lacks only ``v``, ``n`` and ``sd``; `new_salt` gives 32 hex digits.

    Raises RecordError when a field is unknown, in the wrong home, or of the wrong type.
    """
    lines = [_print_disclosure(new_salt(), name, value) for name, value in disclosures.items()]
    digests = sorted([line.digest for line in lines])
    full = {**statement, "v": VERSION, "n": new_salt(), "sd": digests}
    _check_fields(full)
    _check_envelope(full)
    line = encode(full)
    if len(line) > MAX_STATEMENT_BYTES:
        raise RecordError(
            f"statement of {len(line)} bytes, limit {MAX_STATEMENT_BYTES}; move values to disclosures"
        )
    return Record(line, full, tuple(lines))


def parse_record(body: str) -> Record:
    """Read a record from its string, strictly. Raises RecordError and says what is wrong."""
    head, *rest = body.split("\n")
    if len(rest) > MAX_DISCLOSURES:
        raise RecordError(f"{len(rest)} disclosures, limit {MAX_DISCLOSURES}")
    line = _utf8(head)
    statement = parse_statement(line)
    return Record(line, statement, match_disclosures(statement, rest))


def parse_statement(line: bytes) -> Statement:
    """Read line 1 and check it against the table of fields. Raises RecordError."""
    if len(line) > MAX_STATEMENT_BYTES:
        raise RecordError(f"statement of {len(line)} bytes, limit {MAX_STATEMENT_BYTES}")
    statement = decode_spelling(line)
    if not isinstance(statement, dict):
        raise RecordError("statement is not a JSON object")
    _check_fields(statement)
    _check_field("sd", statement["sd"])
    _check_envelope(statement)
    _check_digests(statement["sd"])
    return statement


def match_disclosures(statement: Statement, lines: Iterable[str]) -> tuple[Disclosure, ...]:
    """Read disclosure lines and check each against the statement's ``sd``. Raises RecordError."""
    committed = set(statement["sd"])
    found: dict[str, Disclosure] = {}
    for text in lines:
        disclosure = parse_disclosure(text)
        if disclosure.digest not in committed:
            raise RecordError(f"disclosure of {disclosure.field} does not match any digest in sd")
        if disclosure.field in found:
            raise RecordError(f"two disclosures of {disclosure.field}")
        found[disclosure.field] = disclosure
    return tuple(found.values())


def parse_disclosure(text: str) -> Disclosure:
    """Read one disclosure line, strictly. Raises RecordError."""
    data = _utf8(text)
    if len(data) > MAX_DISCLOSURE_BYTES:
        raise RecordError(f"disclosure of {len(data)} bytes, limit {MAX_DISCLOSURE_BYTES}")
    parts = decode_spelling(data)
    if not isinstance(parts, list) or len(parts) != 3 or not all(isinstance(p, str) for p in parts):  # noqa: PLR2004
        raise RecordError('disclosure is not ["<salt>","<field>","<value>"]')
    salt, name, value = parts
    if not _HEX_32.fullmatch(salt):
        raise RecordError("disclosure salt is not 32 lower-case hex digits")
    known = BY_NAME.get(name)
    if known is None or known.home != "disclosure":
        raise RecordError(f"{name[:64]!r} is not a disclosure field")
    return Disclosure(text, salt, name, value)


def columns(record: Record) -> dict[str, JsonValue]:
    """Return every store column as a function of the record's bytes: the verifier recomputes them by this."""
    disclosed = {d.field: d.value for d in record.disclosures}
    return {f.column_name: _column(f, record.statement, disclosed) for f in _COLUMNS}


def _column(known: Field, statement: Statement, disclosed: Mapping[str, str]) -> JsonValue:
    value = disclosed.get(known.name) if known.home == "disclosure" else statement.get(known.name)
    if value is not None and known.type in ("strs", "counts", "map"):
        return encode(value).decode()
    return value


def _print_disclosure(salt: str, name: str, value: str) -> Disclosure:
    known = BY_NAME.get(name)
    if known is None or known.home != "disclosure" or not isinstance(value, str):
        raise RecordError(f"{name!r} is not a disclosure field with a string value")
    data = encode([salt, name, value])
    if len(data) > MAX_DISCLOSURE_BYTES:
        raise RecordError(
            f"disclosure of {name} has {len(data)} bytes, limit {MAX_DISCLOSURE_BYTES}"
        )
    return Disclosure(data.decode(), salt, name, value)


def _check_fields(statement: Statement) -> None:
    """Check that each field is one of the table and of its type, all but the items of ``sd``."""
    shape = _shape(tuple(statement))
    if shape.lacks is not None:
        raise RecordError(f"statement lacks {shape.lacks}")
    unsure: Iterable[str] = statement
    if tuple(map(type, statement.values())) == shape.types:
        integers = [name for name in shape.integers if not 0 <= statement[name] <= MAX_INTEGER]
        unsure = (*shape.containers, *integers)
    for name in unsure:
        _check_field(name, statement[name])


class _Shape(NamedTuple):
    """What the names of a statement's fields say about it."""

    lacks: str | None
    """A field that every statement has, and this one has not."""
    types: tuple[type | None, ...]
    """By the table, in the order of the names; None where no statement holds the field."""
    containers: tuple[str, ...]
    """Fields whose items have to be looked at; not ``sd``."""
    integers: tuple[str, ...]


@lru_cache(maxsize=256)
def _shape(names: tuple[str, ...]) -> _Shape:
    """Read the names of fields. Emitters write few shapes, and every call of a tool is checked against one."""
    known = [BY_NAME.get(name) for name in names]
    return _Shape(
        next((name for name in REQUIRED if name not in names), None),
        tuple(_PYTHON_TYPES[f.type] if f and f.home != "disclosure" else None for f in known),
        tuple(f.name for f in known if f and f.type in _INNER_TYPES and f.name != "sd"),
        tuple(f.name for f in known if f and f.type == "int"),
    )


def _check_field(name: str, value: JsonValue) -> None:
    known = BY_NAME.get(name)
    if known is None:
        raise RecordError(f"unknown field {name[:64]!r}")
    if known.home == "disclosure":
        raise RecordError(f"{name} may hold personal data and must stand in a disclosure")
    if type(value) is not _PYTHON_TYPES[known.type]:
        raise RecordError(f"{name} is {type(value).__name__}, expected {known.type}")
    inner = _INNER_TYPES.get(known.type)
    if inner is not None and not all(type(item) is inner for item in _items(value)):
        raise RecordError(f"{name} holds something other than {inner.__name__}")
    if inner is not str or known.type == "map":
        check(value)


def _items(value: JsonValue) -> Iterable[JsonValue]:
    return value.values() if isinstance(value, dict) else value


def _check_envelope(statement: Statement) -> None:
    if statement["v"] != VERSION:
        raise RecordError(f"version {statement['v']}, this reader knows {VERSION}")
    if statement["type"] not in _EVENT_TYPES:
        raise RecordError(f"unknown event type {statement['type'][:64]!r}")
    for name in ("session", "n"):
        if not _HEX_32.fullmatch(statement[name]):
            raise RecordError(f"{name} is not 32 lower-case hex digits")
    if statement["seq"] < 0 or statement["time_us"] < 0:
        raise RecordError("seq and time_us cannot be negative")
    if statement["origin"] not in ("native", "derived"):
        raise RecordError("origin is neither native nor derived")


def _check_digests(digests: list[str]) -> None:
    if digests != sorted(set(digests)) or not all(map(_SHA_256.fullmatch, digests)):
        raise RecordError("sd is not a sorted list of distinct base64 SHA-256 digests")


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise RecordError("lone surrogate: the text is not UTF-8") from None
