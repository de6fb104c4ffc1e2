"""Retention classes: which records are kept for how long, from a file that a person wrote.

    [[class]]
    name = "staging"
    keep = "P7M"                     # an ISO 8601 duration, or "forever"
    environments = ["staging*"]      # shell patterns; left out: any
    agents = ["*"]
    tools = ["search_*", "read_*"]
    types = ["tool.*", "span"]       # event types; "span" for spans that others sent

The first class that a record matches counts; a record that matches none is kept for ever. A class that says less
than six calendar months waits for them all the same.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.calendar_span import CalendarSpan, parse_duration
from tallystick.errors import ConfigError
from tallystick.profile import JsonValue, encode
from tallystick_store.reach import MAX_PATTERNS, is_pattern

MAX_FILE_BYTES: Final = 1 << 18
MAX_CLASSES: Final = 100
MAX_NAME_CHARS: Final = 64
FOREVER: Final = "forever"
SPAN_TYPE: Final = "span"
"""The type under which a class means spans that others sent."""


_PATTERNS: Final = ("environments", "agents", "tools", "types")
_KEYS: Final = ("name", "keep", *_PATTERNS)


@dataclass(frozen=True, slots=True)
class RetentionClass:
    """One class; patterns are None for any."""

    name: str
    keep: CalendarSpan | None
    """None: for ever."""
    environments: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The classes, in order, and the digest of the file that states them."""

    classes: tuple[RetentionClass, ...] = ()
    digest: str = ""
    """SHA-256, hex, of the file; empty where there is none."""

    @property
    def text(self) -> str:
        """The classes in order, as JSON text: what the log states of them. Equal policies print the same."""
        return encode([_stated(one) for one in self.classes]).decode()

    def named(self, name: str) -> RetentionClass:
        """Return a class; raise ConfigError when there is none of this name."""
        found = next((one for one in self.classes if one.name == name), None)
        if found is None:
            names = ", ".join(one.name for one in self.classes) or "none"
            raise ConfigError(f"there is no retention class {name[:64]!r}: there are {names}")
        return found


KEEP_ALL: Final = RetentionPolicy()
"""Without a file everything is kept for ever."""


def load_retention(path: Path) -> RetentionPolicy:
    """Read a file of classes; raise ConfigError that names the class and the key at fault."""
    try:
        content = path.read_bytes()
        if len(content) > MAX_FILE_BYTES:
            raise ConfigError(f"{path} has more than {MAX_FILE_BYTES} bytes")
        stated = tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    return RetentionPolicy(_classes(stated, str(path)), hashlib.sha256(content).hexdigest())


def _classes(stated: Mapping[str, Any], source: str) -> tuple[RetentionClass, ...]:
    listed = stated.get("class", [])
    if set(stated) - {"class"} or not isinstance(listed, list):
        raise ConfigError(f"{source}: expected [[class]] tables and nothing else")
    if len(listed) > MAX_CLASSES:
        raise ConfigError(f"{source}: at most {MAX_CLASSES} classes, got {len(listed)}")
    classes = tuple(_class(one, f"{source}: class {at}") for at, one in enumerate(listed, 1))
    names = [one.name for one in classes]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ConfigError(f"{source}: two classes are named {repeated[0]!r}")
    return classes


def _class(stated: Any, where: str) -> RetentionClass:  # noqa: ANN401 - TOML
    if not isinstance(stated, dict) or set(stated) - set(_KEYS):
        raise ConfigError(f"{where}: expected the keys {', '.join(_KEYS)}")
    name, keep = stated.get("name"), stated.get("keep")
    if not isinstance(name, str) or not _is_name(name):
        raise ConfigError(f"{where}: name: expected 1 to {MAX_NAME_CHARS} printable characters")
    patterns = {key: _patterns(stated, key, where) for key in _PATTERNS}
    try:
        span = None if keep == FOREVER else parse_duration(keep if isinstance(keep, str) else "")
    except ValueError as error:
        raise ConfigError(f"{where}: keep: {error}, or {FOREVER!r}") from error
    return RetentionClass(name, span, **patterns)


def _stated(one: RetentionClass) -> dict[str, JsonValue]:
    patterns = {key: getattr(one, key) for key in _PATTERNS}
    return {
        "name": one.name,
        "keep": FOREVER if one.keep is None else str(one.keep),
        **{key: list(value) for key, value in patterns.items() if value is not None},
    }


def _is_name(name: str) -> bool:
    return bool(name.strip()) and len(name) <= MAX_NAME_CHARS and name.isprintable()


def _patterns(stated: Mapping[str, Any], key: str, where: str) -> tuple[str, ...] | None:
    if key not in stated:
        return None
    found = stated[key]
    if not isinstance(found, list) or not 0 < len(found) <= MAX_PATTERNS or not _are_texts(found):
        raise ConfigError(f"{where}: {key}: expected a list of 1 to {MAX_PATTERNS} patterns")
    return tuple(found)


def _are_texts(found: Sequence[object]) -> bool:
    return all(isinstance(one, str) and is_pattern(one) for one in found)
