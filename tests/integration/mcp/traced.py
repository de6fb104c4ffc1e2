"""A program that has an OpenTelemetry of its own, set as the global one, and uses mcp in memory.

Prints its finished spans as JSON, one a line.
"""

import asyncio
import json
import logging

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import tallystick
from tests.integration.mcp import desk


async def work() -> None:
    async with desk.memory_client(desk.make_server()) as client:
        await client.call_tool("note", {"text": "bob@example.com"})
        await client.call_tool("fail", {"reason": "bob@example.com"})


def main() -> None:
    logging.disable(logging.CRITICAL)
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    tallystick.instrument()
    asyncio.run(work())
    tallystick.shutdown()
    assert trace.get_tracer_provider() is provider
    for span in exporter.get_finished_spans():
        print(
            json.dumps(
                {
                    "name": span.name,
                    "id": trace.format_span_id(span.context.span_id) if span.context else "",
                    "parent": trace.format_span_id(span.parent.span_id) if span.parent else "",
                    "scope": span.instrumentation_scope.name if span.instrumentation_scope else "",
                    "kind": span.kind.name,
                    "start_ns": span.start_time,
                    "end_ns": span.end_time,
                    "status": span.status.status_code.name,
                    "attributes": dict(span.attributes or {}),
                }
            )
        )


if __name__ == "__main__":
    main()
