"""Every string of a tool's definition, with the path of the member in which it stands.

A model reads all of a definition: descriptions deep in a schema, names of parameters, values of an enum.
The walk takes what a hostile server sends: it is bounded in nodes and depth, knows cycles by that, and
raises nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Role = Literal["name", "text"]

MAX_NODES: Final = 20_000
"""Values that are looked at; the largest real definition that we know has 600."""
MAX_DEPTH: Final = 64
"""As the masking engine's."""
MAX_SEGMENT: Final = 64
"""Characters of one name in a path."""
_NAMING: Final = frozenset(("properties", "patternProperties", "$defs", "definitions"))
"""Members of a schema whose keys are names of the tool's author."""


@dataclass(frozen=True, slots=True)
class Text:
    """One string: its path, as `inputSchema.properties.city.description`, and whether it is a name."""

    path: str
    text: str
    role: Role


@dataclass(slots=True)
class Walk:
    """Walks one definition. `is_cut` is true afterwards when it is too large or too deep to be read whole."""

    is_cut: bool = False
    _left: int = MAX_NODES

    def texts(self, definition: Mapping[str, object]) -> Iterator[Text]:
        """Yield every string; the tool's own name and the names of parameters have the role `name`."""
        for member, value in definition.items():
            role: Role = "name" if member == "name" else "text"
            yield from self._inside(str(member), value, role, 0, is_naming=False)

    def _inside(
        self, path: str, value: object, role: Role, depth: int, *, is_naming: bool
    ) -> Iterator[Text]:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            self.is_cut = True
        elif isinstance(value, str):
            yield Text(path, value, role)
        elif isinstance(value, Mapping):
            yield from self._members(path, value, depth, is_naming=is_naming)
        elif isinstance(value, list | tuple):
            for place, item in enumerate(value):
                if self._left < 0:
                    return
                yield from self._inside(f"{path}[{place}]", item, role, depth + 1, is_naming=False)

    def _members(
        self, path: str, value: Mapping[object, object], depth: int, *, is_naming: bool
    ) -> Iterator[Text]:
        for key, item in value.items():
            if self._left < 0:
                return
            name = str(key)
            below = f"{path}.{name[:MAX_SEGMENT]}"
            yield Text(below, name, "name" if is_naming else "text")
            is_next = not is_naming and name in _NAMING
            yield from self._inside(below, item, "text", depth + 1, is_naming=is_next)
