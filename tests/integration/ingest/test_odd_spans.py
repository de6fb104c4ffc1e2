"""Spans that are well formed and make no sense: all are kept or refused by name, and cost no more than others."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import requirement
from tests.sending import JSON, pairs, spans_json
from tests.serving import Answer, Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("otlp.bounded-cost")]

Make = Callable[..., Service]
START_NS = 1_796_213_472_000_000_000
END_OF_INT64_NS = 2**63 - 1
LARGE_TRACE = 10_000
NAMES_A_SPAN = 1_000
SPANS_A_REQUEST = 25
REQUESTS = 40
MEMORY_MB = 200
"""What a million names, or a trace of ten thousand spans, may add; measured: 50 and 120."""


def span(number: int, parent: int = 0, /, **fields: Any) -> Mapping[str, Any]:
    return {
        "traceId": f"{7:032x}",
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": "step",
        "startTimeUnixNano": str(START_NS),
        "endTimeUnixNano": str(START_NS + 1_000_000),
        **fields,
    }


def send(service: Service, *spans: Mapping[str, Any]) -> Answer:
    return service.send(spans_json(spans), "/v1/traces", JSON)


def named(span_number: int) -> list[dict[str, Any]]:
    """Give attributes whose names no other span has."""
    return pairs({f"name-{span_number}-{number}": number for number in range(NAMES_A_SPAN)})


def memory_mb(service: Service) -> int:
    pages = Path(f"/proc/{service.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") // (1 << 20)


def skeleton(service: Service, trace: int = 7) -> Any:
    return service.get(f"/api/v1/traces/{trace:032x}?payload=none")


def test_a_million_distinct_names_of_attributes_stay_in_no_memory(make_service: Make) -> None:
    service = make_service().start()
    send(service, span(1))
    before = memory_mb(service)
    for request in range(REQUESTS):
        first = 2 + request * SPANS_A_REQUEST
        spans = [span(n, attributes=named(n)) for n in range(first, first + SPANS_A_REQUEST)]
        answer = send(service, *spans)
        assert (answer.status, answer.json) == (200, {})
    assert memory_mb(service) - before < MEMORY_MB
    kept = service.get(f"/api/v1/traces/{7:032x}")["spans"]
    assert sum(len(one["attributes"]) for one in kept) == 1_000_000


def test_a_million_names_in_one_span_are_too_many(make_service: Make) -> None:
    service = make_service().start()
    names = {f"name-{number}": True for number in range(1_000_000)}
    answer = send(service, span(1, attributes=pairs(names)))
    assert answer.status == 413
    assert "send less at once" in answer.json["message"]
    assert send(service, span(1)).json == {}


def test_a_trace_of_ten_thousand_spans_is_kept_and_shown_whole(make_service: Make) -> None:
    service = make_service().start()
    before = memory_mb(service)
    chain = [span(number, number - 1) for number in range(1, LARGE_TRACE + 1)]
    assert send(service, *chain).json == {}
    shown = skeleton(service)["spans"]
    assert {one["span_id"] for one in shown} == {f"{n:016x}" for n in range(1, LARGE_TRACE + 1)}
    assert memory_mb(service) - before < MEMORY_MB


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param([span(1, 1)], id="its own parent"),
        pytest.param([span(1, 2), span(2, 1)], id="each the other's parent"),
        pytest.param([span(n, n % 100 + 1) for n in range(1, 101)], id="a ring of a hundred"),
        pytest.param([span(1, 99), span(2, 98)], id="parents that never came"),
    ],
)
def test_parents_that_make_no_tree_are_kept_as_they_were_stated(
    make_service: Make, spans: list[Mapping[str, Any]]
) -> None:
    service = make_service().start()
    tool_call = pairs({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "lookup"})
    called = [{**one, "attributes": tool_call} for one in spans]
    assert send(service, *called).json == {}
    stated = {one["spanId"]: one["parentSpanId"] for one in spans}
    assert {one["span_id"]: one["parent_id"] for one in skeleton(service)["spans"]} == stated
    assert len(service.statements("tool.completed")) == len(spans)


@pytest.mark.parametrize("year_ns", [0, 1, START_NS * 2], ids=["1970", "almost 1970", "2083"])
def test_a_clock_that_is_years_off_is_kept_as_the_word_of_its_sender(
    make_service: Make, year_ns: int
) -> None:
    service = make_service().start()
    off = span(1, startTimeUnixNano=str(year_ns), endTimeUnixNano=str(year_ns + 1))
    assert send(service, off, span(2)).json == {}
    starts = {one["span_id"]: one["start_ns"] for one in skeleton(service)["spans"]}
    assert starts == {f"{1:016x}": str(year_ns), f"{2:016x}": str(START_NS)}


def test_a_time_that_nobody_can_mean_is_refused_and_its_neighbours_are_kept(
    make_service: Make,
) -> None:
    service = make_service().start()
    answer = send(service, span(1, endTimeUnixNano=str(END_OF_INT64_NS)), span(2))
    assert answer.json["partialSuccess"]["rejectedSpans"] == "1"
    assert "a time lies beyond the year" in answer.json["partialSuccess"]["errorMessage"]
    assert [one["span_id"] for one in skeleton(service)["spans"]] == [f"{2:016x}"]


@pytest.mark.parametrize("number", [-1, 2**64, 10**30])
def test_a_time_that_is_no_number_of_64_bits_says_so(make_service: Make, number: int) -> None:
    service = make_service().start()
    answer = send(service, span(1, startTimeUnixNano=str(number)))
    assert answer.status == 400
    assert "startTimeUnixNano" in answer.json["message"]
    assert "64 bits" in answer.json["message"]
