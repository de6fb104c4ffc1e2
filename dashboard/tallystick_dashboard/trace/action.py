"""The records of one action, read as one: what started it, what ended it, who saw it.

A completion stands for its action; what only the started record states is taken from there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

Shape = Mapping[str, Any]
Side = Literal["client", "server"]
Status = Literal["ok", "failed", "denied", "timeout", "cancelled", "unknown"]
Proof = Literal["sealed", "recovered", "unsealed", "derived", "corrupt", "none"]
"""How a row is signed. `none`: a span alone, which nobody signs at its source."""

CALL_TYPES: Final = ("tool.started", "tool.completed", "tool.denied", "resource.read", "prompt.get")
STATUSES: Final[Mapping[str, Status]] = {
    "success": "ok",
    "failure": "failed",
    "denied": "denied",
    "timeout": "timeout",
    "cancelled": "cancelled",
}
_CLIENT_OBSERVERS: Final = ("mcp_client", "agent")
_GRAVITY: Final[tuple[Proof, ...]] = ("corrupt", "unsealed", "recovered", "sealed")


@dataclass(frozen=True)
class Action:
    """Every record of one action id, in the order of the log, at least one."""

    id: str
    events: tuple[Shape, ...]

    @cached_property
    def last(self) -> Shape:
        """The record that ended it, or that started it while there is no end."""
        return max(self._own, key=lambda one: (one["type"] != "tool.started", one["log_index"]))

    @cached_property
    def started(self) -> Shape | None:
        """The record that started it, if there is one."""
        return next((one for one in self.events if one["type"] == "tool.started"), None)

    @property
    def has_ended(self) -> bool:
        """Whether somebody recorded its end."""
        return bool(self.last["type"] != "tool.started")

    @cached_property
    def _own(self) -> Sequence[Shape]:
        """Its native records; readings of its span count where there is nothing else."""
        native = [one for one in self.events if one["origin"] != "derived"]
        return native or self.events

    def said(self, name: str) -> Any:  # noqa: ANN401 - the value of any field
        """Return what its records state of a field: the end's word before the start's."""
        for one in (self.last, self.started):
            if one is not None and one["statement"].get(name) is not None:
                return one["statement"][name]
        return None

    def disclosed(self, name: str) -> str | None:
        """Return a disclosed text, the end's before the start's; None where it is withheld."""
        for one in (self.last, self.started):
            if one is not None and name in (one.get("disclosures") or {}):
                return str(one["disclosures"][name])
        return None

    @property
    def span_id(self) -> str:
        """Its span, empty when it states none."""
        return text_of(self.said("span.id"))

    @property
    def side(self) -> Side:
        """Whose view it is: the caller's or the tool's."""
        observer, kind = self.said("observer"), self.said("span.kind")
        is_client = observer in _CLIENT_OBSERVERS or (observer == "span" and kind == "client")
        return "client" if is_client else "server"

    @property
    def status(self) -> Status:
        """How it ended; `unknown` where nobody recorded an end."""
        if self.last["type"] == "tool.denied":
            return "denied"
        if not self.has_ended:
            return "unknown"
        return STATUSES.get(text_of(self.said("outcome")), "unknown")

    @property
    def proof(self) -> Proof:
        """How it is signed: the weakest of its own records decides."""
        return weakest(proof_of(one) for one in self._own)


def actions_of(events: Iterable[Shape]) -> list[Action]:
    """Collect the records of calls by action.

    A reading of a span that a native record describes joins that action: it is no second call.
    """
    called = [one for one in events if one["action_id"] and one["type"] in CALL_TYPES]
    native: dict[str, str] = {
        one["span_id"]: one["action_id"]
        for one in called
        if one["span_id"] and one["origin"] != "derived"
    }
    grouped: dict[str, list[Shape]] = {}
    for one in called:
        owner = str(one["action_id"])
        if one["origin"] == "derived":
            owner = native.get(one["span_id"], owner)
        grouped.setdefault(owner, []).append(one)
    return [
        Action(name, tuple(sorted(group, key=lambda one: one["log_index"])))
        for name, group in grouped.items()
    ]


def proof_of(event: Shape) -> Proof:
    """Say how one event is signed; a stored copy that contradicts the signed bytes is corrupt."""
    if event.get("faults"):
        return "corrupt"
    if event["origin"] == "derived":
        return "derived"
    return event["sealing"] if event["sealing"] in _GRAVITY else "unsealed"


def weakest(proofs: Iterable[Proof]) -> Proof:
    """Return the gravest of several; derived only where nothing else is."""
    found = set(proofs)
    return next((one for one in _GRAVITY if one in found), "derived")


def text_of(value: object) -> str:
    """Return a value as text, empty where there is none."""
    return "" if value is None else str(value)


def number_of(value: object) -> int | None:
    """Return a count of microseconds, or None where none was measured."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
