"""A host with its own OpenTelemetry pipeline and a Collector on the way: real SDK, exporter and service."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import tallystick
from tallystick import runtime
from tests.attacks.canaries import CANARIES, find, needles
from tests.collecting import Collector, a_collector
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.serving import Service

CALLS = 40
ALL = "; ".join(one.sentence for one in CANARIES)
WANTED = needles()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service")).start()
    yield running
    running.kill()


def work(collector: Collector, home: Path, name: str) -> str:
    """Do some work in an agent whose spans and records leave over the Collector; return its session."""
    settings = {
        "home": home,
        "endpoint": collector.url,
        "api_key": collector.service.credentials["api_key"],
    }
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(tallystick.AuditSpanProcessor(service_name=name, **settings))
    sent = OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces", timeout=PATIENCE_S)
    provider.add_span_processor(BatchSpanProcessor(tallystick.MaskingSpanExporter(sent)))
    tracer = provider.get_tracer("their.instrumentation")
    for number in range(CALLS):
        said: dict[str, Any] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.call.arguments": json.dumps({"n": number, "note": ALL}),
        }
        tracer.start_span(f"execute_tool {name}", attributes=said).end()
    assert provider.force_flush(PATIENCE_S * 1000)
    running = runtime.current()
    assert running is not None
    assert running.recorder.session is not None
    session = running.recorder.session.id
    running.shutdown(PATIENCE_S)
    provider.shutdown()
    return session


def spans_of(collector: Collector) -> list[Any]:
    requests = [ExportTraceServiceRequest.FromString(body) for body in collector.traces]
    return [s for r in requests for g in r.resource_spans for k in g.scope_spans for s in k.spans]


def statements(service: Service, session: str) -> list[Any]:
    return [one for one in service.statements() if one["session"] == session]


def verified(service: Service) -> dict[str, Any]:
    done = service.tallystick("verify", "--url", f"http://127.0.0.1:{service.port}", "--json")
    stated: dict[str, Any] = json.loads(done.stdout)
    return stated


@requirement("otlp.collector", "sdk.spans-as-records", "mask.own-pipeline")
def test_records_and_spans_survive_a_collector_that_merges_splits_repeats_and_reorders(
    service: Service, tmp_path: Path
) -> None:
    with a_collector(service) as collector:
        session = work(collector, tmp_path / "home", "weather")
        assert not find(b"".join(collector.traces), WANTED)
        assert len(spans_of(collector)) == CALLS
        collector.send_on(Random(4242))
    assert collector.refusals == []
    said = statements(service, session)
    assert sorted(one["seq"] for one in said) == list(range(len(said)))
    calls = [one for one in said if one.get("observer") == "span"]
    assert len(calls) == CALLS
    assert said[-1]["type"] in {"session.close", "tool.completed", "session.open"}
    assert [one for one in service.statements("log.gap") if one["gap.session"] == session] == []
    spans = {one["span.id"]: one["action.id"] for one in calls}
    derived = [one for one in service.statements() if one["origin"] == "derived"]
    assert {one["span.id"]: one["action.id"] for one in derived} == spans
    actions = service.get("/api/v1/actions?limit=500")["actions"]
    assert len([one for one in actions if one["statement"]["session"] == session]) == CALLS
    assert sum(step["totals"]["fault"] for step in verified(service)["steps"]) == 0


@requirement("otlp.collector")
def test_what_a_collector_does_to_attributes_and_resources_changes_no_record(
    service: Service, tmp_path: Path
) -> None:
    def stripped(record: LogRecord) -> None:
        del record.attributes[:]
        record.attributes.add(key="cluster").value.string_value = "eu-1"
        record.trace_id = record.span_id = b""
        record.severity_text = "INFO"

    with a_collector(service, stripped) as collector:
        session = work(collector, tmp_path / "home", "stripped")
        collector.send_on(Random(1))
    assert collector.refusals == []
    said = statements(service, session)
    assert sorted(one["seq"] for one in said) == list(range(len(said)))
    assert sum(step["totals"]["fault"] for step in verified(service)["steps"]) == 0


@requirement("otlp.collector")
def test_records_that_overtake_the_opening_of_their_session_are_refused_and_that_is_on_record(
    service: Service, tmp_path: Path
) -> None:
    before = len(service.rejected())
    with a_collector(service) as collector:
        session = work(collector, tmp_path / "home", "late")
        collector.send_on(Random(5), opening="last")
    assert all("unknown_session" in said for said in collector.refusals)
    kept = statements(service, session)
    assert "session.open" in [one["type"] for one in kept]
    refused = sum(one.get("unknown_session", 0) for one in service.rejected()[before:])
    assert len(kept) + refused >= CALLS
    assert refused > len(kept)


@requirement("otlp.collector")
@pytest.mark.parametrize("part", ["body", "event_name"])
def test_a_collector_that_rewrites_a_record_is_found_out_and_nothing_false_is_kept(
    service: Service, tmp_path: Path, part: str
) -> None:
    def rewritten(record: LogRecord) -> None:
        if part == "event_name":
            record.event_name = ""
        elif '"tool.completed"' in record.body.string_value:
            text = record.body.string_value
            record.body.string_value = text.replace('"outcome":"success"', '"outcome":"failure"')

    with a_collector(service, rewritten) as collector:
        session = work(collector, tmp_path / "home", "rewritten")
        collector.send_on(Random(2))
    assert collector.refusals
    actions = service.get("/api/v1/actions?limit=500")["actions"]
    kept = [one for one in actions if one["statement"]["session"] == session]
    assert len(kept) == (CALLS if part == "body" else 0)
    assert [one for one in kept if one["sealing"] == "sealed"] == []
