"""The desk: lists of what was asked and decided, and decisions, each by the service's API with the visitor's rights.

Names and reasons come with lists alone, for the reason that the visitor gave; a decision never carries that reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tallystick_dashboard.client import Client, Person
from tallystick_dashboard.trace.action import Shape

LINK_ID: Final = "admin"
"""Whoever used the one-time link: it has no name, so that nothing can be decided by it."""
DECIDING: Final = ("retain", "delete.request", "delete.confirm")
_VALUES: Final = "values"


@dataclass(frozen=True, slots=True)
class Desk:
    """What one visitor sees and does here. Every method raises DashboardError."""

    client: Client
    person: Person
    reason: str | None = field(default=None, repr=False)

    @property
    def is_named(self) -> bool:
        """Whether the visitor is somebody: decisions are of people with an account."""
        return self.person.id != LINK_ID

    def may(self, *scopes: str) -> bool:
        """Whether the visitor may decide something that one of these rights is enough for."""
        return self.is_named and any(map(self.person.may, scopes))

    def classes(self) -> Sequence[Shape]:
        """Return the classes with what of each is due."""
        return self._list("/api/v1/retention", "classes")

    def holds(self) -> Sequence[Shape]:
        """Return every hold, the newest first."""
        return self._list("/api/v1/holds", "holds")

    def requests(self) -> Sequence[Shape]:
        """Return every request for a deletion or an erasure, the newest first."""
        return self._list("/api/v1/deletions", "deletions")

    def exceptions(self) -> Sequence[Shape]:
        """Return every exception from the floor, the newest first."""
        return self._list("/api/v1/retention/exceptions", "exceptions")

    def failure(self) -> str | None:
        """Return why an erasure is not carried out for now."""
        found = self.client.ask("/api/v1/erasures")["failure"]
        return None if found is None else str(found)

    def place_hold(self, name: str, filter_: Mapping[str, str], why: str) -> None:
        """Place a hold."""
        self._decide("/api/v1/holds", {"name": name, "filter": dict(filter_), "reason": why})

    def release(self, hold: Shape, why: str) -> None:
        """End a hold."""
        self._decide(f"/api/v1/holds/{hold['id']}/release", {"reason": why})

    def ask_deletion(self, class_name: str | None, filter_: Mapping[str, str], why: str) -> None:
        """Ask for the deletion of what is due."""
        wanted: dict[str, object] = {"filter": dict(filter_), "reason": why}
        if class_name is not None:
            wanted["class_name"] = class_name
        self._decide("/api/v1/deletions", wanted)

    def count_erasure(self, wish: Mapping[str, object]) -> Shape:
        """Count what an erasure would take; nothing is asked for."""
        return self.client.decide("/api/v1/erasures/preview", wish)

    def ask_erasure(self, wish: Mapping[str, object], why: str) -> None:
        """Ask for the erasure of somebody's values."""
        self._decide("/api/v1/erasures", {**wish, "reason": why})

    def ask_exception(self, class_name: str | None, keep: str, until_us: int, why: str) -> None:
        """Ask for less than six months."""
        wanted: dict[str, object] = {"keep": keep, "until_us": until_us, "reason": why}
        if class_name is not None:
            wanted["class_name"] = class_name
        self._decide("/api/v1/retention/exceptions", wanted)

    def confirm(self, request: Shape, why: str) -> None:
        """Agree to exactly what the list shows of a request, by its digest."""
        self._decide(f"{_path(request)}/confirm", {"digest": request["digest"], "reason": why})

    def withdraw(self, request: Shape, why: str) -> None:
        """Take a request back, or turn it down."""
        self._decide(f"{_path(request)}/withdraw", {"reason": why})

    def confirm_exception(self, one: Shape, why: str) -> None:
        """Agree to an exception."""
        said = {"digest": one["digest"], "reason": why}
        self._decide(f"/api/v1/retention/exceptions/{one['id']}/confirm", said)

    def revoke(self, one: Shape, why: str) -> None:
        """End an exception, or turn it down."""
        self._decide(f"/api/v1/retention/exceptions/{one['id']}/revoke", {"reason": why})

    def _list(self, path: str, member: str) -> Sequence[Shape]:
        found: Sequence[Any] = self.client.because(self.reason).ask(path)[member]
        return found

    def _decide(self, path: str, body: Mapping[str, object]) -> None:
        self.client.decide(path, body)


def _path(request: Shape) -> str:
    return f"/api/v1/{'erasures' if request['kind'] == _VALUES else 'deletions'}/{request['id']}"
