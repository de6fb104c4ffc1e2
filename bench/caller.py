"""What recording costs: on the caller's thread per call (what a hook does, and both records), and behind it per event.

A real service on this machine takes the records, so that masking, sealing, signing and shipping all
happen. An OpenTelemetry span stands beside.
"""

import http.client
import itertools
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import duckdb
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bench import machine
from bench.service import Service
from tallystick.capture.call import Call, Ending, Sighting
from tallystick.capture.identity import Agent, Identity, Principal
from tallystick.config import load_config
from tallystick.event import Draft
from tallystick.runtime import Runtime

CALLS: Final = 2000
FLUSH_WITHIN_S: Final = 60
CALLER_BUDGET: Final = 25
"""Times the calibration loop: `docs/adr/0019-what-a-call-may-cost.md` says why."""
DESIGN_CALLER_US: Final = 40
BACKGROUND_BUDGET: Final = 3
"""Times the calibration loop."""
DESIGN_BACKGROUND_US: Final = 10
ALONE_BUDGET: Final = 6
"""Times what it cannot do without: a signature and a request, made as seldom."""
DESIGN_ALONE_US: Final = 20
ALONE_EVENTS: Final = 20
ALONE_PAUSE_S: Final = 1.0
SEALED_BYTES: Final = 200
"""About what a seal signs."""
ARGUMENTS: Final = {"order": "ord_20261101_0042", "region": "north", "limit": 25, "open": True}
VALUES: Final = 1024
SIGHTING: Final = Sighting(
    "mcp_server",
    "tool",
    "lookup",
    statement={"server.name": "bench", "mcp.method": "tools/call", "jsonrpc.request_id": "7"},
    identity=Identity(
        principal=Principal(id="ada", issuer="bench", basis="authenticated"),
        agent=Agent(name="planner", basis="asserted"),
    ),
)
SPAN: Final = {
    "mcp.method.name": "tools/call",
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "lookup",
    "gen_ai.agent.name": "planner",
    "jsonrpc.request.id": "7",
    "server.name": "bench",
    "observer": "mcp_server",
    "agent.basis": "asserted",
    "principal.basis": "authenticated",
    "action.id": "0" * 32,
}


def _values(number: int) -> tuple[dict[str, object], dict[str, object]]:
    """Give arguments and a result, 0.8 KiB together, that no call had before."""
    rows = [
        {"id": 12 * number + row, "status": "shipped", "total_pence": 1299} for row in range(12)
    ]
    return {**ARGUMENTS, "order": f"ord_20261101_{number:04d}"}, {"rows": rows}


_VALUES: Final = itertools.cycle([_values(number) for number in range(VALUES)])


def measure() -> list[str]:
    """Give the report's lines."""
    yardstick = machine.calibration_us()
    with tempfile.TemporaryDirectory() as place:
        service = Service(Path(place))
        runtime = Runtime(load_config(home=service.home))
        runtime.start()
        caller_us = machine.cpu_us(lambda: call(runtime), CALLS)
        background_us = _background_us(runtime)
        alone_us = _alone_us(runtime)
        floor_us = _floor_us(service)
        runtime.shutdown(5)
        service.stop()
        seals = _events_per_seal(service)
    span_us = _span_us()
    return [
        f"caller's thread per call, capture and both records, masking on: {caller_us / yardstick:.1f} x calibration "
        f"(budget {CALLER_BUDGET}), {caller_us:.0f} µs CPU (the design hoped for {DESIGN_CALLER_US})",
        f"background per event, under load, seals on: {background_us / yardstick:.1f} x calibration "
        f"(budget {BACKGROUND_BUDGET}), {background_us:.1f} µs CPU (the design hoped for {DESIGN_BACKGROUND_US}), "
        f"{seals:.0f} events per seal",
        f"background per event, at one a second, each sealed, sent and acknowledged by itself: "
        f"{alone_us / floor_us:.1f} x one signature and one empty request by http.client, as seldom "
        f"(budget {ALONE_BUDGET}), {alone_us:.0f} µs CPU of {floor_us:.0f} (the design hoped for {DESIGN_ALONE_US})",
        f"beside it, one OpenTelemetry span with 10 attributes: {span_us:.0f} µs CPU",
    ]


def call(runtime: Runtime) -> None:
    """Record one call as a hook does: seen, announced before it runs, and ended with its result."""
    arguments, result = next(_VALUES)
    one = Call(runtime, replace(SIGHTING, params=arguments))
    one.open_span()
    one.announce()
    one.end(Ending("success", result))


def _background_us(runtime: Runtime) -> float:
    flush(runtime)
    process, thread = time.process_time_ns(), time.thread_time_ns()
    for _ in range(CALLS):
        call(runtime)
    flush(runtime)
    spent = (time.process_time_ns() - process) - (time.thread_time_ns() - thread)
    return spent / (2 * CALLS) / 1000


def _alone_us(runtime: Runtime) -> float:
    """Give the background's cost per event where no other is near: nothing is shared."""
    flush(runtime)
    process, thread = time.process_time_ns(), time.thread_time_ns()
    for _ in range(ALONE_EVENTS):
        stated = {"tool.name": "lookup", "outcome": "success"}
        runtime.recorder.record(Draft("tool.completed", stated, {"params": ARGUMENTS}))
        time.sleep(ALONE_PAUSE_S)
    spent = (time.process_time_ns() - process) - (time.thread_time_ns() - thread)
    return spent / ALONE_EVENTS / 1000


def _floor_us(service: Service) -> float:
    """Give what no sealing and sending of a lone event can do without, on a thread that has just woken."""
    key = Ed25519PrivateKey.generate()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=FLUSH_WITHIN_S)
    headers = {**service.authorization, "Content-Type": "application/x-protobuf"}
    spent: list[int] = []
    for _ in range(ALONE_EVENTS):
        time.sleep(ALONE_PAUSE_S)
        start = time.thread_time_ns()
        key.sign(bytes(SEALED_BYTES))
        connection.request("POST", "/v1/logs", b"", headers)
        connection.getresponse().read()
        spent.append(time.thread_time_ns() - start)
    connection.close()
    return statistics.median(spent) / 1000


def flush(runtime: Runtime) -> None:
    """Wait until the service has everything. Raises SystemExit when it does not take it."""
    if not runtime.flush(FLUSH_WITHIN_S):
        raise SystemExit("the service did not take the records: nothing was measured")


def _events_per_seal(service: Service) -> float:
    [database] = service.data.glob("*.duckdb")
    with duckdb.connect(str(database), read_only=True) as connection:
        sizes = "SELECT count(*), max(size) FROM seals GROUP BY session ORDER BY max(size) DESC"
        seals, events = connection.sql(sizes).fetchall()[0]
    return float(events / seals)


def _span_us() -> float:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(InMemorySpanExporter()))
    tracer = provider.get_tracer("bench")

    def one() -> None:
        with tracer.start_as_current_span("tools/call lookup", attributes=SPAN):
            pass

    spent = machine.cpu_us(one, CALLS)
    provider.shutdown()
    return spent
