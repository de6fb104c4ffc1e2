"""Which tools a server offers, as `tools/list` shows them or its tool manager holds them.

A definition that is new in this session, or differs from the one before, is an event of its own,
`tooldef.observed`, with what was offered disclosed: a description that was changed after approval
stands in the record with both digests and the members that changed, and what is hidden in it or talks to
the model is counted by kind (`tallystick.tooldef`). What other processes saw is for the service to compare.
"""

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import is_
from typing import Any, Final
from weakref import ReferenceType, WeakKeyDictionary, ref

import orjson

from tallystick import runtime
from tallystick.capture.call import Observer
from tallystick.capture.definition import (
    ToolDefinition,
    changed_members,
    digest_of,
    member_digests,
    read_definition,
)
from tallystick.capture.identity import Identity, text
from tallystick.instrument.definition_record import Offer, forget_oldest, record_definition
from tallystick.instrument.mcp_facts import wire
from tallystick.instrument.mcp_transport import address_of_server, own_address
from tallystick.instrument.used_definitions import note_listed
from tallystick.profile import JsonValue

MAX_KNOWN: Final = 20_000
"""Tools of one server, and of all servers, that are remembered; the oldest are forgotten first."""
MAX_VERSIONS: Final = 64
"""Definitions of one tool that are remembered."""

_Place = tuple[str, ...]
_Listed = dict[str, tuple[bytes, ToolDefinition]]


@dataclass(slots=True)
class _Reported:
    """What this session has recorded of one tool of one server."""

    last: str = ""
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    """Digest -> those of its members."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Who lists tools: on which side, which server, and what tells it from others of the same name."""

    owner: object
    observer: Observer
    facts: Mapping[str, JsonValue]
    address: str | None

    @property
    def is_same_server(self) -> bool:
        """Another connection from here to this name and address leads to the same server."""
        return self.observer == "mcp_client" and self.address is not None

    def place(self, tool: str) -> _Place:
        server = str(self.facts.get("server.name"))
        return (str(os.getpid()), self.observer, server, self.address or "", tool)


_listed: Final[WeakKeyDictionary[object, _Listed]] = WeakKeyDictionary()
"""Server or client session -> tool -> its definition as last listed, and the bytes it was read from."""
_managers: Final[WeakKeyDictionary[object, ReferenceType[Any]]] = WeakKeyDictionary()
"""Low-level server -> the tool manager of the high-level server around it."""
_held: Final[WeakKeyDictionary[object, dict[str, tuple[tuple[object, ...], ToolDefinition]]]] = (
    WeakKeyDictionary()
)
"""Tool manager -> tool -> its definition, and the objects that it was read from."""
_reported: Final[WeakKeyDictionary[runtime.Runtime, dict[_Place, _Reported]]] = WeakKeyDictionary()
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
    """Read the tools of a `tools/list` result, and record each that this session has not seen so.

    A listing may be one page of several: a tool that is not in it is not gone. A tool that cannot be recorded
    does not keep the others from it; the first error is raised at the end.
    """
    address = own_address() if observer == "mcp_server" else address_of_server(owner)
    source = _Source(owner, observer, server, address)
    failures: list[Exception] = []
    for tool in tools:
        try:
            _note_tool(source, tool, identity)
        except Exception as error:  # noqa: BLE001 - raised below, behind the other tools
            failures.append(error)
    if failures:
        raise failures[0]


def _note_tool(source: _Source, tool: Mapping[str, Any], identity: Identity) -> None:
    known = _listed.setdefault(source.owner, {})
    name, printed = text(tool.get("name")), _printed(tool)
    bytes_before, before = known.get(name, (b"", None))
    if before is not None and bytes_before == printed:
        definition = before
    else:
        definition = read_definition(tool)
        known[name] = (printed, definition)
        forget_oldest(known, MAX_KNOWN)
    running = runtime.current()
    if running is None:
        return
    changes = _news(running, source, definition, before)
    if changes is not None:
        offer = Offer(source.observer, source.address, identity, source.facts)
        if source.observer == "mcp_client":
            note_listed(running, definition)
        record_definition(running, definition, offer, changes)


def _printed(tool: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(tool)
    except TypeError:  # a lone surrogate, a large integer, too deep
        return digest_of(tool).encode()


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


def _news(
    running: runtime.Runtime,
    source: _Source,
    definition: ToolDefinition,
    before: ToolDefinition | None,
) -> dict[str, JsonValue] | None:
    """Return what a record of a definition says of the one before; None where it was recorded already.

    `before` is what the same connection, or the same server object, listed last. Two servers of one name
    do not change each other's tools: without it, only a client that knows the address compares.
    """
    place, digest = source.place(definition.name), definition.digest
    with _lock:
        places = _reported.setdefault(running, {})
        reported = places.setdefault(place, _Reported())
        forget_oldest(places, MAX_KNOWN)
        is_changed = before is not None and before.digest != digest
        last = reported.last if before is None and source.is_same_server else ""
        if is_changed and before is not None:
            previous, members = before.digest, member_digests(before.offered)
        elif last and last != digest:
            previous, members = last, reported.versions[last]
        elif digest in reported.versions:
            return None
        else:
            previous, members = "", {}
        now = member_digests(definition.offered)
        if len(reported.versions) >= MAX_VERSIONS:
            reported.versions.clear()
        reported.versions[digest], reported.last = now, digest
    if not previous:
        return {}
    return {"tool.previous_digest": previous, "tool.changed": changed_members(members, now)}
