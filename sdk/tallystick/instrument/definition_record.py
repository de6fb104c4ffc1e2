"""The record of a definition, `tooldef.observed`: what was offered, and what in it is hidden or talks to the model.

The definition stands there masked and erasable; its digest, and how many flags of which kind it has
(`tallystick.tooldef`), are signed.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tallystick.capture.call import MAX_NAME, Observer
from tallystick.capture.definition import ToolDefinition
from tallystick.capture.identity import Identity
from tallystick.event import Draft
from tallystick.profile import JsonValue
from tallystick.runtime import Runtime
from tallystick.tooldef.findings import Findings, inspect
from tallystick.tracing.spans import current_ids

MAX_INSPECTED: Final = 20_000
"""Definitions whose findings are remembered; the oldest are forgotten first."""
_inspected: Final[dict[str, Findings]] = {}
"""Digest -> what was found: a definition that is offered again is not inspected again."""
_lock: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Offer:
    """Who offers a definition, and on which side that was seen."""

    observer: Observer
    address: str | None
    """What tells the server, or the function, from others of its name."""
    identity: Identity
    facts: Mapping[str, JsonValue] = field(default_factory=dict)
    """Fields of the statement that name the server."""


def record_definition(
    running: Runtime,
    definition: ToolDefinition,
    offer: Offer,
    changes: Mapping[str, JsonValue],
) -> None:
    """Record a definition; `changes` are the fields that compare it with the one known before.

    Raises what the recorder raises when the record cannot be written.
    """
    parts, ids, found = offer.identity.draft_parts(), current_ids(), _findings(definition)
    statement = {
        **{name: value for name, value in offer.facts.items() if value not in (None, "")},
        **parts.statement,
        **definition.statement(),
        **changes,
        "observer": offer.observer,
        "tool.name": definition.name[:MAX_NAME],
        "tool.flags": dict(found.counts),
    }
    if ids is not None:
        statement |= {"trace.id": ids.trace_id}
    offered: dict[str, object] = {"tool.definition": dict(definition.offered)}
    if definition.description is not None:
        offered["tool.description"] = definition.description
    if found.listed:
        offered["tool.findings"] = found.shape()
    tokens = dict(parts.tokens)
    if offer.address is not None:
        tokens["server.ref"] = (f"server of {offer.observer}", offer.address)
    running.recorder.record(
        Draft("tooldef.observed", statement, parts.disclosures | offered, tokens)
    )


def forget_oldest(known: dict[Any, Any], limit: int) -> None:
    """Keep the `limit` entries of a table that were put there last."""
    while len(known) > limit:
        del known[next(iter(known))]


def _findings(definition: ToolDefinition) -> Findings:
    found = _inspected.get(definition.digest)
    if found is None:
        found = inspect(definition.offered)
        with _lock:
            _inspected[definition.digest] = found
            forget_oldest(_inspected, MAX_INSPECTED)
    return found
