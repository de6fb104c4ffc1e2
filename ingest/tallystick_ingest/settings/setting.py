"""One setting, and the kinds of value that a setting takes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

PORT_END: Final = 65_536
LIMIT_END: Final = 1 << 40

_Area = TypeVar("_Area")


@dataclass(frozen=True, slots=True)
class Kind:
    """How a value is written and read."""

    expected: str
    """What a value must be, for whoever wrote another one."""
    parse: Callable[[str], Any]
    """Reads a value; raises ValueError for one that does not fit."""
    written: tuple[type, ...] = (str,)
    """As what it may stand in a file; a list stands there for values that commas separate."""
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
        raise ValueError

    return Kind(f"a whole number from {low} to {end - 1}", parse, (int,))


def one_of(*words: str) -> Kind:
    """Return the kind of a word from a list, in either case."""

    def parse(value: str) -> str:
        return words[words.index(value.strip().lower())]

    return Kind(f"{', '.join(words[:-1])} or {words[-1]}", parse)


def _text(value: str) -> str:
    if value.strip() and value.isprintable():
        return value.strip()
    raise ValueError


def _path(value: str) -> Path:
    if not value or not value.isprintable():
        raise ValueError
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:  # the home of somebody whom this machine does not know
        raise ValueError from None


def _port_or_off(value: str) -> int | None:
    return None if value.strip().lower() == "off" else int(PORT.parse(value))


def _listed(value: str) -> tuple[str, ...]:
    return tuple(one.strip().lower() for one in value.split(",") if one.strip())


def _names(value: str) -> tuple[str, ...]:
    names = _listed(value)
    if "*" in names or any("/" in name or not name.isprintable() for name in names):
        raise ValueError
    return names


def _origins(value: str) -> tuple[str, ...]:
    origins = _listed(value)
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError
    return origins


def _networks(value: str) -> tuple[str, ...]:
    networks = tuple(ip_network(one) for one in _listed(value))
    if any(one.prefixlen == 0 for one in networks):
        raise ValueError
    return tuple(
        str(one.network_address) if one.num_addresses == 1 else str(one) for one in networks
    )


TEXT: Final = Kind("text", _text)
PATH: Final = Kind("a path", _path)
PORT: Final = whole(0, PORT_END)
PORT_OR_OFF: Final = Kind(f"{PORT.expected}, or off", _port_or_off, (int, str))
HOST_NAMES: Final = Kind("names of hosts, separated by commas", _names, (str, list), unset=())
NETWORKS: Final = Kind(
    "addresses or networks such as 10.0.0.0/8, not all there are, separated by commas",
    _networks,
    (str, list),
    unset=(),
)
ORIGINS: Final = Kind(
    "origins such as https://app.example.com, separated by commas",
    _origins,
    (str, list),
    unset=(),
)
