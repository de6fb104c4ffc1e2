"""Spans of somebody else's programs, as they come over OTLP: small, huge, crooked and hostile."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.sending import JSON, pairs, spans_json
from tests.serving import Service

_BATCH: Final = 1_000
_FANOUT: Final = 8


def tool_span(
    trace_id: str, number: int, parent: int | None, tool: str, /, **attributes: object
) -> dict[str, Any]:
    """Give the span of one tool call; `number` and `parent` are the ids."""
    start_ns = time.time_ns() - 60_000_000_000 + number * 1_000_000
    return {
        "traceId": trace_id,
        "spanId": f"{number:016x}",
        **({} if parent is None else {"parentSpanId": f"{parent:016x}"}),
        "name": f"execute_tool {tool}",
        "kind": 1,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + 500_000),
        "attributes": pairs(
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": tool,
                **{name.replace("__", "."): value for name, value in attributes.items()},
            }
        ),
    }


def crowd(trace_id: str, count: int) -> list[dict[str, Any]]:
    """Give `count` spans of one trace: a tree, but for one cycle, one span that is its own parent
    and one whose parent nobody has seen.
    """
    tree = [
        tool_span(trace_id, number, (number - 2) // _FANOUT + 1 if number > 1 else None, "step")
        for number in range(1, count - 3)
    ]
    crooked = [(count - 3, count - 2), (count - 2, count - 3), (count - 1, count - 1)]
    crooked.append((count, 0xFFFF_FFFF))
    return [*tree, *(tool_span(trace_id, number, of, "crooked") for number, of in crooked)]


def send(service: Service, spans: Sequence[Mapping[str, Any]], service_name: str = "shop") -> None:
    """Send spans in batches, and insist that each is taken."""
    for first in range(0, len(spans), _BATCH):
        body = spans_json(spans[first : first + _BATCH], resource={"service.name": service_name})
        answer = service.send(body, "/v1/traces", JSON)
        assert answer.status == 200, answer.body
        assert not json.loads(answer.body or b"{}").get("partialSuccess"), answer.body
