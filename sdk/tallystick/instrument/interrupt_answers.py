"""What the value of an interrupt of LangGraph asks, and what an answer to it comes to.

LangGraph leaves both to the program. Known are the forms of its own packages and plain words; any other
answer is `modified`: the tool goes on with what was said, and nobody knows whether that is a yes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tallystick.capture.approvals import Answer
from tallystick.capture.call import ABSENT
from tallystick.instrument.mcp_facts import plain

APPROVING: Final = frozenset(
    {"accept", "accepted", "allow", "approve", "approved", "confirm", "continue", "ok", "y", "yes"}
)
DENYING: Final = frozenset(
    {"cancel", "decline", "denied", "deny", "ignore", "n", "no", "reject", "rejected"}
)
EDITING: Final = frozenset({"edit", "update"})
RESPONDING: Final = frozenset({"feedback", "respond", "response"})
"""The person answers the model in the tool's place, which does not run."""
_KINDS: Final = ("type", "action", "decision")
_EDITED: Final = ("edited_action", "args", "data")
_REASONS: Final = ("message", "reason")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a tool that a value names."""

    tool: str
    arguments: object
    description: str | None = None
    call_id: str | None = None


def asked_in(value: object) -> Sequence[Asked]:
    """Return the calls that a value asks about; none for a value of the program's own form."""
    if not isinstance(value, Mapping):
        parts = value if isinstance(value, list) else ()
        return [one for part in parts if (one := _human_interrupt(part)) is not None]
    if isinstance(value.get("action_requests"), list):
        parts = [part for part in value["action_requests"] if isinstance(part, Mapping)]
        return [_asked(part, "name") for part in parts]
    if value.get("type") == "tool_approval":
        return [_asked(value, "name")]
    one = _human_interrupt(value)
    return [] if one is None else [one]


def answers_in(said: object, count: int) -> Sequence[Answer]:
    """Return the answers to `count` calls; nothing where there are more or fewer of them."""
    parts = said.get("decisions", said) if isinstance(said, Mapping) else said
    listed = parts if isinstance(parts, list) else [parts]
    return [answer_of(part) for part in listed] if len(listed) == count else ()


def answer_of(said: object) -> Answer:
    """Read one answer. What somebody typed is not kept, but for the reason of a refusal."""
    if isinstance(said, bool):
        return Answer("approved" if said else "denied")
    if not isinstance(said, Mapping):
        return Answer(_decision(said))
    word = next((said[name] for name in _KINDS if name in said), None)
    kind = _word(word)
    if kind in RESPONDING:
        return Answer("denied", content={"type": kind})
    if kind in EDITING:
        edited = next((said[name] for name in _EDITED if name in said), ABSENT)
        return Answer("modified", content=plain(edited))
    decision = _decision(word)
    reason = next((said[name] for name in _REASONS if isinstance(said.get(name), str)), None)
    return Answer(decision, reason if decision == "denied" else None)


def _decision(word: object) -> str:
    known = _word(word)
    if known in APPROVING:
        return "approved"
    return "denied" if known in DENYING else "modified"


def _word(word: object) -> str:
    return word.strip().casefold() if isinstance(word, str) else ""


def _human_interrupt(part: object) -> Asked | None:
    """Read a `HumanInterrupt`, the form of langgraph-prebuilt."""
    asked = part.get("action_request") if isinstance(part, Mapping) else None
    if not isinstance(part, Mapping) or not isinstance(asked, Mapping):
        return None
    return _asked({**asked, "description": part.get("description")}, "action")


def _asked(part: Mapping[str, Any], name: str) -> Asked:
    description, call_id = part.get("description"), part.get("tool_call_id")
    return Asked(str(part.get(name)), plain(part.get("args")), description, call_id)
