"""One call in progress, from the hook that sees it begin to the record that ends it.

A `Call` is one vantage point: client and server of one MCP call, even in one process, are two. Hooks
that see the same call from the same side (a middleware, and the decorated function behind it) share
one `Call`, found through a context variable. Nothing here touches the network.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final, Literal

from opentelemetry.context import Context

from tallystick.capture.decision import Decision
from tallystick.capture.definition import ToolDefinition
from tallystick.capture.identity import Identity
from tallystick.event import Draft
from tallystick.profile import JsonValue
from tallystick.random_id import random_id
from tallystick.recording.prepared import Prepared
from tallystick.runtime import Runtime
from tallystick.tracing import call_spans, semconv
from tallystick.tracing.spans import (
    CallSpan,
    SpanRequest,
    SpanTimes,
    ambient_link,
    is_recorded,
    open_span,
)

Observer = Literal["mcp_client", "mcp_server", "agent", "function"]
Outcome = Literal["success", "failure", "denied", "timeout", "cancelled", "unknown"]

ENDING_TYPES: Final = {
    "tool": "tool.completed",
    "resource": "resource.read",
    "prompt": "prompt.get",
}
"""What is called -> type of the record that ends the call."""
SPAN_KINDS: Final = {"mcp_client": "client", "mcp_server": "server"}
MAX_NAME: Final = 256
MAX_MESSAGE: Final = 8192
"""Characters kept of the text of an error."""
ABSENT: Final = object()
"""Stands for a value that there is none of; None is a value."""
NS_PER_US: Final = 1000
_REQUEST_ID: Final = re.compile(r"[0-9]{1,20}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""Request ids that a span may show: numbers and UUIDs. Others are the peer's text, unmasked."""
_NOBODY: Final = Identity()


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a hook knows when a call begins. `statement` and `disclosures` are fields of the table."""

    observer: Observer
    target: Literal["tool", "resource", "prompt"]
    name: str
    params: object = ABSENT
    statement: Mapping[str, JsonValue] = field(default_factory=dict)
    disclosures: Mapping[str, object] = field(default_factory=dict)
    identity: Identity = _NOBODY
    definition: ToolDefinition | None = None
    decision: Decision | None = None
    """The answer of whoever let the call in; what is decided inside stands in its place."""
    address: str | None = None
    """What tells a function from others of its name, where the hook knows it."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended. `result` is ABSENT where there is none."""

    outcome: Outcome
    result: object = ABSENT
    error_type: str | None = None
    error_message: str | None = None


