"""Exporters that know nothing of us: nothing is lost, everything is masked and marked as derived."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from tests.javascript import installed
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.serving import Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROGRAM = Path(__file__).resolve().parent.parent / "js"
SPANS = 200


@pytest.fixture(scope="module")
def over_both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, int]]:
    """Run a service that takes OTLP over gRPC too; give it and that port."""
    port = free_port()
    service = Service(tmp_path_factory.mktemp("both"), ["--grpc-port", str(port)]).start()
    yield service, port
    service.kill()


def send_from_javascript(service: Service, url: str, compression: str, transport: str) -> list[str]:
    place = installed(PROGRAM)
    program = place / f"send-{os.getpid()}.mjs"
    shutil.copy(PROGRAM / "send.mjs", program)
    key = service.credentials["api_key"]
    try:
        done = subprocess.run(
            ["node", str(program), url, key, str(SPANS), compression, transport],
            stdout=subprocess.PIPE,
            check=True,
            timeout=PATIENCE_S,
        )
    finally:
        program.unlink()
    ids: list[str] = json.loads(done.stdout)
    return ids


def stored_spans(service: Service) -> dict[str, dict[str, Any]]:
    spans = [json.loads(span) for one in service.records() for span in one.get("records", ())]
    return {span["span_id"]: span for span in spans}


@requirement("otlp.foreign-client", "mask.before-writing")
@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("transport", ["json", "proto", "grpc"])
def test_spans_of_opentelemetry_javascript_are_kept_masked_and_derived(
    over_both: tuple[Service, int], transport: str, compression: str
) -> None:
    service, grpc_port = over_both
    port = grpc_port if transport == "grpc" else service.port
    ids = send_from_javascript(service, f"http://127.0.0.1:{port}", compression, transport)
    assert len(set(ids)) == SPANS
    stored = stored_spans(service)
    assert [one for one in ids if one not in stored] == []
    events = {one["span.id"]: one for one in service.statements("tool.completed")}
    derived = [events[one] for one in ids]
    assert {(one["origin"], one["signed"]) for one in derived} == {("derived", False)}
    assert derived[0]["outcome"] == "failure"
    assert {one["outcome"] for one in derived[1:]} == {"success"}
    assert stored[ids[0]]["service"] == "js-shop"
    assert json.loads(stored[ids[5]]["attributes"])["attempt"] == 5
    assert "canary" not in json.dumps(service.records()).lower()
    assert service.rejected() == []


@requirement("otlp.foreign-client")
@pytest.mark.parametrize(
    "compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate]
)
def test_spans_of_opentelemetry_python_are_kept_in_every_compression(
    service: Service, compression: Compression
) -> None:
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{service.port}/v1/traces",
        headers=service.authorization,
        timeout=PATIENCE_S,
        compression=compression,
    )
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("python-agent")
    ids = []
    for number in range(SPANS):
        with tracer.start_as_current_span(f"step {number}") as span:
            ids.append(f"{span.get_span_context().span_id:016x}")
    assert provider.force_flush(PATIENCE_S * 1000)
    provider.shutdown()
    stored = stored_spans(service)
    assert [one for one in ids if one not in stored] == []
    assert stored[ids[0]]["scope"] == "python-agent"


def test_an_exporter_that_sends_again_finds_its_spans_counted_as_duplicates(
    service: Service,
) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(
        f"http://127.0.0.1:{service.port}/v1/traces",
        headers=service.authorization,
        timeout=PATIENCE_S,
    )
    with provider.get_tracer("again").start_as_current_span("once") as span:
        pass
    before = service.get("/api/v1/status")["since_start"]["duplicates"]
    for _ in range(3):
        assert exporter.export([span]) is SpanExportResult.SUCCESS  # type: ignore[list-item]  # a span that has ended
    status = service.get("/api/v1/status")
    assert status["since_start"]["duplicates"] == before + 2


@requirement("otlp.foreign-client")
def test_logs_of_others_are_kept_with_their_trace_and_metrics_are_counted(
    service: Service,
) -> None:
    url = f"http://127.0.0.1:{service.port}"
    logs = LoggerProvider()
    logs.add_log_record_processor(
        BatchLogRecordProcessor(
            OTLPLogExporter(f"{url}/v1/logs", headers=service.authorization, timeout=PATIENCE_S)
        )
    )
    span = NonRecordingSpan(SpanContext(0xA11CE << 64, 0xB0B, is_remote=True))
    for number in range(3):
        logs.get_logger("app").emit(
            body={"line": number, "to": "ada@example.com"},
            event_name="gen_ai.choice",
            context=set_span_in_context(span),
        )
    logs.shutdown()
    trace = service.get(f"/api/v1/traces/{0xA11CE << 64:032x}")
    assert [one["type"] for one in trace["events"]] == ["otlp.log"] * 3
    assert {one["span_id"] for one in trace["events"]} == {f"{0xB0B:016x}"}
    assert "ada@" not in json.dumps(trace)
    assert '\\"line\\":2' in json.dumps(trace)
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{url}/v1/metrics", headers=service.authorization, timeout=PATIENCE_S),
        60_000,
    )
    metrics = MeterProvider([reader])
    metrics.get_meter("app").create_counter("calls").add(1)
    metrics.shutdown()
    assert service.get("/api/v1/status")["since_start"]["metric_points"] >= 1
