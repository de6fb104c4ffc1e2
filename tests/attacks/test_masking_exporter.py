"""Spans of a host's own pipeline behind our exporter: not one byte of a canary leaves the process."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace.span import TraceState

from tallystick import MaskingSpanExporter
from tests.attacks.canaries import CANARIES, find, needles
from tests.attacks.laden import leaves, name_of
from tests.requirements import requirement

pytestmark = requirement("mask.own-pipeline")

WANTED: Final = needles()
NAMES: Final = {one.name for one in CANARIES}
TRACE_ID: Final = 0x0AF7651916CD43DD8448EB211C80319C
SPAN_ID: Final = 0xB7AD6B7169203331
IDENTIFIERS: Final = ("trace_id", "span_id", "parent_span_id")
OTHER_SIGNALS: Final = ("resource.entity_refs",)
"""What the SDK's spans cannot hold: entities belong to the resource detectors of metrics."""


@dataclass(slots=True)
class Receiver:
    """An OTLP endpoint that keeps the bytes of every request."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TALLYSTICK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def laden_values(text: str) -> dict[str, Any]:
    """Give an attribute of every type that OpenTelemetry knows."""
    return {
        "note": text,
        "notes": [text, text],
        "json": f'{{"inner": "{text}"}}',
        "raw": text.encode(),
        "input.value": text,
        "gen_ai.tool.call.arguments": f'{{"q": "{text}"}}',
        "gen_ai.tool.call.result": text,
        f"a key {text}": "of a value",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "lookup",
        "count": 3,
    }


def fly(exporter: SpanExporter, text: str) -> None:
    """Make one span with `text` in each of its fields, and export it."""
    values = laden_values(text)
    provider = TracerProvider(
        resource=Resource.create({"service.name": "shop", **values}, f"https://x.example/{text}"),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer(f"scope {text}", f"1 {text}", f"https://y.example/{text}", values)
    state = TraceState([("vendor", "opaque"), *states(text)])
    here = SpanContext(TRACE_ID, SPAN_ID, True, TraceFlags(1), state)
    span = tracer.start_span(
        f"lookup {text}",
        context=set_span_in_context(NonRecordingSpan(here)),
        links=[Link(here, values)],
    )
    span.set_attributes(values)
    span.add_event(f"said {text}", values)
    span.add_event("gen_ai.tool.message", {"content": text})
    span.record_exception(ValueError(text))
    span.set_status(StatusCode.ERROR, text)
    span.end()
    provider.shutdown()


def states(text: str) -> list[tuple[str, str]]:
    """Give an entry of trace state, where its grammar takes the text at all."""
    fits = text.isascii() and not set(text) & set(",=") and len(text) < 256
    return [("user", text)] if fits else []


def exported(text: str) -> bytes:
    with a_receiver() as received:
        inner = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{received.port}/v1/traces")
        exporter = MaskingSpanExporter(inner)
        fly(exporter, text)
        assert exporter.withheld == 0
    [body] = received.bodies
    return body


def texts_of(message: Message, above: str = "") -> Iterator[tuple[str, str | bytes]]:
    """Give every text of a message by reflection, with the way to its field."""
    for descriptor, value in message.ListFields():
        way = f"{above}.{descriptor.name}" if above else descriptor.name
        for one in value if descriptor.is_repeated else [value]:
            if isinstance(one, Message):
                yield from texts_of(one, way)
            elif isinstance(one, str | bytes):
                yield way, one


@pytest.mark.parametrize("canary", CANARIES, ids=lambda one: one.name)
def test_no_text_field_of_what_leaves_the_process_holds_a_canary(canary: Any) -> None:
    for text in canary.forms:
        message = ExportTraceServiceRequest.FromString(exported(text))
        for way, value in texts_of(message):
            content = value if isinstance(value, bytes) else value.encode()
            assert not find(content, WANTED), way


def test_the_sweep_reaches_every_text_field_that_a_span_can_fill() -> None:
    """What the test above looks at is what OTLP has, by its own descriptors, and holds texts before masking."""
    with a_receiver() as received:
        fly(OTLPSpanExporter(endpoint=f"http://127.0.0.1:{received.port}/v1/traces"), "CANARY")
    reached = dict(texts_of(ExportTraceServiceRequest.FromString(received.bodies[0])))
    known = {name_of(path) for path in leaves(ExportTraceServiceRequest.DESCRIPTOR)}
    deep = ("array_value", "kvlist_value")
    missing = {
        way
        for way in known - reached.keys()
        if not any(part in way for part in (*deep, *OTHER_SIGNALS))
        and "links.trace_state" not in way
    }
    assert not missing


def test_the_same_flight_without_us_betrays_every_canary() -> None:
    with a_receiver() as received:
        for canary in CANARIES:
            inner = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{received.port}/v1/traces")
            fly(inner, canary.sentence)
    assert set().union(*(find(body, WANTED) for body in received.bodies)) == NAMES


def test_the_console_exporter_prints_no_canary() -> None:
    for canary in CANARIES:
        for text in canary.forms:
            printed = io.StringIO()
            fly(MaskingSpanExporter(ConsoleSpanExporter(out=printed)), text)
            assert '"name": "' in printed.getvalue()
            assert not find(printed.getvalue().encode(), WANTED)


def test_ids_and_enumerations_stay() -> None:
    message = ExportTraceServiceRequest.FromString(exported(CANARIES[0].value))
    [group] = message.resource_spans
    [span] = group.scope_spans[0].spans
    assert int.from_bytes(span.trace_id) == TRACE_ID
    assert int.from_bytes(span.parent_span_id) == SPAN_ID
    assert int.from_bytes(span.links[0].span_id) == SPAN_ID
    values = {one.key: one.value for one in span.attributes}
    assert values["gen_ai.operation.name"].string_value == "execute_tool"
    assert values["count"].int_value == 3
    resource = {one.key: one.value.string_value for one in group.resource.attributes}
    assert (resource["service.name"], resource["telemetry.sdk.language"]) == ("shop", "python")
    assert "vendor=opaque" in span.trace_state
