"""`tallystick.toml`: a masking policy as a file that a security engineer writes and reviews.

    [masking.modes]
    ip = "redact"
    phone = { mode = "keep", reason = "synthetic numbers of the test tenant" }

    [[masking.rule]]
    tool = "crm_*"
    field = "result"
    path = "$.customer.notes"
    mode = "withhold"

    [[masking.allow]]
    tool = "payments_*"
    paths = ["$.status", "$.items[*].sku"]

What a file does not say is as in the default policy. An error names the line and the field.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path as FilePath
from typing import Final, TypeVar

from tallystick.errors import ConfigError
from tallystick.masking import kinds
from tallystick.masking.mode import Mode
from tallystick.masking.paths import Path, parse_path
from tallystick.masking.policy import Limits, MaskPolicy, check_mode, default_policy
from tallystick.masking.rules import FIELDS, AllowList, FieldRule

FILE_NAME: Final = "tallystick.toml"
MAX_FILE_BYTES: Final = 1_048_576
_SECTIONS: Final = ("modes", "limits", "rule", "allow")
_LOWEST_LIMIT: Final = 1
_HIGHEST_LIMIT: Final = 16_777_216

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Table:
    """One table of the file, with what is needed to say where it stands."""

    source: str
    """The file, as errors name it."""
    text: str
    name: str
    """`masking.rule`, for instance."""
    number: int
    """Of several tables of one name, which; from 0."""
    content: Mapping[str, object]

    def wrong(self, key: str, expected: str) -> ConfigError:
        """Return the error for one key: the line, the field, and what should stand there."""
        line = _line_of(self.text, self.name, self.number, key)
        where = f"{self.name}.{key}".removeprefix(".")
        return ConfigError(f"{self.source}, line {line}: {where}: expected {expected}")

    def check_keys(self, known: tuple[str, ...]) -> None:
        for key in self.content:
            if key not in known:
                raise self.wrong(key, f"one of {', '.join(known)} instead of {key!r}")

    def take(self, key: str, default: str | None, parse: Callable[[str], T]) -> T:
        """Return a key's text, parsed; None as default means that it must be there."""
        value = self.content.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "text in quotation marks")
        try:
            return parse(value)
        except ValueError as expected:
            raise self.wrong(key, str(expected)) from None


def load_policy(path: FilePath) -> MaskPolicy:
    """Read a rules file. Raises ConfigError where it cannot be read or something in it does not fit."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"cannot read the masking rules in {path}: {error.strerror}; correct the setting `rules`"
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(
            f"{path}: expected at most {MAX_FILE_BYTES} bytes of rules, got {len(content)}"
        )
    try:
        return parse_policy(content.decode(), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, got another byte at {error.start}") from error


def parse_policy(text: str, source: str = FILE_NAME) -> MaskPolicy:
    """Return the policy that a rules file states. Raises ConfigError that names line and field."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: {error}") from error
    _Table(source, text, "", 0, document).check_keys(("masking",))
    section = document.get("masking", {})
    if not isinstance(section, dict):
        raise ConfigError(f"{source}: masking: expected a table such as [masking.modes]")
    _Table(source, text, "masking", 0, section).check_keys(_SECTIONS)

    def tables(name: str) -> list[_Table]:
        return _tables(section, name, source, text)

    policy = default_policy()
    for table in tables("modes"):
        policy = _with_modes(policy, table)
    return replace(
        policy,
        limits=_limits(tables("limits")),
        rules=tuple(_rule(table) for table in tables("rule")),
        allow=tuple(_allow(table) for table in tables("allow")),
    )


def _tables(section: Mapping[str, object], name: str, source: str, text: str) -> list[_Table]:
    found = section.get(name, [])
    is_list = name in ("rule", "allow")
    listed = found if isinstance(found, list) else [found]
    if (isinstance(found, list) != is_list and found != []) or not all(
        isinstance(one, dict) for one in listed
    ):
        form = f"[[masking.{name}]]" if is_list else f"[masking.{name}]"
        raise ConfigError(f"{source}: masking.{name}: expected {form}")
    return [
        _Table(source, text, f"masking.{name}", number, one) for number, one in enumerate(listed)
    ]


