"""Definitions of tools that nobody lists, functions and tools of agent frameworks: recorded when first used.

Each is recorded once in a process for each agent that uses it, before the call; later calls cost a lookup by its
digest. A framework's tool that only passes calls on to an MCP server is that server's: the definition that was
listed to a client in this process then stands for it, and is not recorded again.
"""

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from weakref import WeakKeyDictionary

from tallystick import runtime
from tallystick.capture.call import Call, Sighting
from tallystick.capture.definition import ToolDefinition
from tallystick.capture.identity import Identity
from tallystick.instrument.definition_record import Offer, forget_oldest, record_definition
from tallystick.instrument.framework import Framework

MAX_USED: Final = 20_000
"""Definitions that are remembered as recorded; the oldest are forgotten first, and recorded again if used."""
MAX_LISTED: Final = 2_048
"""Definitions listed by MCP servers that tools of frameworks are compared with."""
_SHOWN: Final = ("description", "inputSchema")
"""Members that a model is shown; a name alone, with hints, is nothing that anybody defined."""
_CREWAI: Final = "Tool Description: "
"""CrewAI puts name and arguments before a tool's description, and these words between."""

_Use: TypeAlias = tuple[int, str, str | None, str | None, str]
"""Process, observer, name of the agent, address, digest."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What one runtime has recorded of definitions."""

    used: dict[_Use, None] = field(default_factory=dict)
    listed: dict[str, ToolDefinition] = field(default_factory=dict)
    """Digest -> what an MCP server listed to a client, newest last."""
    passed_on: dict[str, ToolDefinition] = field(default_factory=dict)
    """Digest of a framework's tool -> the definition of the MCP server's that it stands for."""


_known: Final[WeakKeyDictionary[runtime.Runtime, _Known]] = WeakKeyDictionary()
_lock: Final = threading.Lock()


def opened(framework: Framework, sighting: Sighting) -> Call | None:
    """Make the call of a tool that nobody lists, its span open and its definition on record; None if nothing records.

    A definition that cannot be recorded is a fault of `framework` and a lost record; the call goes on.
    """
    running = runtime.current()
    if running is None:
        return None
    definition = framework.safely(lambda: in_force(running, sighting), records=True)
    if definition is not None and definition is not sighting.definition:
        sighting = replace(sighting, definition=definition)
    call = Call(running, sighting)
    call.open_span()
    return call


def in_force(running: runtime.Runtime, sighting: Sighting) -> ToolDefinition | None:
    """Return the definition under which a call runs, recorded if this process has not done that yet.

    None where the hook knows none; one without description and schemas was shown to nobody, and is not recorded.
    """
    definition, agent = sighting.definition, sighting.identity.agent
    if definition is None or definition.offered.keys().isdisjoint(_SHOWN):
        return definition
    name = agent.name if agent is not None else None
    use = (os.getpid(), sighting.observer, name, sighting.address, definition.digest)
    known = _known.get(running)
    if known is None:
        known = _known.setdefault(running, _Known())
    if use in known.used:
        return definition
    listed = known.passed_on.get(definition.digest) or _listed_as(known, definition)
    if listed is not None:
        return listed
    _note_use(running, known, use, sighting)
    return definition


def note_listed(running: runtime.Runtime, definition: ToolDefinition) -> None:
    """Remember what an MCP server listed to a client in this process."""
    with _lock:
        known = _known.setdefault(running, _Known())
        known.listed.pop(definition.digest, None)
        known.listed[definition.digest] = definition
        forget_oldest(known.listed, MAX_LISTED)
        known.passed_on.clear()


def _note_use(running: runtime.Runtime, known: _Known, use: _Use, sighting: Sighting) -> None:
    definition = sighting.definition
    with _lock:
        if use in known.used or definition is None:
            return
        known.used[use] = None
        forget_oldest(known.used, MAX_USED)
    actor = Identity(agent=sighting.identity.agent)
    record_definition(running, definition, Offer(sighting.observer, sighting.address, actor), {})


def _listed_as(known: _Known, definition: ToolDefinition) -> ToolDefinition | None:
    with _lock:
        newest_first = reversed(known.listed.values())
        found = next((one for one in newest_first if _is_same_tool(definition, one)), None)
        if found is not None:
            known.passed_on[definition.digest] = found
            forget_oldest(known.passed_on, MAX_LISTED)
    return found


def _is_same_tool(used: ToolDefinition, listed: ToolDefinition) -> bool:
    """Say whether a framework shows its model what a server listed: perhaps with a prefix, and less of the schema.

    The description has to be the same: a server could else take the place of a tool of the program.
    """
    said = (used.description or "").rpartition(_CREWAI)[2].strip()
    return (
        said == (listed.description or "").strip()
        and (used.name == listed.name or used.name.endswith(f"_{listed.name}"))
        and _parameters(used) == _parameters(listed)
    )


def _parameters(definition: ToolDefinition) -> frozenset[str]:
    """Return the names of the parameters, of a JSON schema or of a mapping that has them as its keys."""
    schema = definition.offered.get("inputSchema")
    if not isinstance(schema, Mapping):
        return frozenset()
    properties = schema.get("properties", {} if schema.get("type") == "object" else schema)
    return frozenset(properties) if isinstance(properties, Mapping) else frozenset()
