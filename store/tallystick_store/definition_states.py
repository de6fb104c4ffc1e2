"""Under which definition a call ran: the one that was listed last, an older one, or one that nobody was shown.

Records of the call's own session decide where it has any of the tool: an emitter says itself which definition
took the place of which. Else the last definition that the same sender recorded before the call decides.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from tallystick_store.definitions import MAX_VERSIONS
from tallystick_store.engine.duckdb import Reader
from tallystick_store.events import StoredEvent

DefinitionState: TypeAlias = Literal["listed", "superseded", "unseen", "unlisted"]
"""`unlisted`: no definition of the tool was ever recorded, as with a framework's functions."""

MAX_SEEN: Final = 20_000
"""Definitions that are looked at for the calls of one trace."""
_OBSERVERS: Final = ("mcp_client", "mcp_server")
_SEEN: Final = r"""
    SELECT observer, coalesce(server_name, ''), tool_name, sender, session, seq, time_us,
           tool_definition_digest,
           coalesce(regexp_extract(statement, '"tool\.previous_digest":"([0-9a-f]{64})"', 1), '')
    FROM events
    WHERE type = 'tooldef.observed' AND tool_name IN (SELECT unnest(?)) AND sender IN (SELECT unnest(?))
    AND tool_definition_digest IS NOT NULL AND session IS NOT NULL AND seq IS NOT NULL
    ORDER BY time_us, log_index LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One record of a definition."""

    session: str
    seq: int
    time_us: int
    digest: str
    previous: str


_Tool = tuple[str, str, str, str]
"""Observer, server, tool, sender."""


def definition_states(
    database: Reader, events: Sequence[StoredEvent]
) -> dict[str, DefinitionState]:
    """Return for each MCP call among `events` (action id) under which definition it ran.

    Left out: calls that state no definition, and calls that are not of MCP.
    """
    calls = {one.said("action.id"): one for one in events if _is_call(one)}
    seen = _seen(database, calls.values())
    return {action: _state(call, seen.get(_tool(call), ())) for action, call in calls.items()}


def _is_call(event: StoredEvent) -> bool:
    said = event.statement
    return (
        said.get("observer") in _OBSERVERS
        and "tool.definition_digest" in said
        and "action.id" in said
    )


def _tool(call: StoredEvent) -> _Tool:
    said = call.statement
    return (said["observer"], said.get("server.name", ""), said.get("tool.name", ""), call.sender)


def _seen(database: Reader, calls: Iterable[StoredEvent]) -> Mapping[_Tool, Sequence[_Seen]]:
    tools = {_tool(call) for call in calls}
    if not tools:
        return {}
    names = [sorted({tool[2] for tool in tools}), sorted({tool[3] for tool in tools}), MAX_SEEN]
    found: dict[_Tool, list[_Seen]] = defaultdict(list)
    for observer, server, tool, sender, *rest in database.rows(_SEEN, names):
        found[observer, server, tool, sender].append(_Seen(*rest))
    return found


def _state(call: StoredEvent, seen: Sequence[_Seen]) -> DefinitionState:
    said = call.statement
    digest, session, seq = said["tool.definition_digest"], said["session"], said["seq"]
    own = sorted(
        (one for one in seen if one.session == session and one.seq < seq), key=lambda one: one.seq
    )
    if own:
        in_force = _in_force(own)
    else:
        began_us = int(said.get("span.start_us") or said["time_us"])
        own = [one for one in seen if one.time_us <= began_us][-MAX_VERSIONS:]
        in_force = {own[-1].digest} if own else set()
    if digest in in_force:
        return "listed"
    if any(digest in (one.digest, one.previous) for one in own):
        return "superseded"
    return "unseen" if seen else "unlisted"


def _in_force(seen: Sequence[_Seen]) -> set[str]:
    """Return the newest definitions: one, or one of each of several servers with the same name."""
    digests: set[str] = set()
    for one in seen:
        digests.discard(one.previous)
        digests.add(one.digest)
    return digests
