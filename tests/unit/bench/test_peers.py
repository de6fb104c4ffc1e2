"""The comparison with peers: what it says where they are missing, and what its receiver counts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench import peers
from bench.sink import EMAIL, Sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.stop()


def post(sink: Sink, path: str, body: bytes) -> None:
    answer = requests.post(f"{sink.url}/{path}", body, timeout=60)
    assert answer.status_code == 200


def test_without_the_peers_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peers, "PYTHON", tmp_path / "python")
    [line] = peers.measure()
    assert "make .venv-peers/ready" in line


def test_the_receiver_counts_spans_and_records_under_the_senders_name(sink: Sink) -> None:
    spans = ExportTraceServiceRequest()
    several = spans.resource_spans.add().scope_spans.add().spans
    several.add().name = "one"
    several.add().name = "two"
    post(sink, "traceloop/v1/traces", spans.SerializeToString())
    logs = ExportLogsServiceRequest()
    record = logs.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "of ord_timed_7"
    post(sink, "opentelemetry/v1/logs", logs.SerializeToString())
    assert (sink.arrived["traceloop"].spans, sink.arrived["traceloop"].orders) == (2, set())
    assert sink.arrived["opentelemetry"].records == 1
    assert sink.arrived["opentelemetry"].orders == {"ord_timed_7"}


def test_the_receiver_sees_whether_the_address_can_be_read(sink: Sink) -> None:
    for name, text in (("masked", "to [email]"), ("clear", f"to {EMAIL}")):
        spans = ExportTraceServiceRequest()
        spans.resource_spans.add().scope_spans.add().spans.add().name = text
        post(sink, f"{name}/v1/traces", spans.SerializeToString())
    assert not sink.arrived["masked"].is_readable
    assert sink.arrived["clear"].is_readable
