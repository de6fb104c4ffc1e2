"""How the client's and the server's records of one call were brought together, as the service says it.

The service compares digests and receipts (`docs/spec/receipt.md`); here its answer is read, whatever it holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tallystick_dashboard.trace.action import Shape, text_of

ALARMS: Final = {
    "differs": ("1 call's arguments differ", "the arguments of {} calls differ"),
    "reused": ("1 call's receipt was used again", "the receipts of {} calls were used again"),
}
"""States that make the page red, as sentences."""


@dataclass(frozen=True, slots=True)
class Join:
    """The views of one call, by action id, the client's first; and how surely they are of one call."""

    actions: tuple[str, ...]
    state: str
    told: str

    @property
    def is_alarm(self) -> bool:
        """The two ends contradict each other."""
        return self.state in ALARMS

    @property
    def head(self) -> str:
        """What it comes to, without the reason."""
        return self.told.partition(":")[0]

    def joins_at(self, action: str) -> bool:
        """Tell whether `action` is the server's view that stands beside a client's."""
        return len(self.actions) > 1 and self.actions[-1] == action


def joins_of(calls: Iterable[Shape]) -> list[Join]:
    """Read what the service says of each call that has another end."""
    return [
        Join(
            tuple(map(text_of, call["action_ids"])),
            text_of(call["join"].get("state")),
            text_of(call["join"].get("told")),
        )
        for call in calls
        if isinstance(call.get("join"), dict)
    ]
