"""One action: every record that states the same action id, read as one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

Side = Literal["client", "server"]
Shape = Mapping[str, Any]

CALL_TYPES: Final = ("tool.started", "tool.completed", "tool.denied", "resource.read", "prompt.get")
_CLIENT_OBSERVERS: Final = ("mcp_client", "agent")


@dataclass(frozen=True)
class Action:
    """Every record of one action id."""

    id: str
    events: tuple[Shape, ...]
    last: Shape
    """The record that ended it, or that started it while there is no end."""

    @classmethod
    def of(cls, name: str, events: Sequence[Shape]) -> "Action":
        """Put the records of one action id together."""
        last = max(events, key=lambda one: (one["type"] != "tool.started", one["log_index"]))
        return cls(name, tuple(events), last)

    @property
    def statement(self) -> Shape:
        """The statement of the record that stands for it."""
        said: Shape = self.last["statement"]
        return said

    @property
    def span_id(self) -> str:
        """Its span, empty when it states none."""
        return str(self.statement.get("span.id", ""))

    @property
    def side(self) -> Side:
        """Whose view it is: the caller's or the tool's."""
        observer, kind = self.statement.get("observer"), self.statement.get("span.kind")
        is_client = observer in _CLIENT_OBSERVERS or (observer == "span" and kind == "client")
        return "client" if is_client else "server"

    @property
    def start_us(self) -> int:
        """When it began, as far as anybody said."""
        return min(
            int(one["statement"].get("span.start_us", one["time_us"])) for one in self.events
        )

    @cached_property
    def records(self) -> frozenset[str]:
        """Leaf hashes of its records, base64; a row that was changed from outside has none that counts."""
        return frozenset(one.get("leaf_hash", "") for one in self._sound)

    def receipt(self, name: Literal["digest", "record"]) -> str:
        """Return what its records state of a receipt, empty where they state none."""
        stated = (one["statement"].get(f"receipt.{name}") for one in self._sound)
        return str(next(filter(None, stated), ""))

    @property
    def _sound(self) -> Iterator[Shape]:
        return (one for one in self.events if not one.get("faults"))


def actions_of(events: Iterable[Shape]) -> list[Action]:
    """Collect records by action; a reading of a span that a native record describes is left out."""
    called = [one for one in events if one["action_id"] and one["type"] in CALL_TYPES]
    native = {one["span_id"] for one in called if one["origin"] == "native"}
    grouped: dict[str, list[Shape]] = {}
    for one in called:
        if one["origin"] == "native" or one["span_id"] not in native:
            grouped.setdefault(one["action_id"], []).append(one)
    return [Action.of(name, group) for name, group in grouped.items()]
