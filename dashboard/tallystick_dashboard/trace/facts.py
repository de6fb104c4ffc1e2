"""What the detail pane says about a row: the call, who acted, what was decided, what was masked."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from tallystick.blob import parse_blob
from tallystick.errors import RecordError
from tallystick_dashboard import amounts
from tallystick_dashboard.blocks import (
    Block,
    Fact,
    absent,
    blob,
    code,
    fact,
    facts,
    note,
    pretty,
)
from tallystick_dashboard.trace.action import Shape, text_of
from tallystick_dashboard.trace.columns import duration_us
from tallystick_dashboard.trace.model import BAD, Row, Trace
from tallystick_dashboard.trace.record import Action, absence_of

MAX_ACTORS: Final = 20
_ABSENCES: Final[Mapping[str, str]] = {
    "too_large": "it is larger than the emitter's limit",
    "unmaskable": "it could not be masked within the limits",
    "no_room": "the emitter had no room on disk",
}
_OBSERVERS: Final[Mapping[str, str]] = {
    "mcp_client": "the MCP client",
    "mcp_server": "the MCP server",
    "agent": "the agent",
    "function": "the instrumented function",
    "service": "the service",
    "span": "a foreign span",
}


def call_blocks(row: Row, action: Action) -> list[Block]:
    """Say what was called, with what, and what came back; values as they were masked."""
    notes = [absent("note", flag) for flag in row.flags]
    blocks = facts("", [*notes, *_ending(row, action), *_course(row)])
    if row.draft.is_call:
        blocks += _value("Arguments, masked", "params", action)
        blocks += _value("Result, masked", "result", action)
    for title, name in (
        ("Error, masked", "error.message"),
        ("Resource, masked", "resource.uri"),
        ("Tool's description, masked", "tool.description"),
        ("Tool's definition, masked", "tool.definition"),
        ("Attributes, masked", "attributes"),
    ):
        text = action.disclosed(name)
        if text is not None:
            blocks += code(title, pretty(text))
    return blocks + facts("Of the record", _ids(action))


def _ending(row: Row, action: Action) -> list[Fact | None]:
    outcome = action.said("outcome")
    return [
        fact("outcome", outcome, tone="bad" if row.draft.status in BAD else ""),
        fact("error", action.said("error.type"), tone="bad"),
        fact("rule", action.said("decision.rule"), action.text("decision.effect")),
        fact("reason", action.disclosed("decision.reason")),
    ]


def _course(row: Row) -> list[Fact | None]:
    length = duration_us(row)
    return [
        fact("started", amounts.moment(row.draft.start_us), code=True),
        absent("took", "not measured")
        if length is None
        else fact("took", amounts.duration(length)),
        fact(
            "two ends",
            row.join.told if row.join else "",
            tone="bad" if row.join and row.join.is_alarm else "",
        ),
    ]


def _ids(action: Action) -> list[Fact | None]:
    observer = action.text("observer")
    server = " ".join(filter(None, (action.text("server.name"), action.text("server.version"))))
    return [
        fact("seen by", _OBSERVERS.get(observer, observer)),
        fact("server", server),
        fact("transport", action.said("mcp.transport")),
        fact("protocol", action.said("mcp.protocol_version")),
        fact("request id", action.said("jsonrpc.request_id"), code=True),
        fact("model's call id", action.said("tool.call_id"), code=True),
        fact("action", action.said("action.id"), code=True),
        fact("annotated", ", ".join(_annotations(action))),
        fact("definition", action.said("tool.definition_digest"), code=True),
    ]


def _annotations(action: Action) -> list[str]:
    words = (
        ("tool.read_only", "read-only", "not read-only"),
        ("tool.destructive", "destructive", "not destructive"),
        ("tool.required", "must be recorded before it runs", ""),
    )
    said = ((action.said(name), yes, no) for name, yes, no in words)
    return [yes if value else no for value, yes, no in said if value is not None and (value or no)]


def _value(title: str, name: str, action: Action) -> list[Block]:
    stated = f"{name}.size_bytes"
    size, text = action.said(stated), action.disclosed(name)
    if text is None:
        why = (
            "not stated by this record"
            if size is None
            else f"{amounts.size(size)}, {action.absence(stated)}"
        )
        return facts(title, [absent("value", why)])
    before = f" · {amounts.size(size)} before masking" if size is not None else ""
    cut = " · a preview" if action.said(f"{name}.truncated") else ""
    return code(f"{title}{before}{cut}", pretty(text)) + _whole(action.disclosed(f"{name}.blob"))


def _whole(named: str | None) -> list[Block]:
    """Lead to the whole of a value that is shown as a preview, or say why there is none."""
    if named is None:
        return []
    try:
        ref = parse_blob(named)
    except RecordError:
        return note("The record names no blob that could be read", "bad")
    if ref is not None:
        return blob(f"The whole value, masked: {amounts.size(ref.size_bytes)}", ref.sha256)
    why = _ABSENCES.get(orjson.loads(named)["absent"], "")
    return note(f"The whole value was not kept: {why}")


def identity_blocks(action: Action) -> list[Block]:
    """Name the three identities, each with the basis of the claim, and who acts for whom."""
    principal = action.disclosed("principal.id")
    ref = action.text("principal.ref")
    blocks = facts(
        "Principal: on whose behalf",
        [
            _claim(
                action, "principal", principal or (action.absence("principal.ref") if ref else "")
            ),
            fact("pseudonym", ref, code=True),
            fact("type", action.said("principal.type")),
            fact("issuer", action.said("principal.issuer")),
            fact("known by", action.said("principal.auth_method")),
            fact("roles", action.said("roles")),
        ],
    )
    client = action.text("client.id") or action.text("client.name")
    blocks += facts(
        "Client: the program",
        [
            _claim(action, "client", client),
            fact("its id is", action.text("client.id_kind").replace("_", " ")),
            fact("says it is", action.said("client.name")),
            fact("version", action.said("client.version")),
        ],
    )
    blocks += facts(
        "Agent: who decided to call",
        [
            _claim(action, "agent", action.text("agent.name") or action.text("agent.id")),
            fact("version", action.said("agent.version")),
            fact("called by", action.said("agent.parent_name")),
        ],
    )
    return [*blocks, *_chain(action), *_credential(action)]


def _claim(action: Action, name: str, value: str) -> Fact | None:
    if not value:
        return absent("name", "not known: nobody stated it")
    return fact("name", value, action.text(f"{name}.basis") or "unknown")


def _chain(action: Action) -> list[Block]:
    """Show the actor chain of the token (RFC 8693 act), outermost first."""
    text, depth = action.disclosed("delegation"), action.said("delegation.depth")
    if text is None:
        return (
            []
            if depth is None
            else facts(
                "Acting for", [absent(f"{depth} actors", action.absence("delegation.depth"))]
            )
        )
    actors = _listed(text)
    return facts(
        "Acting chain, outermost first",
        [fact(f"actor {at}", _actor(actor)) for at, actor in enumerate(actors[:MAX_ACTORS], 1)],
    )


def _listed(text: str) -> list[Any]:
    try:
        loaded = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]
    return loaded if isinstance(loaded, list) else [loaded]


def _actor(actor: object) -> str:
    if isinstance(actor, dict) and set(actor) == {"sub"}:
        return str(actor["sub"])
    return actor if isinstance(actor, str) else orjson.dumps(actor).decode()


def _credential(action: Action) -> list[Block]:
    return facts(
        "Credential",
        [
            fact("kind", action.said("credential.kind")),
            fact("audience", action.said("credential.audience")),
            fact("scopes", action.said("credential.scopes")),
            fact("keyed digest", action.said("credential.ref"), code=True),
            fact("keyed digest of its id", action.said("credential.id"), code=True),
            fact("not trusted", action.disclosed("credential.evidence"), tone="bad"),
        ],
    )


def policy_blocks(
    trace: Trace, row: Row, action: Action, others: Sequence[Action] = ()
) -> list[Block]:
    """Say what was decided about the call, by its own record or by those of the other side."""
    blocks = _decision("Decision", action.said, action.disclosed("decision.reason"))
    blocks += facts(
        "Approval",
        [
            fact("decision", action.said("approval.decision")),
            fact("mode", action.said("approval.mode")),
            fact("asked by", action.said("approval.channel")),
            fact("request", action.said("approval.id"), code=True),
            fact(
                "keyed digest of what was shown",
                action.said("approval.presented_digest"),
                code=True,
            ),
            fact("reason", action.disclosed("approval.reason")),
        ],
    )
    for title, name in (
        ("Shown, masked", "approval.presented"),
        ("Answer, masked", "approval.answer"),
    ):
        text = action.disclosed(name)
        blocks += code(title, pretty(text)) if text is not None else []
    blocks += _approvals_inside(trace, row)
    for other in others:
        blocks += _decision("Decision, by the other side's record", other.said, None)
    if blocks:
        return blocks
    return note("Not observed: no record of this call states a decision or an approval.")


def _approvals_inside(trace: Trace, row: Row) -> list[Block]:
    """Name the approvals that were asked for while the call ran, with what came of each."""
    mine = row.draft.action_id
    found = [
        one.draft.name
        for one in trace.rows
        if mine and one.draft.parent_action == mine and one.draft.name.verb.startswith("approval.")
    ]
    return facts("Approvals inside the call", [fact(name.verb, name.noun or "-") for name in found])


def other_sides(trace: Trace, row: Row) -> list[str]:
    """Return the actions that are other ends of the call of a row."""
    mine = row.draft.action_id
    ends = (one.actions for one in trace.joins if mine in one.actions)
    return [other for actions in ends for other in actions if other != mine]


def _decision(title: str, said: Any, reason: str | None) -> list[Block]:  # noqa: ANN401 - a method
    effect = text_of(said("decision.effect"))
    if not effect:
        return []
    policy = " ".join(
        filter(
            None, (text_of(said("decision.policy_id")), text_of(said("decision.policy_version")))
        )
    )
    is_enforced = said("decision.enforced")
    return facts(
        title,
        [
            fact("effect", effect, tone="bad" if effect == "deny" else "good"),
            fact("rule", said("decision.rule")),
            fact("policy", policy),
            fact("reason", reason),
            None
            if is_enforced is None
            else fact("enforced", "yes" if is_enforced else "no, shadow mode"),
        ],
    )


def masking_blocks(action: Action) -> list[Block]:
    """Show the ledger: the rules in force, and what they hit, by field and kind."""
    hits = action.said("mask.hits")
    hits = hits if isinstance(hits, dict) else {}
    rows = [_hit(place, count) for place, count in sorted(hits.items())]
    blocks = facts("Masked before it left its process", rows)
    if not rows:
        blocks += note("Nothing was masked in this record.")
    return blocks + facts(
        "Rules in force",
        [
            fact("policy digest", action.said("mask.policy"), code=True),
            fact("token key", action.said("mask.key_id"), code=True),
        ],
    )


def _hit(place: str, count: object) -> Fact | None:
    field, _, kind = place.rpartition(":")
    return fact(field or place, f"{count} x {kind}", "masked")


def span_blocks(row: Row, span: Shape) -> list[Block]:
    """Say what a span says that no record describes."""
    blocks = facts(
        "",
        [
            *(absent("note", flag) for flag in row.flags),
            *_course(row),
            fact("service", span.get("service")),
            fact("scope", span.get("scope")),
            fact("status", span.get("status_message"), tone="bad"),
            fact("log entry", span.get("log_index")),
        ],
    )
    if span.get("absent"):
        blocks += facts("What it says", [absent("attributes", absence_of(span))])
    for title, name in (("Attributes, masked", "attributes"), ("Span events, masked", "events")):
        if span.get(name):
            blocks += code(title, orjson.dumps(span[name], option=orjson.OPT_INDENT_2).decode())
    return blocks
