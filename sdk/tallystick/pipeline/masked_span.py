"""A finished span of OpenTelemetry's SDK as a masked copy: every text goes through the masking engine.

Name, attributes (names and values), events, links, status, trace state, resource and scope. Ids, times,
kinds, flags and counts of what was dropped stay, and so do the conventions' enumerations, in which
the engine finds nothing. The rules for places hold too, for the attributes and events in which a
convention puts a tool's arguments, result and error. The span itself is only read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, Status
from opentelemetry.trace.span import TraceState

from tallystick.masking import Masker
from tallystick.masking.rules import Document
from tallystick.tracing import conventions

WITHHELD: Final = "withheld"
"""Name of the only attribute where attributes could not be masked."""
_ERROR: Final = "error.message"
_FIELDS: Final = {
    **dict.fromkeys(conventions.PARAM_KEYS, "params"),
    **dict.fromkeys(conventions.RESULT_KEYS, "result"),
}
"""Attribute -> the field of a record whose rules hold for it."""
_EVENT_FIELDS: Final = {
    conventions.PARAM_EVENT: "params",
    conventions.RESULT_EVENT: "result",
    ("exception", "exception.message"): _ERROR,
    ("exception", "exception.stacktrace"): _ERROR,
}


class SpanMasker:
    """Masks the spans of one batch: their resources and scopes are masked once. For one thread."""

    def __init__(self, masker: Masker) -> None:
        """Mask with `masker`, and by its rules."""
        self._masker = masker
        self._resources: dict[Resource, Resource] = {}
        self._scopes: dict[InstrumentationScope, InstrumentationScope] = {}

    def mask(self, span: ReadableSpan) -> ReadableSpan:
        """Return a masked copy. Raises whatever the span raises, and MaskingError where rules lead too far."""
        attributes = span.attributes or {}
        tool = conventions.text(attributes, *conventions.TOOL_NAME_KEYS) or ""
        status = span.status
        return ReadableSpan(
            name=self._text(span.name),
            context=self._context(span.get_span_context()),
            parent=self._context(span.parent),
            resource=self._resource(span.resource),
            attributes=self._attributes(_attributes_of(tool, attributes), span.dropped_attributes),
            events=_counted([self._event(one, tool) for one in span.events], span.dropped_events),
            links=_counted([self._link(one) for one in span.links], span.dropped_links),
            kind=span.kind,
            status=Status(status.status_code, self._said(status.description, tool)),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=self._scope(span.instrumentation_scope),
        )

    def _text(self, text: str) -> str:
        return str(self._masker.mask_text(text).value) if text else text

    def _said(self, text: str | None, tool: str) -> str | None:
        return str(self._masker.mask(text, tool, _ERROR).value) if text else text

    def _attributes(self, placed: "_Placed", dropped: int = 0) -> BoundedAttributes:
        chosen = {name: self._surveyed(placed, name, value) for name, value in placed.items()}
        masked = self._masker.mask(chosen).value if chosen else {}
        shown = masked if isinstance(masked, dict) else {WITHHELD: masked}
        bounded = BoundedAttributes(attributes=shown)
        bounded.dropped += dropped
        return bounded

    def _surveyed(self, placed: "_Placed", name: str, value: object) -> object:
        """Return a value with what the rules for its place decide."""
        field = placed.fields.get(name)
        if field is None or self._masker.policy.select(placed.tool, field) is None:
            return value
        wrapper = conventions.loaded(value) if field == "params" else None
        if conventions.is_wrapper(wrapper) and "traceloop.span.kind" in placed.values:
            inner = self._masker.surveyed(wrapper["arguments"], placed.tool, field)
            return Document({**wrapper, "arguments": inner})
        return self._masker.surveyed(value, placed.tool, field)

    def _event(self, event: Event, tool: str) -> Event:
        fields = {key: field for (name, key), field in _EVENT_FIELDS.items() if name == event.name}
        placed = _Placed(event.attributes or {}, fields, tool)
        attributes = self._attributes(placed, event.dropped_attributes)
        return Event(self._text(event.name), attributes, event.timestamp)

    def _link(self, link: Link) -> Link:
        context = self._context(link.context) or link.context
        attributes = self._attributes(_Placed(link.attributes or {}), link.dropped_attributes)
        return Link(context, attributes)

    def _context(self, context: SpanContext | None) -> SpanContext | None:
        """Return the context; an entry of its trace state in which something is found is left out."""
        if context is None or not context.trace_state:
            return context
        clean = [
            (key, value)
            for key, value in context.trace_state.items()
            if self._masker.mask({key: value}).value == {key: value}
        ]
        return SpanContext(
            context.trace_id,
            context.span_id,
            context.is_remote,
            context.trace_flags,
            TraceState(clean),
        )

    def _resource(self, resource: Resource) -> Resource:
        masked = self._resources.get(resource)
        if masked is None:
            attributes = self._attributes(_Placed(resource.attributes))
            masked = Resource(dict(attributes), self._text(resource.schema_url))
            self._resources[resource] = masked
        return masked

    def _scope(self, scope: InstrumentationScope | None) -> InstrumentationScope | None:
        if scope is None:
            return None
        masked = self._scopes.get(scope)
        if masked is None:
            attributes = self._attributes(_Placed(getattr(scope, "attributes", None) or {}))
            masked = InstrumentationScope(
                self._text(scope.name),
                self._text(scope.version) if scope.version else scope.version,
                self._text(scope.schema_url) if scope.schema_url else scope.schema_url,
                dict(attributes),
            )
            self._scopes[scope] = masked
        return masked


class _Placed:
    """Attributes, and of which of them the rules for places speak."""

    __slots__ = ("fields", "tool", "values")

    def __init__(
        self, values: Mapping[str, Any], fields: Mapping[str, str] | None = None, tool: str = ""
    ) -> None:
        self.values = values
        self.fields = fields or {}
        self.tool = tool

    def items(self) -> Sequence[tuple[str, Any]]:
        return list(self.values.items())


def _attributes_of(tool: str, attributes: Mapping[str, Any]) -> _Placed:
    return _Placed(attributes, _FIELDS, tool)


def _counted(items: Sequence[Any], dropped: int) -> BoundedList[Any]:
    """Return items as the SDK holds them, with the count of those that it dropped before."""
    kept = BoundedList.from_seq(None, items)
    kept.dropped = dropped
    return kept
