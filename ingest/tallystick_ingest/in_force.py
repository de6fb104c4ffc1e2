"""Under which definition the calls of a trace ran, in words that every screen uses."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tallystick_store.definition_states import DefinitionState

TOLD: Final[Mapping[DefinitionState, str]] = {
    "listed": "as it was listed last",
    "superseded": "an older one: another definition was listed before this call",
    "unseen": "never listed: nobody was shown the definition that was in force",
    "unlisted": "no listing of this tool is recorded",
}
ALARMS: Final = ("superseded", "unseen")


def with_definitions(
    calls: Iterable[dict[str, Any]], states: Mapping[str, DefinitionState]
) -> list[dict[str, Any]]:
    """Add to each call what is known of each of its views: `definitions`, by action id."""
    return [
        {
            **call,
            "definitions": {
                action: {"state": states[action], "told": TOLD[states[action]]}
                for action in call["action_ids"]
                if action in states
            },
        }
        for call in calls
    ]
