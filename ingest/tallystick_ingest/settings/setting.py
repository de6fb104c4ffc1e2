"""One setting, and the kinds of value that a setting takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

PORT_END: Final = 65_536
LIMIT_END: Final = 1 << 40

_Area = TypeVar("_Area")


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is written and read. `parse` raises ValueError with what it expects as its message."""

    parse: Callable[[str], Any]
    unset: object = None
    """The value where none is given and there is no default."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of a table."""

    name: str
    """With dashes the option, in capitals and with TALLYSTICK_ before it the variable."""

    kind: Kind
    default: str | None
    sentence: str
    attribute: str = ""
    """Its name in the area's object, where that is another one."""

    @property
    def option(self) -> str:
        """The option of `tallystick up`."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def env(self) -> str:
        """The variable of the environment."""
        return f"TALLYSTICK_{self.name.upper()}"


def area(
    made: Callable[..., _Area], settings: Sequence[Setting], values: Mapping[str, object]
) -> _Area:
    """Make the object of one area from the values of all settings by name."""
    return made(**{one.attribute or one.name: values[one.name] for one in settings})


def whole(low: int, end: int) -> Kind:
    """Return the kind of a whole number, `end` not included."""

    def parse(value: str) -> int:
        if value.isascii() and value.isdecimal() and low <= int(value) < end:
            return int(value)
        raise ValueError(f"a whole number from {low} to {end - 1}")

    return Kind(parse)


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("text")
    return value.strip()


def _path(value: str) -> Path:
    if not value:
        raise ValueError("a path")
    return Path(value).expanduser().absolute()


def _port_or_off(value: str) -> int | None:
    if value.strip().lower() == "off":
        return None
    try:
        return int(PORT.parse(value))
    except ValueError as expected:
        raise ValueError(f"{expected}, or off") from None


def _names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in value.split(",") if name.strip())
    if "*" in names or any("/" in name for name in names):
        raise ValueError("names of hosts, separated by commas")
    return names


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(origin.strip().lower() for origin in value.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("origins such as https://app.example.com, separated by commas")
    return origins


TEXT: Final = Kind(_text)
PATH: Final = Kind(_path)
PORT: Final = whole(0, PORT_END)
PORT_OR_OFF: Final = Kind(_port_or_off)
HOST_NAMES: Final = Kind(_names, unset=())
ORIGINS: Final = Kind(_origins, unset=())
