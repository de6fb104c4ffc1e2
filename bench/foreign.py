"""Agents' spans as others' instrumentation sends them: a load that can be repeated, made before the clock starts.

A trace is one request to an agent: its span and those of three to nine tool calls, each with arguments, a
result of several rows and ids of its own, about 1.9 KB in protobuf. No two of them say the same.
"""

import base64
import gzip
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

PER_REQUEST: Final = 512
"""What OpenTelemetry's batch processors send at most by default."""
RESOURCE: Final = {
    "service.name": "agent-gateway",
    "service.version": "2.3.1",
    "deployment.environment.name": "prod",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "host.name": "node-17",
}
TOOLS: Final = [
    f"{verb}_{noun}"
    for verb in ("get", "search", "update", "create", "delete", "list")
    for noun in ("customer", "invoice", "payment", "ticket", "contract", "shipment", "employee")
]
AGENTS: Final = [
    f"agent-{name}-{number}"
    for name in ("support", "billing", "ops", "legal", "hr", "sales")
    for number in range(8)
]
_SERVERS: Final = ("crm-mcp", "erp-mcp", "kafka-mcp", "hr-mcp", "docs-mcp")
_LETTERS: Final = "abcdefghijklmnoprstuvwz"
_HOUR_NS: Final = 3_600_000_000_000


@dataclass(frozen=True, slots=True)
class Load:
    """Requests for `/v1/traces`, gzipped protobuf, and what is in them."""

    bodies: tuple[bytes, ...]
    spans: int
    trace_ids: tuple[str, ...]
    """Of a span in the middle of each request."""


def load(requests: int, per_request: int = PER_REQUEST, seed: int = 11) -> Load:
    """Make so many requests; the ids are new each time, all else follows from `seed`."""
    source = _Source(seed)
    spans = source.spans()
    bodies, trace_ids = [], []
    for _ in range(requests):
        message = ExportTraceServiceRequest()
        resource = message.resource_spans.add()
        resource.resource.attributes.extend(_attributes(RESOURCE))
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = "audit-sdk", "0.1.0"
        scope.spans.extend(next(spans) for _ in range(per_request))
        trace_ids.append(scope.spans[per_request // 2].trace_id.hex())
        bodies.append(gzip.compress(message.SerializeToString(), 6))
    return Load(tuple(bodies), requests * per_request, tuple(trace_ids))


class _Source:
    """Draws traces, one after the other."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - a load that can be repeated
        self._ids = random.SystemRandom()
        self._words = [
            "".join(self._draw.choices(_LETTERS, k=self._draw.randint(3, 10))) for _ in range(4000)
        ]

    def spans(self) -> Iterator[Span]:
        """Yield spans without end, whole traces in turn."""
        now_ns = time.time_ns() - _HOUR_NS
        while True:
            yield from self._trace(now_ns)
            now_ns += 1_000_000

    def _trace(self, now_ns: int) -> Iterator[Span]:
        draw = self._draw
        shared = {
            "gen_ai.agent.id": draw.choice(AGENTS),
            "gen_ai.agent.version": "1.4.2",
            "gen_ai.conversation.id": f"{draw.getrandbits(128):032x}",
            "enduser.id": f"user{draw.randrange(3000):05d}@corp.example",
            "audit.caller.type": "human",
            "audit.key_id": "k-2026-11",
        }
        shared["gen_ai.agent.name"] = shared["gen_ai.agent.id"][:-2]
        trace_id, root = self._ids.randbytes(16), self._ids.randbytes(8)
        previous = draw.randbytes(32)
        for place in range(draw.randint(3, 9)):
            duration_ns = int(draw.lognormvariate(17.5, 1.2))
            is_root, is_error = place == 0, draw.random() < 0.03  # noqa: PLR2004 - 3 % fail
            tool, following = draw.choice(TOOLS), draw.randbytes(32)
            span = Span(
                trace_id=trace_id,
                span_id=root if is_root else self._ids.randbytes(8),
                parent_span_id=b"" if is_root else root,
                name=f"invoke_agent {shared['gen_ai.agent.id']}"
                if is_root
                else f"execute_tool {tool}",
                kind=Span.SPAN_KIND_SERVER if is_root else Span.SPAN_KIND_CLIENT,
                start_time_unix_nano=now_ns,
                end_time_unix_nano=now_ns + duration_ns,
            )
            span.status.code = Status.STATUS_CODE_ERROR if is_error else Status.STATUS_CODE_OK
            own = self._call(tool, is_root=is_root, is_error=is_error)
            hashes = {"audit.prev_hash": _base64(previous), "audit.hash": _base64(following)}
            span.attributes.extend(_attributes({**shared, **own, **hashes}))
            yield span
            previous, now_ns = following, now_ns + draw.randint(10_000, 5_000_000)

    def _call(self, tool: str, *, is_root: bool, is_error: bool) -> dict[str, Any]:
        draw = self._draw
        return {
            "gen_ai.operation.name": "invoke_agent" if is_root else "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.id": f"call_{draw.getrandbits(48):012x}",
            "mcp.server.name": draw.choice(_SERVERS),
            "mcp.method.name": "tools/call",
            "audit.kind": "agent.request" if is_root else "tool.call",
            "audit.decision": "deny" if is_error else "allow",
            "audit.risk": draw.choice(("low", "low", "limited", "high")),
            "gen_ai.tool.call.arguments": _compact(self._arguments()),
            "gen_ai.tool.call.result": _compact(self._result()),
            "audit.masked_fields": 3,
            "audit.signature": _base64(draw.randbytes(64)),
            "audit.seq": draw.getrandbits(40),
        }

    def _arguments(self) -> dict[str, Any]:
        draw = self._draw
        return {
            "query": self._prose(8, 30),
            "filters": {
                "region": draw.choice(("eu", "us", "apac")),
                "status": draw.choice(("open", "closed", "pending")),
                "from": f"2026-{draw.randint(1, 11):02d}-{draw.randint(1, 28):02d}",
            },
            "limit": draw.randint(1, 500),
            "email": f"{draw.choice('abcdefgh')}***@{draw.choice(self._words)}.com",
            "ref": f"{draw.getrandbits(64):016x}",
        }

    def _result(self) -> dict[str, Any]:
        draw = self._draw
        rows = [
            {
                "id": draw.getrandbits(40),
                "name": self._prose(2, 2),
                "phone": f"+44 *** *** {draw.randrange(10_000):04d}",
                "nino": "**masked**",
                "note": self._prose(4, 12),
            }
            for _ in range(draw.randint(2, 6))
        ]
        return {"rows": rows, "masked": 3}

    def _prose(self, fewest: int, most: int) -> str:
        return " ".join(self._draw.choices(self._words, k=self._draw.randint(fewest, most)))


def _attributes(values: dict[str, Any]) -> Iterator[KeyValue]:
    for name, value in values.items():
        pair = KeyValue(key=name)
        if isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value
        yield pair


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))
