"""What happened, told in a terminal: the list of actions, and one trace as a tree."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tallystick_ingest.ends import ALARMS, STATES
from tallystick_ingest.in_force import ALARMS as DEFINITION_ALARMS
from tallystick_ingest.terminal import Column, cut, inert, table

Shape = Mapping[str, Any]

BASIS_MARKS: Final = {"authenticated": "*", "asserted": "~", "inferred": "?"}
LEGEND: Final = (
    "who: principal / client / agent   * authenticated  ~ asserted  ? inferred  - not known"
)
HINT: Final = "time: when it ended   whole records, with trace ids for `tallystick trace`: --json"
NOT_OBSERVED: Final = "not observed"
CHANGED: Final = "CHANGED"
"""The proof of an event with faults: its row was changed from outside."""
PREVIEW_COLUMNS: Final = 400

_COLUMNS: Final = (
    Column("TIME", 12, 23),
    Column("OUTCOME", 7, 9),
    Column("PROOF", 7, 9),
    Column("TOOL", 12, 40),
    Column("WHO", 12, 52),
    Column("MS", 4, 10, is_number=True),
    Column("ARGUMENTS", 9, 200),
)
_NO_TOOL: Final = {"resource.read": "resources/read", "prompt.get": "prompts/get"}
_PSEUDONYM: Final = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24}\b")
_TOKEN: Final = re.compile(r"\b(tok_)[a-z0-9]{1,16}_([0-9a-f]{8})[0-9a-f]{8}\b")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_US_PER_MS: Final = 1_000
_TIME_DIGITS: Final = 23
_DATE_DIGITS: Final = 10
_STAGE_COLUMNS: Final = 15
_BRANCH: Final = ("├─ ", "│  ")
_LAST_BRANCH: Final = ("└─ ", "   ")


def action_lines(actions: Sequence[Shape], width: int) -> list[str]:
    """Tell actions in at most `width` columns, oldest first by their own clocks."""
    if not actions:
        return [
            "No action is recorded here that fits. Record one with: tallystick run -- python agent.py"
        ]
    told = sorted(map(readable, actions), key=lambda one: (one["time_us"], one["log_index"]))
    days = {moment(one["time_us"])[:10] for one in told}
    start = len("2026-11-22 ") if len(days) == 1 else 0
    rows = [_action_row(one, start) for one in told]
    head = [f"{days.pop()} (UTC)"] if start else []
    return [*head, *table(_COLUMNS, rows, width), cut(LEGEND, width), cut(HINT, width)]


def tail_line(action: Shape, width: int) -> str:
    """Tell one action that was just committed in a line of at most `width` columns."""
    time_, outcome, _, *rest = _action_row(readable(action), len("2026-11-22 "))
    shown = "started" if action["type"] == "tool.started" else outcome
    return cut("  ".join(map(inert, (time_, shown.ljust(9), *rest))), width)


def _action_row(action: Shape, start: int) -> list[str]:
    statement = action["statement"]
    return [
        moment(action["time_us"])[start:_TIME_DIGITS],
        str(action["outcome"]),
        proof(action),
        tool(action),
        who(action),
        _duration(statement.get("span.start_us"), statement.get("span.end_us")),
        _arguments(action),
    ]


def moment(time_us: int) -> str:
    """Write a moment in UTC, to the millisecond; times below 2^53 µs end in the year 2255."""
    written = (_EPOCH + timedelta(microseconds=time_us)).strftime("%Y-%m-%d %H:%M:%S.%f")
    return written[:_TIME_DIGITS]


def proof(event: Shape) -> str:
    """Say how an event is signed, or that its row is not what was accepted."""
    if event.get("faults"):
        return CHANGED
    return "derived" if event["origin"] == "derived" else str(event["sealing"])


def readable(event: Shape) -> Shape:
    """Return an event of which the rest can be told though its statement cannot be read."""
    return event if event["statement"] else {**event, "statement": {}}


def tool(event: Shape) -> str:
    """Name what was called, and where: `tool@server`."""
    said = event["statement"]
    name = (
        said.get("tool.name") or said.get("prompt.name") or event["disclosures"].get("resource.uri")
    )
    shown = inert(str(name or _NO_TOOL.get(event["type"], event["type"])))
    server = said.get("server.name")
    return f"{shown}@{inert(str(server))}" if server else shown


def who(event: Shape) -> str:
    """Name principal, client and agent, each with the basis of the claim."""
    said, disclosed = event["statement"], event["disclosures"]
    principal = disclosed.get("principal.id") or said.get("principal.ref")
    if not principal and said.get("principal.basis", "unknown") != "unknown":
        principal = "withheld"
    names = (
        ("principal", principal),
        ("client", said.get("client.id") or said.get("client.name")),
        ("agent", said.get("agent.name") or said.get("agent.id")),
    )
    return " / ".join(_claim(name, value, said) for name, value in names)


def _claim(name: str, value: object, said: Shape) -> str:
    """Name somebody; of a keyed pseudonym the first digits are enough to tell people apart."""
    if not value:
        return "-"
    shown = _TOKEN.sub(r"\1\2", _PSEUDONYM.sub(r"\1", inert(str(value))))
    return shown + BASIS_MARKS.get(str(said.get(f"{name}.basis")), "")


def _duration(start_us: int | None, end_us: int | None) -> str:
    if start_us is None or end_us is None:
        return "-"
    return f"{(end_us - start_us) / _US_PER_MS:.1f}"


def _arguments(event: Shape) -> str:
    params = event["disclosures"].get("params")
    if params is not None:
        return inert(str(params)[:PREVIEW_COLUMNS])
    size = event["statement"].get("params.size_bytes")
    return "-" if size is None else f"({_absence(event)}, {size} bytes)"


def _absence(event: Shape) -> str:
    """Say why a value is not in an answer, in a few words."""
    absent = event.get("absent") or {"why": "unknown"}
    if absent["why"] == "erased":
        at_us = absent["erasure"]["stated_us"]
        return "erased" if at_us is None else f"erased {moment(at_us)[:_DATE_DIGITS]}"
    if absent["why"] == "withheld":
        return f"withheld: takes {absent['needs']}"
    return "not kept" if absent["why"] == "not kept" else "withheld or erased"


def trace_lines(trace: Shape, trace_id: str, width: int) -> list[str]:
    """Tell one trace: each call with its five stages, then what else belongs to it, then its proof."""
    events, calls = [readable(one) for one in trace["events"]], trace["calls"]
    by_action = _last_by_action(events)
    start = min((_start(one) for one in events), default=None)
    head = f"trace {inert(trace_id)}   {len(calls)} calls, {len(events)} records, "
    head += f"{len(trace['spans'])} spans"
    lines = [head if start is None else f"{head}   {moment(start)} UTC"]
    lines += _call_tree(calls, None, by_action, start or 0, "")
    lines += _other_lines(events, calls)
    lines += _span_lines(trace["spans"], events)
    lines += ["", *_integrity(events)]
    return [cut(line, width) for line in lines]


def _start(event: Shape) -> int:
    return int(event["statement"].get("span.start_us", event["time_us"]))


def _last_by_action(events: Sequence[Shape]) -> dict[str, Shape]:
    ordered = sorted(events, key=lambda one: (one["type"] != "tool.started", one["log_index"]))
    return {one["action_id"]: one for one in ordered if one["action_id"]}


def _call_tree(
    calls: Sequence[Shape],
    parent: str | None,
    by_action: Mapping[str, Shape],
    start_us: int,
    indent: str,
) -> Iterator[str]:
    children = [one for one in calls if one["parent"] == parent]
    for at, call in enumerate(children):
        branch, stem = _LAST_BRANCH if at == len(children) - 1 else _BRANCH
        event = by_action[call["action_id"]]
        yield f"{indent}{branch}{_call_head(call, event)}"
        for line in _call_body(call, event, start_us):
            yield f"{indent}{stem}{line}"
        yield from _call_tree(calls, call["action_id"], by_action, start_us, indent + stem)


def _call_head(call: Shape, event: Shape) -> str:
    said = event["statement"]
    duration = _duration(said.get("span.start_us"), said.get("span.end_us"))
    parts = [tool(event), str(call["outcome"]), f"{duration} ms", proof(event)]
    if call["join"] and call["join"]["state"] in ALARMS:
        parts.append(STATES[call["join"]["state"]].upper())
    if any(one["state"] in DEFINITION_ALARMS for one in call.get("definitions", {}).values()):
        parts.append("DEFINITION NOT AS LISTED")
    return "   ".join(inert(part) for part in parts)


def _call_body(call: Shape, event: Shape, start_us: int) -> Iterator[str]:
    said, disclosed = event["statement"], event["disclosures"]
    yield f"  who        {who(event)}"
    yield f"  arguments  {_arguments(event)}"
    if "result" in disclosed:
        yield f"  result     {inert(str(disclosed['result'])[:PREVIEW_COLUMNS])}"
    error = " ".join(
        str(one) for one in (said.get("error.type"), disclosed.get("error.message")) if one
    )
    if error:
        yield f"  error      {inert(error[:PREVIEW_COLUMNS])}"
    reason = disclosed.get("decision.reason")
    if reason:
        yield f"  reason     {inert(str(reason)[:PREVIEW_COLUMNS])}"
    if call["join"]:
        yield f"  two ends   {inert(str(call['join']['told']))}"
    for action, one in call.get("definitions", {}).items():
        side = "" if action == call["action_id"] else " (the server's view)"
        yield f"  definition {inert(str(one['told']))}{side}"
    for stage in call["stages"]:
        yield f"  {_stage(stage, start_us)}"


def _stage(stage: Shape, start_us: int) -> str:
    name = str(stage["name"]).ljust(_STAGE_COLUMNS)
    if stage["observer"] is None:
        return f"· {name} {NOT_OBSERVED}"
    parts = [f"by {inert(str(stage['observer']))}"]
    if stage["start_us"] is not None and stage["end_us"] is not None:
        after = (stage["start_us"] - start_us) / _US_PER_MS
        parts.append(f"at {after:+.1f} ms for {_duration(stage['start_us'], stage['end_us'])} ms")
    if stage["detail"]:
        parts.append(inert(str(stage["detail"])))
    return f"• {name} {'   '.join(parts)}"


def _other_lines(events: Sequence[Shape], calls: Sequence[Shape]) -> list[str]:
    """Name the records of the trace that belong to no call: decisions, approvals, handoffs."""
    told = {action for call in calls for action in call["action_ids"]}
    others = [one for one in events if one["action_id"] not in told]
    if not others:
        return []
    return ["", "also recorded", *map(_other_line, others)]


def _other_line(event: Shape) -> str:
    kind, name = inert(str(event["type"])), tool(event)
    named = [] if name == kind else [name]
    said = event["statement"]
    decided = said.get("approval.decision") or said.get("decision.effect")
    rule = said.get("approval.channel") or said.get("decision.rule")
    answer = [inert(str(one)) for one in (decided, rule) if one]
    parts = [f"{moment(event['time_us'])}  {kind}", *named, *answer, who(event), proof(event)]
    return f"   {'   '.join(parts)}"


def _span_lines(spans: Sequence[Shape], events: Sequence[Shape]) -> list[str]:
    """Name the spans that no record of a call describes."""
    described = {one["span_id"] for one in events if one["span_id"]}
    others = [one for one in spans if one["span_id"] not in described]
    if not others:
        return []
    lines = [
        f"   {moment(int(one['start_ns']) // 1_000)}  {inert(str(one['name']))}"
        f"   {(int(one['end_ns']) - int(one['start_ns'])) / 1e6:.1f} ms   {inert(str(one['service']))}"
        for one in others
    ]
    return ["", "spans, not signed at their source", *lines]


def _integrity(events: Sequence[Shape]) -> list[str]:
    states = [proof(one) for one in events]
    named = [
        "sealed",
        "recovered",
        "unsealed",
        "derived",
        *([CHANGED] if CHANGED in states else []),
    ]
    counts = ", ".join(f"{states.count(state)} {state}" for state in named)
    indexes = [one["log_index"] for one in events]
    place = f", log entries {min(indexes)} to {max(indexes)}" if indexes else ""
    return [f"integrity  {counts}{place}; to prove it: tallystick verify --url, or an export"]
