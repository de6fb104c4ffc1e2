"""One program with one instrumentation: `python -m bench.peer_calls NAME [URL]`, in `.venv-peers`.

An MCP client calls a tool of an MCP server in the same process, over streams in memory. Standard input
says what to do, one command a line: `run LABEL CALLS` calls the tool and answers with what it cost, as
JSON; `die LABEL CALLS` calls it and then ends as a process that is killed. What is not Tallystick sends to
the OTLP receiver at URL.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from mcp.client.session import ClientSession
from mcp.server.fastmcp import FastMCP  # type: ignore[attr-defined]  # until 1.30
from mcp.shared.memory import create_client_server_memory_streams
from openinference.instrumentation import mcp as openinference_mcp
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.mcp import McpInstrumentor
from opentelemetry.instrumentation.mcp import instrumentation as traceloop_mcp
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

import tallystick
from bench.sink import EMAIL

ROWS: Final = [{"id": number, "status": "shipped", "total_pence": 1299} for number in range(12)]

Work = Callable[[], Awaitable[Any]]
Streams = tuple[Any, Any]


async def _just(_end: str, _arguments: Mapping[str, object], work: Work) -> Any:  # noqa: ANN401 - a result
    return await work()


@dataclass(frozen=True, slots=True)
class Watch:
    """How one instrumentation watches: what it puts around a call and around a transport's streams."""

    flush: Callable[[], object] = bool
    around: Callable[[str, Mapping[str, object], Work], Awaitable[Any]] = _just
    """Runs the work of one end, "client" or "server", for code that is instrumented by hand."""
    streams: Callable[[Streams], Streams] = tuple
    """Wraps a reader and a writer, as the instrumentation does to those of stdio and HTTP."""


def _tallystick(_url: str) -> Watch:
    tallystick.instrument()
    return Watch(lambda: tallystick.flush(60))


def _opentelemetry(url: str) -> Watch:
    """Write by hand, at each end, a span and a log record that holds arguments and result."""
    spans, logs = _tracing(url), LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs")))
    tracer, logger = spans.get_tracer("bench"), logs.get_logger("bench")
    kinds = {"client": SpanKind.CLIENT, "server": SpanKind.SERVER}

    async def around(end: str, arguments: Mapping[str, object], work: Work) -> Any:  # noqa: ANN401 - a result
        named = {"mcp.method.name": "tools/call", "gen_ai.tool.name": "lookup"}
        with tracer.start_as_current_span("tools/call lookup", kind=kinds[end], attributes=named):
            result = await work()
            body = result if isinstance(result, dict) else result.structuredContent
            said = {
                "gen_ai.tool.call.arguments": json.dumps(arguments),
                "gen_ai.tool.call.result": json.dumps(body),
            }
            logger.emit(event_name="tool.call", attributes={**named, **said})
            return result

    return Watch(lambda: (spans.force_flush(), logs.force_flush()), around)


def _openinference(url: str) -> Watch:
    """Instrument, and open a span at the client: without one there is no context to carry."""
    spans = _tracing(url)
    tracer = spans.get_tracer("bench")
    openinference_mcp.MCPInstrumentor().instrument()

    async def around(end: str, _arguments: Mapping[str, object], work: Work) -> Any:  # noqa: ANN401 - a result
        if end == "server":
            return await work()
        with tracer.start_as_current_span("tools/call lookup"):
            return await work()

    def wrap(streams: Streams) -> Streams:
        return (
            openinference_mcp.InstrumentedStreamReader(streams[0]),
            openinference_mcp.InstrumentedStreamWriter(streams[1]),
        )

    return Watch(spans.force_flush, around, wrap)


def _traceloop(url: str) -> Watch:
    spans = _tracing(url)
    tracer = spans.get_tracer("bench")
    McpInstrumentor().instrument(tracer_provider=spans)

    def wrap(streams: Streams) -> Streams:
        return (
            traceloop_mcp.InstrumentedStreamReader(streams[0], tracer),
            traceloop_mcp.InstrumentedStreamWriter(streams[1], tracer),
        )

    return Watch(spans.force_flush, streams=wrap)


def _tracing(url: str) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    return provider


WATCHES: Final[Mapping[str, Callable[[str], Watch]]] = {
    "bare": lambda _url: Watch(),
    "tallystick": _tallystick,
    "opentelemetry": _opentelemetry,
    "openinference": _openinference,
    "traceloop": _traceloop,
}


async def _serve_and_call(watch: Watch) -> None:
    server = FastMCP("bench", log_level="WARNING")

    @server.tool()
    async def lookup(order: str, region: str, email: str, limit: int) -> dict[str, Any]:
        given = {"order": order, "region": region, "email": email, "limit": limit}
        return await watch.around("server", given, partial(_rows, order, email))  # type: ignore[no-any-return]

    async with create_client_server_memory_streams() as (near, far):
        lowlevel = server._mcp_server  # noqa: SLF001 - as mcp.shared.memory does
        options = lowlevel.create_initialization_options()
        reader, writer = watch.streams(far)
        serving = asyncio.create_task(lowlevel.run(reader, writer, options))
        async with ClientSession(*watch.streams(near)) as client:
            await client.initialize()
            await client.list_tools()
            for line in sys.stdin:
                do, label, calls = line.split()
                await _obey(watch, client, do, [f"ord_{label}_{n}" for n in range(int(calls))])
        serving.cancel()


async def _rows(order: str, email: str) -> dict[str, Any]:
    """Return a result that no other call has."""
    return {"order": order, "customer": email, "rows": ROWS}


async def _obey(watch: Watch, client: ClientSession, do: str, orders: list[str]) -> None:
    process, thread = time.process_time_ns(), time.thread_time_ns()
    for order in orders:
        given = {"order": order, "region": "north", "email": EMAIL, "limit": 25}
        answer = await watch.around("client", given, partial(client.call_tool, "lookup", given))
        if answer.isError:
            raise SystemExit(f"the tool failed: {answer.content}")
    caller_ns = time.thread_time_ns() - thread
    if do == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    watch.flush()
    behind_ns = time.process_time_ns() - process - caller_ns
    spent = {"caller_us": caller_ns, "behind_us": behind_ns}
    print(
        json.dumps({name: ns / len(orders) / 1000 for name, ns in spent.items()}),
        flush=True,
    )


if __name__ == "__main__":
    asyncio.run(_serve_and_call(WATCHES[sys.argv[1]]("".join(sys.argv[2:]))))
