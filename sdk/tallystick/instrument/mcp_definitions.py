"""Which tools a server offers, as `tools/list` shows them or its tool manager holds them.

A definition that is new in this session, or differs from the one before, is an event of its own,
`tooldef.observed`, with what was offered disclosed: a description that was changed after approval
stands in the record with both digests.
"""

import os
import threading
from collections.abc import Iterable, Mapping
from operator import is_
from typing import Any, Final
from weakref import ReferenceType, WeakKeyDictionary, ref

import orjson

from tallystick import runtime
from tallystick.call import Observer
from tallystick.definition import ToolDefinition, read_definition
from tallystick.event import Draft
from tallystick.identity import Identity, text
from tallystick.instrument.mcp_facts import wire
from tallystick.profile import JsonValue
from tallystick.spans import current_ids

_Listed = dict[str, tuple[bytes, ToolDefinition]]
_listed: Final[WeakKeyDictionary[object, _Listed]] = WeakKeyDictionary()
"""Server or client session -> tool -> its definition as last listed, and the bytes it was read from."""
_managers: Final[WeakKeyDictionary[object, ReferenceType[Any]]] = WeakKeyDictionary()
"""Low-level server -> the tool manager of the high-level server around it."""
_held: Final[WeakKeyDictionary[object, dict[str, tuple[tuple[object, ...], ToolDefinition]]]] = (
    WeakKeyDictionary()
)
"""Tool manager -> tool -> its definition, and the objects that it was read from."""
_reported: Final[WeakKeyDictionary[runtime.Runtime, dict[tuple[str, ...], str]]] = (
    WeakKeyDictionary()
)
_lock: Final = threading.Lock()


def know_manager(server: object, manager: object) -> None:
    """Remember which tool manager stands behind a low-level server."""
    _managers[server] = ref(manager)


def definition_of(owner: object, name: str) -> ToolDefinition | None:
    """Return what is known of a tool of a server or session, None when nothing was seen yet."""
    reference = _managers.get(owner)
    manager = reference() if reference is not None else None
    tool = manager.get_tool(name) if manager is not None else None
    if tool is not None:
        return _from_manager(manager, tool)
    return _listed.get(owner, {}).get(name, (b"", None))[1]


def note_listing(
    owner: object,
    observer: Observer,
    tools: Iterable[Mapping[str, Any]],
    server: Mapping[str, JsonValue],
    identity: Identity,
) -> None:
    """Read the tools of a `tools/list` result, and record each that this session has not seen so."""
    known = _listed.setdefault(owner, {})
    for tool in tools:
        name, printed = text(tool.get("name")), orjson.dumps(tool)
        if name not in known or known[name][0] != printed:
            known[name] = (printed, read_definition(tool))
        definition = known[name][1]
        if _is_news(observer, server, definition):
            _record(observer, definition, server, identity)


def _from_manager(manager: Any, tool: Any) -> ToolDefinition:
    held = _held.setdefault(manager, {})
    source = (tool, tool.title, tool.description, tool.parameters, tool.annotations)
    if tool.name in held and all(map(is_, held[tool.name][0], source)):
        return held[tool.name][1]
    definition = read_definition(
        {
            "name": tool.name,
            "title": tool.title,
            "description": tool.description,
            "inputSchema": tool.parameters,
            "outputSchema": tool.output_schema,
            "annotations": wire(tool.annotations),
        }
    )
    held[tool.name] = (source, definition)
    return definition


def _is_news(
    observer: Observer, server: Mapping[str, JsonValue], definition: ToolDefinition
) -> bool:
    running = runtime.current()
    if running is None:
        return False
    place = (str(os.getpid()), observer, str(server.get("server.name")), definition.name)
    with _lock:
        reported = _reported.setdefault(running, {})
        is_news = reported.get(place) != definition.digest
        reported[place] = definition.digest
    return is_news


def _record(
    observer: Observer,
    definition: ToolDefinition,
    server: Mapping[str, JsonValue],
    identity: Identity,
) -> None:
    running, parts, ids = runtime.current(), identity.draft_parts(), current_ids()
    if running is None:
        return
    statement = {
        **{name: value for name, value in server.items() if value not in (None, "")},
        **parts.statement,
        **definition.statement(),
        "observer": observer,
        "tool.name": definition.name,
    }
    if ids is not None:
        statement |= {"trace.id": ids.trace_id}
    offered: dict[str, object] = {"tool.definition": dict(definition.offered)}
    if definition.description is not None:
        offered["tool.description"] = definition.description
    draft = Draft("tooldef.observed", statement, parts.disclosures | offered, parts.tokens)
    running.recorder.record(draft)
