"""Sends spans and metrics with OpenTelemetry's exporters, of whatever version stands beside it.

Takes TRANSPORT COMPRESSION ADDRESS KEY COUNT; prints version and span ids once all is acknowledged.
"""

import importlib
import json
import sys
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.version import __version__

WAIT_MS = 60_000


def exporters(transport: str, compression: str, address: str, key: str) -> tuple[Any, Any]:
    package = f"opentelemetry.exporter.otlp.proto.{transport}"
    spans = importlib.import_module(f"{package}.trace_exporter").OTLPSpanExporter
    metrics = importlib.import_module(f"{package}.metric_exporter").OTLPMetricExporter
    module = "grpc" if transport == "grpc" else package
    named = getattr(importlib.import_module(module), "Compression")[compression]  # noqa: B009 - of two libraries
    shared: dict[str, Any] = {
        "headers": {"authorization": f"Bearer {key}"},
        "compression": named,
    }
    if transport == "grpc":
        shared |= {"endpoint": address, "insecure": True}
        return spans(**shared), metrics(**shared)
    return (
        spans(endpoint=f"{address}/v1/traces", **shared),
        metrics(endpoint=f"{address}/v1/metrics", **shared),
    )


def main(transport: str, compression: str, address: str, key: str, count: str) -> None:
    spans, points = exporters(transport, compression, address, key)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(spans))
    meters = MeterProvider([PeriodicExportingMetricReader(points)])
    tracer = provider.get_tracer("versions")
    counter = meters.get_meter("versions").create_counter("calls")
    ids = []
    for number in range(int(count)):
        with tracer.start_as_current_span(f"call {number}") as span:
            span.set_attributes({"mail": "ada.canary@example.com", "number": number})
            ids.append(f"{span.get_span_context().span_id:016x}")
        counter.add(1)
    if not (provider.force_flush(WAIT_MS) and meters.force_flush(WAIT_MS)):
        sys.exit("not everything was acknowledged")
    provider.shutdown()
    meters.shutdown()
    print(json.dumps({"version": __version__, "ids": ids}))


main(*sys.argv[1:])