class Call:
    """One call, seen from one side. Made when it begins; `announce`, then `end` exactly once."""

    def __init__(self, running: Runtime, sighting: Sighting) -> None:
        self.action_id = random_id()
        self.sighting = sighting
        self.observers: set[Observer] = {sighting.observer}
        self.span: CallSpan | None = None
        self.is_over = False
        self.has_receipt = False
        """The client hands the server a receipt of this call: see `give_receipt`."""
        self.record_hash: bytes | None = None
        """Leaf hash of `tool.started`; None before it, and while the spool cannot be written."""
        self._is_announced = False
        self.is_required = self._is_tool and is_required(running, sighting.name)
        """A setting says that this tool may not run unless its record is durable first."""
        self._running = running
        self._name = running.recorder.mask_text(sighting.name[:MAX_NAME])
        self._above = _above(sighting.observer)
        self._facts: dict[str, JsonValue] = dict(sighting.statement)
        self._stated: dict[str, JsonValue] | None = None
        self._disclosures = dict(sighting.disclosures)
        self._params: Prepared | None = None
        self._identity = sighting.identity.draft_parts()
        self._decision: Decision | None = None
        self._denial: Decision | None = None
        self._cause: tuple[str, str] | None = None
        self._start_us = time.time_ns() // NS_PER_US
        self._start_tick_ns = time.perf_counter_ns()

    @property
    def must_announce(self) -> bool:
        """The tool may change something: by MCP's defaults every tool that is not annotated read-only.

        A receipt needs the record, too: it names it.
        """
        definition = self.sighting.definition
        is_read_only = definition is not None and definition.read_only is True
        return self._is_tool and (self.is_required or self.has_receipt or not is_read_only)

    def open_span(self, parent: Context | None = None) -> None:
        """Open a span of ours: below `parent` from a message, else below the current span."""
        links = ambient_link(parent) if parent is not None else ()
        attributes = self.span_attributes() if is_recorded() else {}
        call_spans.note(self.sighting.target, self.sighting.name, self.sighting.observer)
        self.span = open_span(
            SpanRequest(self._span_name, self._span_kind, attributes, self._start_us, parent, links)
        )

    def borrow_span(self, span: CallSpan) -> None:
        """Let somebody else's span stand for this call, and say more in it."""
        span.annotate(self.span_attributes())
        self.span = span

    def span_attributes(self) -> dict[str, str]:
        """Return the attributes of the call's span, by the GenAI and MCP conventions."""
        stated = self._statement()
        attributes = {
            attribute: str(stated[name])
            for name, attribute in semconv.FROM_STATEMENT.items()
            if name in stated
        }
        if self._is_tool:
            attributes[semconv.GEN_AI_OPERATION_NAME] = semconv.EXECUTE_TOOL
        if not _REQUEST_ID.fullmatch(attributes.get(semconv.JSONRPC_REQUEST_ID, "")):
            attributes.pop(semconv.JSONRPC_REQUEST_ID, None)
        transport = semconv.NETWORK_TRANSPORTS.get(str(stated.get("mcp.transport")))
        return attributes | ({semconv.NETWORK_TRANSPORT: transport} if transport else {})

    def add_facts(self, statement: Mapping[str, JsonValue]) -> None:
        """Add fields that another hook of the same side knows; what is known already stays.

        `mcp.method` stays out: the name of the span follows from it, and the span is named already.
        """
        added = {name: value for name, value in statement.items() if name != "mcp.method"}
        self._facts = {**added, **self._facts}
        self._stated = None

    def add_denial(self, denial: Decision) -> None:
        """Say that somebody who was asked said no: if the call then fails, that is why."""
        self._denial = self._denial or denial

    def give_receipt(self, digest: str) -> None:
        """State the digest of the call's receipt; its `tool.started` is then due, whatever the tool claims."""
        self.has_receipt = True
        self.add_facts({"receipt.digest": digest})

    def add_cause(self, error_type: str, message: str) -> None:
        """Say what really went wrong, where the framework shows its callers less."""
        self._cause = (error_type, message)

    @property
    def has_cause(self) -> bool:
        """Somebody has said what really went wrong."""
        return self._cause is not None

    def add_decision(self, decision: Decision) -> Decision | None:
        """Make a policy's answer part of this call; an enforced refusal is not overruled by a later answer.

        Returns the answer for which this call's record then has no room, to be recorded beside it.
        """
        if self._decision is not None and self._decision.denies:
            return decision if decision != self._decision else None
        replaced, self._decision = self._decision, decision
        return replaced if replaced != decision else None

    def announce(self) -> None:
        """Record `tool.started`, where one is due, before the tool runs. A second call does nothing.

        Raises RefusedError when the tool is required and this record could not be made durable, or when
        `spool_full` is "refuse" and the spool takes nothing: the tool must not run. Blocks for an fsync
        where the tool is required, so keep it off an event loop then.
        """
        if self._is_announced:
            return
        if not self.must_announce:
            if self._is_tool:
                self._running.recorder.admit()
            return
        draft = self._draft("tool.started", self._statement(), self._given_params())
        recorder = self._running.recorder
        placed = recorder.record(draft, time_us=self._start_us, required=self.is_required)
        self._is_announced, self.record_hash = True, placed.leaf_hash

    def end(self, ending: Ending) -> None:
        """Record how the call ended, and end its span. A second call does nothing."""
        if self.is_over:
            return
        self.is_over = True
        ending = self._judged(ending)
        decision = self._decision or self.sighting.decision
        end_us = self._start_us + (time.perf_counter_ns() - self._start_tick_ns) // NS_PER_US
        times = self.span.end(end_us, ending.error_type) if self.span else None
        statement = {
            **self._statement(),
            **self._end_times(times, end_us),
            **(decision.statement() if decision else {}),
            "outcome": ending.outcome,
        }
        if ending.error_type:
            statement["error.type"] = ending.error_type
        draft = self._draft(self._ending_type(ending), statement, self._end_disclosures(ending))
        self._running.recorder.record(draft, time_us=times.end_us if times else end_us)

    @property
    def _is_tool(self) -> bool:
        return self.sighting.target == "tool"

    @property
    def _span_kind(self) -> str:
        return SPAN_KINDS.get(self.sighting.observer, "internal")

    @property
    def _span_name(self) -> str:
        method = self._facts.get("mcp.method", semconv.EXECUTE_TOOL)
        return str(method) if self.sighting.target == "resource" else f"{method} {self._name}"

    def _judged(self, ending: Ending) -> Ending:
        """Let a refusal and the real cause overrule what the framework made of them."""
        error_type, message = ending.error_type, ending.error_message
        if self._cause is not None and ending.outcome == "failure":
            error_type, message = self._cause
        is_refused = self._decision is not None and self._decision.denies
        is_denied = ending.outcome == "failure" and (is_refused or self._denial is not None)
        if is_denied and not is_refused:
            self._decision = self._denial
        outcome: Outcome = "denied" if is_denied else ending.outcome
        return Ending(outcome, ending.result, error_type, message)

    def _ending_type(self, ending: Ending) -> str:
        if self._is_tool and ending.outcome == "denied":
            return "tool.denied"
        return ENDING_TYPES[self.sighting.target]

    def _statement(self) -> dict[str, JsonValue]:
        if self._stated is None:
            self._stated = self._lasting_statement()
        return self._stated | self._span_statement()

    def _lasting_statement(self) -> dict[str, JsonValue]:
        sighting = self.sighting
        stated: dict[str, JsonValue] = {"action.id": self.action_id, "observer": sighting.observer}
        if self._above is not None:
            stated["action.parent_id"] = self._above
        if sighting.target != "resource":
            stated[f"{sighting.target}.name"] = self._name
        stated |= self._facts | self._identity.statement
        if sighting.definition is not None:
            stated |= sighting.definition.statement()
        return stated | ({"tool.required": True} if self.is_required else {})

    def _span_statement(self) -> dict[str, JsonValue]:
        if self.span is None:
            return {}
        ids = self.span.ids
        stated: dict[str, JsonValue] = {
            "trace.id": ids.trace_id,
            "span.id": ids.span_id,
            "span.kind": self._span_kind,
        }
        return stated | ({"span.parent_id": ids.parent_id} if ids.parent_id else {})

    def _end_times(self, times: SpanTimes | None, end_us: int) -> dict[str, JsonValue]:
        """Return the times of the span; none for a borrowed one whose own times cannot be read."""
        if times is not None:
            return {"span.start_us": times.start_us, "span.end_us": times.end_us}
        return {} if self.span else {"span.start_us": self._start_us, "span.end_us": end_us}

    def _end_disclosures(self, ending: Ending) -> dict[str, object]:
        found = self._given_params()
        if ending.result is not ABSENT:
            found["result"] = ending.result
        if ending.error_message:
            found["error.message"] = ending.error_message[:MAX_MESSAGE]
        decision = self._decision or self.sighting.decision
        return found | (decision.disclosures() if decision else {})

    def _given_params(self) -> dict[str, object]:
        """Return the arguments: each record of a call is whole by itself, and the last one stands for the call.

        They are those of the first record: a tool that changes what it was given changes no record.
        """
        params = self.sighting.params
        if params is ABSENT:
            return {}
        if self._params is None:
            tool = self._name if self._is_tool else ""
            self._params = self._running.recorder.prepare("params", params, tool)
        return {"params": self._params}

    def _draft(
        self, type_: str, statement: Mapping[str, JsonValue], disclosures: Mapping[str, object]
    ) -> Draft:
        parts = self._identity
        return Draft(
            type=type_,
            statement=statement,
            disclosures={**self._disclosures, **parts.disclosures, **disclosures},
            tokens=parts.tokens,
        )


