"""The rows of a waterfall: one for each action, span and other record of a trace.

A row says only what somebody measured or stated. Two records of one action are one row; a span that
a record describes is that record's row; a reading of a foreign span never looks signed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tallystick_dashboard.trace.action import (
    CALL_TYPES,
    Action,
    Proof,
    Shape,
    Status,
    number_of,
    proof_of,
    text_of,
)
from tallystick_dashboard.trace.kind import (
    Kind,
    Name,
    attributes_of,
    kind_of_action,
    kind_of_event,
    kind_of_span,
    name_of_action,
    name_of_span,
)

NO_END: Final = "no end recorded"
BACKWARDS: Final = "ends before it starts"
CONTRADICTED: Final = "a span with these ids states other times"
UNREADABLE: Final = "this record cannot be read any more"

_NS_PER_US: Final = 1_000
_STATUS_ERROR: Final = 2


@dataclass(frozen=True, slots=True)
class Draft:
    """A row that has no place yet."""

    id: str
    name: Name
    kind: Kind
    where: str
    """The agent, server or service that it happened in."""
    status: Status
    proof: Proof
    start_us: int | None
    end_us: int | None
    """None where nobody measured it."""
    span_id: str = ""
    parent_span: str = ""
    action_id: str = ""
    parent_action: str = ""
    group: str = ""
    """The id of the row that holds it, where that is no span and no action."""
    masked: int = 0
    flags: tuple[str, ...] = ()
    """What is odd about it, for people."""
    log_indexes: tuple[int, ...] = ()
    """Its records, the one that stands for it first."""
    is_call: bool = False
    is_folded: bool = field(default=False)
    """Whether it is shown closed at first."""


def drafts_of(
    events: Sequence[Shape], spans: Sequence[Shape], actions: Iterable[Action]
) -> list[Draft]:
    """Make the rows of a trace, without their places; `actions` are those of `events`."""
    unread = [_unread(one) for one in events if one["statement"] is None]
    by_span: dict[str, Shape] = {}
    for span in spans:
        by_span.setdefault(text_of(span["span_id"]), span)
    calls = [_of_action(one, by_span.get(one.span_id)) for one in actions]
    described = {one.span_id for one in calls if one.span_id}
    left = [
        one
        for one in spans
        if text_of(one["span_id"]) not in described or one is not by_span[text_of(one["span_id"])]
    ]
    others = [
        one
        for one in events
        if one["statement"] is not None and not (one["action_id"] and one["type"] in CALL_TYPES)
    ]
    return [*calls, *map(_of_span, left), *_of_others(others), *unread]


def _of_action(action: Action, span: Shape | None) -> Draft:
    start = number_of(action.said("span.start_us"))
    end = number_of(action.said("span.end_us"))
    if start is None:
        start, end = number_of(action.last["time_us"]), None
    return Draft(
        id=action.span_id or f"action-{action.id}",
        name=name_of_action(action),
        kind=kind_of_action(action),
        where=_where(action),
        status=action.status,
        proof=action.proof,
        start_us=start,
        end_us=_end(start, end),
        span_id=action.span_id,
        parent_span=text_of(action.said("span.parent_id")),
        action_id=action.id,
        parent_action=text_of(action.said("action.parent_id")),
        masked=masked_of(action.last),
        flags=tuple(_action_flags(action, start, end, span)),
        log_indexes=_indexes(action),
        is_call=True,
    )


def _where(action: Action) -> str:
    """Name where it happened: the agent of a client's view, the server of a server's."""
    agent = text_of(action.said("agent.name")) or text_of(action.said("agent.id"))
    server = text_of(action.said("server.name"))
    return (agent or server) if action.side == "client" else (server or agent)


def _action_flags(
    action: Action, start: int | None, end: int | None, span: Shape | None
) -> Iterator[str]:
    if not action.has_ended:
        yield NO_END
    if start is not None and end is not None and end < start:
        yield BACKWARDS
    is_native = action.last["origin"] != "derived"
    if span is not None and is_native and end is not None:
        stated = (_us(span["start_ns"]), _us(span["end_ns"]))
        if stated != (start, end):
            yield CONTRADICTED


def _indexes(action: Action) -> tuple[int, ...]:
    last = int(action.last["log_index"])
    rest = [int(one["log_index"]) for one in action.events]
    return (last, *(index for index in reversed(rest) if index != last))


def _of_span(span: Shape) -> Draft:
    start, end = _us(span["start_ns"]), _us(span["end_ns"])
    attributes = attributes_of(span)
    kind = kind_of_span(span)
    agent = text_of(attributes.get("gen_ai.agent.name"))
    return Draft(
        id=text_of(span["span_id"]),
        name=name_of_span(span),
        kind=kind,
        where=(agent if kind == "agent" else "") or text_of(span["service"]),
        status="failed" if span["status"] == _STATUS_ERROR else "ok",
        proof="corrupt" if span.get("faults") else "none",
        start_us=start,
        end_us=_end(start, end),
        span_id=text_of(span["span_id"]),
        parent_span=text_of(span["parent_id"]),
        masked=masked_of(span),
        flags=(BACKWARDS,) if start is not None and end is not None and end < start else (),
    )


def _of_others(events: Sequence[Shape]) -> list[Draft]:
    """Make a row for each other record; the definitions that a server offered share a closed one."""
    rows: list[Draft] = []
    definitions: dict[str, list[Draft]] = {}
    for event in events:
        row = _of_event(event)
        if event["type"] == "tooldef.observed":
            server = text_of(event["statement"].get("server.name"))
            group = f"definitions-{text_of(event['statement'].get('session'))}-{server}"
            definitions.setdefault(group, []).append(row)
        else:
            rows.append(row)
    for group, members in definitions.items():
        rows += _grouped(group, members)
    return rows


def _grouped(group: str, members: Sequence[Draft]) -> list[Draft]:
    """Put definitions into a row of their own, which states nothing itself but how many there are."""
    times = [one.start_us for one in members if one.start_us is not None]
    word = "definition" if len(members) == 1 else "definitions"
    head = Draft(
        id=group,
        name=Name("", f"{len(members)} tool {word} offered"),
        kind="record",
        where=members[0].where,
        status="ok",
        proof="none",
        start_us=min(times, default=None),
        end_us=None,
        is_folded=True,
    )
    return [head, *(_held(one, group) for one in members)]


def _held(row: Draft, group: str) -> Draft:
    return Draft(
        id=row.id,
        name=row.name,
        kind=row.kind,
        where=row.where,
        status=row.status,
        proof=row.proof,
        start_us=row.start_us,
        end_us=row.end_us,
        group=group,
        masked=row.masked,
        log_indexes=row.log_indexes,
    )


def _of_event(event: Shape) -> Draft:
    said: Mapping[str, Any] = event["statement"]
    detail = (
        text_of(said.get("decision.effect"))
        or text_of(said.get("approval.decision"))
        or text_of(said.get("tool.name"))
        or text_of(said.get("otlp.event_name"))
    )
    refused = said.get("decision.effect") == "deny" or said.get("approval.decision") == "denied"
    return Draft(
        id=f"event-{event['log_index']}",
        name=Name(text_of(event["type"]), detail),
        kind=kind_of_event(event),
        where=text_of(said.get("server.name"))
        or text_of(said.get("agent.name"))
        or text_of(said.get("service.name")),
        status="denied" if refused else "ok",
        proof=proof_of(event),
        start_us=number_of(event["time_us"]),
        end_us=None,
        parent_span=text_of(event["span_id"]) or text_of(said.get("span.parent_id")),
        parent_action=text_of(event["action_id"]) or text_of(said.get("action.parent_id")),
        masked=masked_of(event),
        log_indexes=(int(event["log_index"]),),
    )


def _unread(event: Shape) -> Draft:
    return Draft(
        id=f"event-{event['log_index']}",
        name=Name("record", f"{event['log_index']} cannot be read"),
        kind="record",
        where="",
        status="unknown",
        proof="corrupt",
        start_us=None,
        end_us=None,
        flags=(UNREADABLE,),
        log_indexes=(int(event["log_index"]),),
    )


def masked_of(shape: Shape) -> int:
    """Return how many values were masked in a record or span."""
    return number_of(shape.get("masked")) or 0


def _end(start: int | None, end: int | None) -> int | None:
    """Return the end where there is a duration; a clock that ran backwards measured none."""
    return end if start is not None and end is not None and end >= start else None


def _us(nanoseconds: object) -> int | None:
    text = text_of(nanoseconds)
    return int(text) // _NS_PER_US if text.isascii() and text.isdigit() else None
