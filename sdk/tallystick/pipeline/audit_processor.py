"""Finished spans as signed records: for programs that have their own instrumentation, and no hook of ours.

    provider.add_span_processor(AuditSpanProcessor())

A span that stands for a call by the conventions of GenAI, MCP, OpenInference or Traceloop becomes a record of
this process's session, with the observer `span`. A span is the word of its instrumentation: what it does
not say the record does not say either, and a span that is not sampled never gets here. Spans of calls that a
hook of ours records are passed over: one call is one event.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from tallystick import runtime
from tallystick.capture.call import Call, current_call
from tallystick.config import load_config
from tallystick.pipeline.span_call import SpanCall, is_own, read_span
from tallystick.tracing import call_spans, conventions

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Span

MOST_OPEN: Final = 4096
"""Spans in progress that are remembered; of one that never ends nothing else is kept."""
MAX_ANCESTORS: Final = 64
UNREADABLE: Final = "a span could not be recorded"
_FLUSH_MS: Final = 30_000
"""OpenTelemetry's default."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A span in progress, and the hook's call inside which it began."""

    span: ReadableSpan
    parent_id: int | None
    around: Call | None


class AuditSpanProcessor(SpanProcessor):
    """Records calls from spans, on the thread that ends the span. Safe for several threads.

    Masks, numbers and spools as every record is; never waits for the network, and never raises: what could
    not be recorded is counted, and reported by a `log.drop` record.
    """

    def __init__(self, **settings: object) -> None:
        """Start recording in this process, where nothing has yet. No framework is hooked.

        `settings` are those of `instrument`; while the process records already they change nothing.
        Raises ConfigError for a setting that does not fit.
        """
        config = load_config(**settings)
        if not config.disabled:
            runtime.start(config)
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._lock = threading.Lock()
        call_spans.watch()

    @property
    def open_spans(self) -> int:
        """Spans in progress that are remembered."""
        return len(self._open)

    def on_start(self, span: "Span", parent_context: Context | None = None) -> None:  # noqa: ARG002 - the base's
        """Remember what the span began in."""
        context = span.get_span_context()
        parent_id = span.parent.span_id if span.parent else None
        opened = _Open(span, parent_id, current_call())
        with self._lock:
            self._open[context.span_id] = opened
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)

    def on_end(self, span: ReadableSpan) -> None:
        """Record the call that the span stands for, if it stands for one that no hook records."""
        running = runtime.current()
        if running is None:
            return
        try:
            call = self._read(span)
            if call is not None:
                running.recorder.record(call.draft, time_us=call.time_us)
        except Exception:  # noqa: BLE001 - the host's spans end as ever; the loss is counted and reported
            running.recorder.count_lost(UNREADABLE)

    def force_flush(self, timeout_millis: int = _FLUSH_MS) -> bool:
        """Wait until the service has every record; True at once where no service is known."""
        running = runtime.current()
        if running is None or running.target is None:
            return True
        return running.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Deliver what can be delivered in the time of the setting `exit_flush_ms`; hooks go on recording."""
        running = runtime.current()
        if running is not None:
            self.force_flush(running.config.exit_flush_ms)

    def _read(self, span: ReadableSpan) -> SpanCall | None:
        context = span.get_span_context()
        if context is None:
            return None
        with self._lock:
            opened = self._open.pop(context.span_id, None)
        if is_own(span):
            return None
        if conventions.event_type(span.attributes or {}) is None:
            call_spans.lift(context.span_id, span.parent.span_id if span.parent else None)
            return None
        call = read_span(span, self._agent_above(span))
        below = call_spans.take_below(context.span_id)
        return None if call is None or _is_hooked(call, opened, below) else call

    def _agent_above(self, span: ReadableSpan) -> str | None:
        """Return the name of the nearest agent whose span is still open above this one."""
        parent_id = span.parent.span_id if span.parent else None
        for _ in range(MAX_ANCESTORS):
            above = self._open.get(parent_id) if parent_id is not None else None
            if above is None:
                return None
            name = conventions.agent_name(above.span.attributes or {})
            if name:
                return name
            parent_id = above.parent_id
        return None


def _is_hooked(call: SpanCall, opened: _Open | None, below: list[call_spans.Hooked]) -> bool:
    """Tell whether a hook records the same call: the one around the span, or one below it."""
    around = opened.around if opened is not None else None
    hooked = list(below)
    if around is not None:
        sighting = around.sighting
        hooked += [
            call_spans.Hooked(sighting.target, sighting.name, one) for one in around.observers
        ]
    seen = [one.is_same_as(call.target, call.name, call.kind) for one in hooked]
    return any(seen)