def _with_modes(policy: MaskPolicy, table: _Table) -> MaskPolicy:
    table.check_keys(kinds.ALL)
    for kind, stated in table.content.items():
        how = stated if isinstance(stated, dict) else {"mode": stated}
        mode, reason = how.get("mode"), how.get("reason", "")
        if (
            set(how) - {"mode", "reason"}
            or not isinstance(mode, str)
            or not isinstance(reason, str)
        ):
            raise table.wrong(kind, 'a mode, or { mode = "keep", reason = "..." }')
        try:
            parsed = _mode(mode)
            check_mode(kind, parsed, reason)
        except (ValueError, ConfigError) as error:
            raise table.wrong(kind, str(error)) from None
        policy = policy.with_mode(kind, parsed, reason)
    return policy


def _limits(found: list[_Table]) -> Limits:
    names = tuple(one.name for one in fields(Limits))
    stated: dict[str, int] = {}
    for table in found:
        table.check_keys(names)
        for name, value in table.content.items():
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            if not is_whole or not _LOWEST_LIMIT <= int(str(value)) <= _HIGHEST_LIMIT:
                raise table.wrong(name, f"a whole number from {_LOWEST_LIMIT} to {_HIGHEST_LIMIT}")
            stated[name] = int(str(value))
    return Limits(**stated)


def _rule(table: _Table) -> FieldRule:
    table.check_keys(("tool", "field", "path", "mode", "kind", "reason"))
    rule = FieldRule(
        path=table.take("path", None, parse_path),
        mode=table.take("mode", None, _mode),
        tool=table.take("tool", "*", _pattern),
        field=table.take("field", "*", _field),
        kind=table.take("kind", kinds.PERSON, _kind),
        reason=table.take("reason", "", str),
    )
    try:
        check_mode(rule.kind, rule.mode, rule.reason)
    except ConfigError as error:
        raise table.wrong("mode", f"another one: {error}") from None
    return rule


def _allow(table: _Table) -> AllowList:
    table.check_keys(("tool", "field", "paths"))
    stated = table.content.get("paths")
    if not isinstance(stated, list) or not all(isinstance(one, str) for one in stated):
        raise table.wrong("paths", 'a list of paths, such as ["$.status"]')
    paths: list[Path] = []
    for one in stated:
        try:
            paths.append(parse_path(one))
        except ValueError as expected:
            raise table.wrong("paths", f"in {one!r} {expected}") from None
    return AllowList(
        tuple(paths), table.take("tool", "*", _pattern), table.take("field", "*", _field)
    )


def _mode(text: str) -> Mode:
    if text not in [*Mode]:
        raise ValueError(f"one of {', '.join(Mode)}, got {text!r}")
    return Mode(text)


def _field(text: str) -> str:
    if text not in FIELDS:
        raise ValueError(f"one of {', '.join(FIELDS)}, got {text!r}")
    return text


def _kind(text: str) -> str:
    if text not in kinds.ALL:
        raise ValueError(f"one of {', '.join(kinds.ALL)}, got {text!r}")
    return text


def _pattern(text: str) -> str:
    if not text.strip():
        raise ValueError('the name of a tool or a shell pattern such as "crm_*"')
    return text


def _line_of(text: str, table: str, number: int, key: str) -> int:
    """Return the line of a key of the numbered table, or of the table's head where the key is missing."""
    head = re.compile(rf"\s*\[{{1,2}}\s*{re.escape(table)}\s*\]{{1,2}}\s*(?:#.*)?")
    own = re.compile(
        rf"\s*[\"']?{re.escape(key)}[\"']?\s*[=.]|\s*\[{{1,2}}\s*(?:{re.escape(table)}\.)?{re.escape(key)}\b"
    )
    found = 1
    heads = 0 if table else 1
    for line, content in enumerate(text.splitlines(), 1):
        if table and head.fullmatch(content):
            heads += 1
            found = line if heads == number + 1 else found
        elif (heads == number + 1 or table == "masking") and own.match(content):
            return line
    return found
