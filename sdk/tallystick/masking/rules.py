"""Rules for places: what happens to the value at a path of one tool's arguments or result.

A rule gives the value at its path a mode of its own, whatever the value looks like. An allow-list turns
the question round: of the tools that it names, only what lies at its paths is shown (and still
masked as everywhere); all else is withheld.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, NamedTuple

from tallystick.errors import MaskingError
from tallystick.masking import kinds
from tallystick.masking.mode import Mode
from tallystick.masking.paths import START, Key, Path, Positions
from tallystick.masking.plain import as_plain

FIELDS: Final = ("params", "result", "error.message", "*")
"""Which of a tool's values a rule is about; `*`: each of these."""
_JSON: Final = ("[", "{")

Reader = Callable[[str], object]
"""Reads a JSON text; None where it is none."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What happens to the values at a path; of several rules that fit, the first counts."""

    path: Path
    mode: Mode
    tool: str = "*"
    """A shell pattern."""
    field: str = "*"
    """One of FIELDS."""
    kind: str = kinds.PERSON
    """What the value is taken for: names its marker and joins its token."""
    reason: str = ""
    """Required for Mode.KEEP."""

    def description(self) -> dict[str, str]:
        """Return what the policy's digest covers."""
        return {
            "field": self.field,
            "kind": self.kind,
            "mode": self.mode.value,
            "path": self.path.text,
            "reason": self.reason,
            "tool": self.tool,
        }


@dataclass(frozen=True, slots=True)
class AllowList:
    """Of these tools' values only what lies at these paths is shown."""

    paths: tuple[Path, ...]
    tool: str = "*"
    field: str = "*"

    def description(self) -> dict[str, object]:
        """Return what the policy's digest covers."""
        return {
            "field": self.field,
            "paths": [path.text for path in self.paths],
            "tool": self.tool,
        }


@dataclass(frozen=True, slots=True)
class Ruled:
    """A value whose treatment a rule has decided; None: no allow-list names it, it is withheld."""

    value: object
    rule: FieldRule | None


@dataclass(frozen=True, slots=True)
class Document:
    """The JSON document that a text was, with ruled values inside; it becomes a text again."""

    value: object


class Selection(NamedTuple):
    """The rules for one field of one tool."""

    rules: tuple[FieldRule, ...]
    allowed: tuple[Path, ...] | None
    """None: no allow-list speaks of this field, so everything is shown."""


class _Tracks(NamedTuple):
    """How far each rule, and each path of the allow-list, has come."""

    rules: tuple[tuple[FieldRule, Positions], ...]
    allowed: tuple[tuple[Path, Positions], ...] | None

    def into(self, key: Key) -> "_Tracks":
        rules = ((rule, rule.path.advance(at, key)) for rule, at in self.rules)
        allowed = None
        if self.allowed is not None:
            allowed = tuple((path, path.advance(at, key)) for path, at in self.allowed)
        return _Tracks(tuple(one for one in rules if one[1]), allowed)


def select(
    rules: Iterable[FieldRule], allow: Iterable[AllowList], tool: str, field: str
) -> Selection | None:
    """Return the rules for a field of a tool; None where there are none."""
    lists = [one for one in allow if _fits(one.tool, one.field, tool, field)]
    chosen = Selection(
        tuple(rule for rule in rules if _fits(rule.tool, rule.field, tool, field)),
        tuple(path for one in lists for path in one.paths) if lists else None,
    )
    return chosen if chosen.rules or lists else None


class Surveyor:
    """Goes through a value along the paths of a selection. For one call of `mask`."""

    __slots__ = ("_depth", "_nodes_left", "_read")

    def __init__(self, read: Reader, nodes: int, depth: int) -> None:
        """Read JSON texts with `read`; raise MaskingError after `nodes` values or beyond `depth`."""
        self._read = read
        self._nodes_left = nodes
        self._depth = depth

    def survey(self, value: object, selection: Selection) -> object:
        """Return a copy of `value` with `Ruled` where a rule or an allow-list has decided."""
        allowed = selection.allowed
        tracks = _Tracks(
            tuple((rule, START) for rule in selection.rules),
            None if allowed is None else tuple((path, START) for path in allowed),
        )
        return self._value(value, tracks, 0)

    def _value(self, value: object, tracks: _Tracks, depth: int) -> object:
        self._nodes_left -= 1
        if self._nodes_left < 0 or depth > self._depth:
            raise MaskingError("the rules for this tool lead too deep, or through too many values")
        for rule, at in tracks.rules:
            if rule.path.is_reached(at):
                return Ruled(value, rule)
        allowed = tracks.allowed
        if allowed is not None:
            if any(path.is_reached(at) for path, at in allowed):
                tracks = tracks._replace(allowed=None)
            elif not any(at for _, at in allowed):
                return Ruled(value, None)
        if not tracks.rules and tracks.allowed is None:
            return value
        return self._inside(as_plain(value), tracks, depth + 1)

    def _inside(self, plain: object, tracks: _Tracks, depth: int) -> object:
        if isinstance(plain, Mapping):
            return {
                key: self._value(item, tracks.into(str(key)), depth) for key, item in plain.items()
            }
        if isinstance(plain, list | tuple | set | frozenset):
            return [
                self._value(item, tracks.into(place), depth) for place, item in enumerate(plain)
            ]
        text = plain.decode("utf-8", "replace") if isinstance(plain, bytes) else plain
        if isinstance(text, str) and text.lstrip().startswith(_JSON):
            document = self._read(text.strip())
            if isinstance(document, dict | list):
                return Document(self._inside(document, tracks, depth))
            return Ruled(plain, None)  # cut or broken: where the path leads nobody can tell
        return plain if tracks.allowed is None else Ruled(plain, None)


def _fits(tool: str, field: str, of_tool: str, of_field: str) -> bool:
    return field in ("*", of_field) and fnmatchcase(of_tool, tool)
