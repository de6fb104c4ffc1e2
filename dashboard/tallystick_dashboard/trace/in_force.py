"""Calls that ran under a definition of their tool which was not the one listed last, as the service says it."""

from collections.abc import Iterable, Mapping
from typing import Final

from tallystick_dashboard.trace.action import Shape, text_of

FLAGS: Final[Mapping[str, str]] = {
    "superseded": "an older definition of the tool",
    "unseen": "a definition of the tool that was never listed",
}


def odd_definitions(calls: Iterable[Shape]) -> dict[str, str]:
    """Return what to say of each such call, by action id; whatever else the service says is left out."""
    found: dict[str, str] = {}
    for call in calls:
        states = call.get("definitions")
        for action, one in states.items() if isinstance(states, dict) else ():
            state = text_of(one.get("state")) if isinstance(one, dict) else ""
            if state in FLAGS:
                found[action] = FLAGS[state]
    return found
