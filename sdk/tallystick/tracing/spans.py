"""Spans of the calls, by the user's own OpenTelemetry where there is one, else by ours.

A span is the unsigned second signal of a call; the record that ends the call states the same ids and
times, and those are signed. Rules:

* A tracer provider that the program has set is used as it is: nothing is added to it, and where its spans
  go is the program's affair. Otherwise a private provider exports to the service; no global is ever set.
* Without any provider a call still has ids, so that the records of client and server meet in one trace.
* Where mcp 2.x has opened a recording span for the call, that span is *borrowed*: no second one is opened,
  and the record states its ids, and its start and end as read after it ended.
* No arguments, results, messages or users in attributes; names are masked like the record's.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tallystick import runtime, signals
from tallystick.random_id import random_id
from tallystick.recording.opening import sdk_version
from tallystick.tracing import semconv

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

SCOPE: Final = "tallystick"
KINDS: Final = {"client": SpanKind.CLIENT, "server": SpanKind.SERVER, "internal": SpanKind.INTERNAL}
NS_PER_US: Final = 1000
_PROPAGATOR: Final = TraceContextTextMapPropagator()
"""W3C trace context alone: baggage would carry whatever the host put there to third parties."""
_TRACEPARENT: Final = "traceparent"
_TRACESTATE: Final = "tracestate"
_VERSION: Final = "00"
"""Members and version of W3C Trace Context, which MCP puts into `_meta`."""


@dataclass(frozen=True, slots=True)
class SpanIds:
    """Ids as a statement holds them: lower-case hex, `parent_id` None at a root."""

    trace_id: str
    span_id: str
    parent_id: str | None


@dataclass(frozen=True, slots=True)
class SpanTimes:
    """Start and end of a span that ended, µs since 1970 UTC."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class CallSpan:
    """The span of one call. `is_borrowed`: somebody else ends it, and its own times count."""

    span: Span
    ids: SpanIds
    start_us: int
    is_borrowed: bool = False

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make it the current span; a borrowed one already is."""
        if self.is_borrowed:
            yield
            return
        token = otel_context.attach(trace.set_span_in_context(self.span))
        try:
            yield
        finally:
            otel_context.detach(token)

    def annotate(self, attributes: Mapping[str, str]) -> None:
        """Add attributes while it is open."""
        if self.span.is_recording():
            self.span.set_attributes(attributes)

    def end(self, end_us: int, error_type: str | None) -> SpanTimes | None:
        """End it, if it is ours. Return its times, None for a borrowed one that did not end or has none."""
        if self.is_borrowed:
            return _times(self.span)
        if error_type and self.span.is_recording():
            self.span.set_attribute(semconv.ERROR_TYPE, error_type)
            self.span.set_status(StatusCode.ERROR)
        self.span.end(end_time=end_us * NS_PER_US)
        return SpanTimes(self.start_us, end_us)


@dataclass(frozen=True, slots=True)
class SpanRequest:
    """What a new span is to be. `parent` None: the context of the caller."""

    name: str
    kind: str
    attributes: Mapping[str, str]
    start_us: int
    parent: Context | None = None
    links: Sequence[Link] = ()


def is_recorded() -> bool:
    """Say whether a provider would look at a span; if not, its attributes need not be made."""
    return _provider() is not None


def open_span(request: SpanRequest) -> CallSpan:
    """Open a span, or where nothing records one, ids alone in the right trace."""
    above = trace.get_current_span(request.parent).get_span_context()
    parent_id = trace.format_span_id(above.span_id) if above.is_valid else None
    span = _started(request, above)
    return CallSpan(span, _ids(span, parent_id), request.start_us)


def borrow(scope: str, kind: str) -> CallSpan | None:
    """Borrow the current span, if instrumentation scope `scope` opened it with `kind` and it records."""
    span = trace.get_current_span()
    own_scope = getattr(getattr(span, "instrumentation_scope", None), "name", None)
    if own_scope != scope or not span.is_recording() or getattr(span, "kind", None) != KINDS[kind]:
        return None
    parent: SpanContext | None = getattr(span, "parent", None)
    parent_id = trace.format_span_id(parent.span_id) if parent is not None else None
    start_ns: int = getattr(span, "start_time", None) or 0
    return CallSpan(span, _ids(span, parent_id), start_ns // NS_PER_US, is_borrowed=True)


def activated(span: CallSpan | None) -> AbstractContextManager[None]:
    """Make `span` the current one inside `with`, if there is one."""
    return span.active() if span is not None else nullcontext()


def current_ids() -> SpanIds | None:
    """Return trace and span of the current context, for records of what is no call."""
    here = trace.get_current_span().get_span_context()
    if not here.is_valid:
        return None
    return SpanIds(trace.format_trace_id(here.trace_id), trace.format_span_id(here.span_id), None)


def extracted(carrier: Mapping[str, str]) -> Context | None:
    """Read W3C trace context from `carrier`, None when there is none that is valid."""
    if _TRACEPARENT not in carrier:
        return None
    context = _PROPAGATOR.extract(carrier)
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def injected(span: CallSpan) -> dict[str, str]:
    """Return the W3C trace context of `span` for a message; never baggage."""
    here = span.span.get_span_context()
    if not here.is_valid:
        return {}
    parent = f"{_VERSION}-{span.ids.trace_id}-{span.ids.span_id}-{here.trace_flags:02x}"
    carrier = {_TRACEPARENT: parent}
    return carrier | {_TRACESTATE: here.trace_state.to_header()} if here.trace_state else carrier


def ambient_link(parent: Context) -> Sequence[Link]:
    """Link to the current span, where `parent` comes from a message and another trace surrounds it."""
    around = trace.get_current_span().get_span_context()
    above = trace.get_current_span(parent).get_span_context()
    return (Link(around),) if around.is_valid and around.trace_id != above.trace_id else ()


def _started(request: SpanRequest, above: SpanContext) -> Span:
    provider = _provider()
    if provider is not None:
        span = _tracer(provider).start_span(
            request.name,
            context=request.parent,
            kind=KINDS[request.kind],
            attributes=dict(request.attributes),
            links=request.links,
            start_time=request.start_us * NS_PER_US,
        )
        here = span.get_span_context()
        if here.is_valid and here.span_id != above.span_id:  # else a provider that does nothing
            return span
    return NonRecordingSpan(_fresh_context(above))


def _fresh_context(above: SpanContext) -> SpanContext:
    trace_id = above.trace_id if above.is_valid else int(random_id(), 16) or 1
    flags = above.trace_flags if above.is_valid else TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(trace_id, int(random_id()[:16], 16) or 1, is_remote=False, trace_flags=flags)


def _ids(span: Span, parent_id: str | None) -> SpanIds:
    here = span.get_span_context()
    return SpanIds(
        trace.format_trace_id(here.trace_id), trace.format_span_id(here.span_id), parent_id
    )


def _times(span: Span) -> SpanTimes | None:
    start_ns: int | None = getattr(span, "start_time", None)
    end_ns: int | None = getattr(span, "end_time", None)
    if start_ns is None or end_ns is None:
        return None
    return SpanTimes(start_ns // NS_PER_US, end_ns // NS_PER_US)


_lock: Final = threading.Lock()
_private: tuple[runtime.Runtime, "TracerProvider | None"] | None = None
"""The runtime in force, and the private provider made for it; replaced under `_lock`."""
_traced: tuple[object, trace.Tracer] | None = None
"""The provider that was asked last, and our tracer of it."""


def _provider() -> "trace.TracerProvider | TracerProvider | None":
    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        return provider
    running = runtime.current()
    return _private_provider(running) if running is not None else None


def _tracer(provider: "trace.TracerProvider | TracerProvider") -> trace.Tracer:
    """Return our tracer of a provider: OpenTelemetry's own look-up changes the process's warning filters."""
    global _traced  # noqa: PLW0603 - a memory of one entry; a race looks it up twice
    known = _traced
    if known is None or known[0] is not provider:
        _traced = known = provider, provider.get_tracer(SCOPE, sdk_version())
    return known[1]


def _private_provider(running: runtime.Runtime) -> "TracerProvider | None":
    global _private  # noqa: PLW0603 - one exporter a process, like the runtime
    known = _private
    if known is not None and known[0] is running:
        return known[1]
    with _lock:
        if _private is None or _private[0] is not running:
            _private = running, _exporting_provider(running)
        return _private[1]


def _exporting_provider(running: runtime.Runtime) -> "TracerProvider | None":
    if running.endpoint is None or not running.config.traces:
        return None
    from tallystick.tracing.span_export import SpanExport  # noqa: PLC0415 - 0.1 s, and often unused

    with signals.left_to_the_host():
        export = SpanExport(running.endpoint, running.api_key, running.config)
    running.on_flush(export.flush)
    running.on_shutdown(export.end)
    return export.provider
