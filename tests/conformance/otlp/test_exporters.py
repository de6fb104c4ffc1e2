"""The exporters of OpenTelemetry for Python, as a program would use them."""

from typing import Any

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

from tests.conformance.otlp.target import WAIT_S, Target, case

pytestmark = pytest.mark.e2e


class Watched(SpanExporter):
    """Notes what an exporter said of each batch."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.results: list[SpanExportResult] = []

    def export(self, spans: Any) -> SpanExportResult:
        self.results.append(self.exporter.export(spans))
        return self.results[-1]

    def shutdown(self) -> None:
        self.exporter.shutdown()


def results_of(exporter: SpanExporter) -> list[SpanExportResult]:
    watched, provider = Watched(exporter), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(watched))
    tracer = provider.get_tracer("conformance")
    with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner") as inner:
        inner.set_attributes({"text": "a", "number": 1, "many": [1.5, 2.5], "bytes": b"\x00"})
        inner.add_event("event", {"at": True})
        inner.record_exception(ValueError("failed"))
    provider.shutdown()
    return watched.results


@case("exporter.http", "OTLP/HTTP Request")
@pytest.mark.parametrize("compression", list(Compression))
def test_the_http_exporter_succeeds(target: Target, compression: Compression) -> None:
    if compression == Compression.Deflate and not target.is_ours:
        pytest.skip("gzip alone is required: see http.deflate")
    exporter = HttpExporter(
        f"{target.url}/v1/traces",
        headers=dict(target.headers),
        timeout=WAIT_S,
        compression=compression,
    )
    assert results_of(exporter) == [SpanExportResult.SUCCESS] * 2


@case("exporter.grpc", "OTLP/gRPC")
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_grpc_exporter_succeeds(target: Target, compression: grpc.Compression) -> None:
    if target.grpc is None:
        pytest.skip("no gRPC address was stated with --otlp-grpc")
    exporter = GrpcExporter(
        target.grpc,
        insecure=True,
        headers=dict(target.headers),
        timeout=WAIT_S,
        compression=compression,
    )
    assert results_of(exporter) == [SpanExportResult.SUCCESS] * 2