_current: Final[ContextVar[Call | None]] = ContextVar("tallystick_call", default=None)


def current_call() -> Call | None:
    """Return the innermost call that is in progress in this context."""
    call = _current.get()
    return call if call is not None and not call.is_over else None


def call_around() -> Call | None:
    """Return the call that this context was begun in, which may be over: a task may outlive its call."""
    return _current.get()


@contextmanager
def made_current(call: Call) -> Iterator[None]:
    """Make `call` the current one inside `with`."""
    token = _current.set(call)
    try:
        yield
    finally:
        with suppress(ValueError):  # left from another context, where there is nothing to reset
            _current.reset(token)


def is_required(running: Runtime, tool: str) -> bool:
    """Say whether the setting `required` names a tool."""
    return any(fnmatchcase(tool, pattern) for pattern in running.config.required)


def same_call(observer: Observer, name: str) -> Call | None:
    """Return the call in progress that `observer` sees too, if it is the same one from the same side.

    It is when the names agree and nobody of that kind has reported it yet; a tool that calls itself, or
    a server that forwards to another server, makes a call of its own.
    """
    call = current_call()
    if call is None or call.sighting.name != name or observer in call.observers:
        return None
    if {observer, call.sighting.observer} == {"mcp_client", "mcp_server"}:
        return None
    call.observers.add(observer)
    return call


def _above(observer: Observer) -> str | None:
    """Return the action around a new call. A server's call is joined to its client's by trace, not by action."""
    call = current_call()
    if call is None or (observer == "mcp_server" and call.sighting.observer == "mcp_client"):
        return None
    return call.action_id
