"""OTLP over gRPC: the exporters of OpenTelemetry, and everything that a bare client can do wrong."""

import base64
import gzip
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import (  # type: ignore[import-untyped]  # ships no types
    BadRequest,
    RetryInfo,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from tallystick.tlog.checkpoint import open_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import parse_vkey
from tallystick_ingest.rpc import MAX_INCOMING
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import as_protobuf, batch, logs_protobuf, partial, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, requirement("otlp.grpc")]

Make = Callable[..., Service]
CODE = grpc.StatusCode
TRACES = "trace.v1.TraceService"
LOGS = "logs.v1.LogsService"
METRICS = "metrics.v1.MetricsService"


class Rpc:
    """A service with a gRPC port, and a client without any manners of its own."""

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self.address = f"127.0.0.1:{port}"
        self.channel = grpc.insecure_channel(
            self.address, options=[("grpc.max_send_message_length", -1)]
        )

    @property
    def credential(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.service.credentials['api_key']}"),)

    def send(
        self,
        body: bytes,
        service: str = TRACES,
        *,
        metadata: Sequence[tuple[str, str]] | None = None,
        compression: Any = None,
    ) -> tuple[bytes, dict[str, Any]]:
        """Call Export; return the response and the trailing metadata, or raise grpc.RpcError."""
        call = self.channel.unary_unary(f"/opentelemetry.proto.collector.{service}/Export")
        shown = self.credential if metadata is None else metadata
        answer, ended = call.with_call(
            body, metadata=shown, compression=compression, timeout=PATIENCE_S, wait_for_ready=True
        )
        return answer, dict(ended.trailing_metadata())

    def refused(self, body: bytes, service: str = TRACES, **how: Any) -> grpc.RpcError:
        with pytest.raises(grpc.RpcError) as raised:
            self.send(body, service, **how)
        return raised.value


def status_of(error: Any) -> Any:
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


def until_taken(rpc: Rpc) -> None:
    """Send until a message is here in time: a busy machine may pause for longer than the service waits."""
    while True:
        try:
            rpc.send(as_protobuf(span_json({})))
        except grpc.RpcError:
            time.sleep(0.1)
        else:
            return


def listening(service: Service) -> Rpc:
    port = free_port()
    service.options = [*service.options, "--grpc-port", str(port)]
    return Rpc(service.start(), port)


@pytest.fixture(scope="module")
def rpc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rpc]:
    made = listening(Service(tmp_path_factory.mktemp("rpc")))
    assert made.service.enrol().status == 200
    yield made
    made.channel.close()
    made.service.kill()


@pytest.mark.parametrize("compression", list(grpc.Compression))
def test_spans_of_the_exporter_of_opentelemetry_are_kept_and_masked(
    rpc: Rpc, compression: grpc.Compression
) -> None:
    before = rpc.service.get("/api/v1/status")["counts"]["spans"]
    exporter = OTLPSpanExporter(
        rpc.address, insecure=True, headers=dict(rpc.credential), compression=compression
    )
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("foreign")
    for number in range(20):
        with tracer.start_as_current_span(f"call {number}") as span:
            span.set_attribute("mail", "ada@example.com")
    provider.shutdown()
    assert rpc.service.get("/api/v1/status")["counts"]["spans"] == before + 20
    answer = rpc.service.ask(
        "GET", "/api/v1/records?from=0&to=10000", headers=rpc.service.authorization
    )
    assert b"ada@example.com" not in answer.body
    assert b"call 19" in answer.body


def test_logs_of_others_are_kept_and_metrics_are_counted(rpc: Rpc) -> None:
    headers = dict(rpc.credential)
    before = rpc.service.get("/api/v1/status")["since_start"]
    logs = LoggerProvider()
    logs.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(rpc.address, insecure=True, headers=headers))
    )
    logs.get_logger("app").emit(body="a line", event_name="app.line")
    logs.shutdown()
    exporter = OTLPMetricExporter(rpc.address, insecure=True, headers=headers)
    metrics = MeterProvider([PeriodicExportingMetricReader(exporter, 60_000)])
    metrics.get_meter("foreign").create_counter("calls").add(1)
    metrics.shutdown()
    after = rpc.service.get("/api/v1/status")["since_start"]
    assert after["metric_points"] - before["metric_points"] == 1
    assert after["events"] - before["events"] == 1


@requirement("log.entangled")
def test_records_are_kept_and_the_answer_shows_a_checkpoint_that_the_log_signed(rpc: Rpc) -> None:
    emitter = Emitter("over gRPC")
    answer, trailing = rpc.send(logs_protobuf(batch(emitter, 3)), LOGS)
    assert answer == b""
    key = parse_vkey(rpc.service.credentials["log_vkey"])
    note = base64.b64decode(trailing["tallystick-checkpoint"]).decode()
    assert open_checkpoint(note, [key], load_verify()).origin == key.name
    kept = [one for one in rpc.service.statements() if one["session"] == emitter.session]
    assert [one["seq"] for one in kept] == [0, 1, 2, 3]


@requirement("otlp.partial-success")
def test_bad_records_are_counted_in_the_response(rpc: Rpc) -> None:
    body = as_protobuf(span_json({}, traceId="00" * 16, spanId="11" * 8))
    answer = ExportTraceServiceResponse.FromString(rpc.send(body)[0]).partial_success
    assert answer.rejected_spans == 1
    assert "span_invalid x1" in answer.error_message


@pytest.mark.parametrize("service", [TRACES, LOGS, METRICS])
def test_an_empty_request_is_a_plain_success(rpc: Rpc, service: str) -> None:
    assert rpc.send(b"", service)[0] == b""


@pytest.mark.parametrize(
    "metadata",
    [(), (("authorization", "Bearer wrong"),), (("authorization", "Basic eDp5"),)],
)
def test_nobody_is_unauthenticated_before_the_message_is_read(
    rpc: Rpc, metadata: Sequence[tuple[str, str]]
) -> None:
    for body in (b"", b"\0" * 3_000_000):
        error = rpc.refused(body, metadata=metadata)
        assert error.code() == CODE.UNAUTHENTICATED
    assert status_of(error).code == CODE.UNAUTHENTICATED.value[0]
    assert "tallystick-checkpoint" in dict(error.trailing_metadata())


def test_a_key_that_may_not_send_is_denied(rpc: Rpc) -> None:
    key = rpc.service.key("read")["Authorization"]
    error = rpc.refused(b"", metadata=(("authorization", key),))
    assert error.code() == CODE.PERMISSION_DENIED


@requirement("otlp.never-500")
@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe garbage",
        gzip.compress(b"\xff", mtime=0),
        gzip.compress(b"x" * 99, mtime=0)[:-5],
        b"\x1f\x8b",
    ],
)
def test_garbage_is_an_invalid_argument_that_says_so(rpc: Rpc, body: bytes) -> None:
    error = rpc.refused(body)
    assert error.code() == CODE.INVALID_ARGUMENT
    [packed], detail = status_of(error).details, BadRequest()
    assert packed.Unpack(detail)
    assert detail.field_violations[0].description == error.details()


@requirement("otlp.bounded-cost")
@pytest.mark.parametrize("form", ["plain", "gzip", "deflate", "many spans"])
def test_what_is_too_large_is_exhausted_and_not_to_be_sent_again(
    make_service: Make, form: str
) -> None:
    rpc = listening(make_service(environ={"TALLYSTICK_MAX_BODY_BYTES": "1000000"}))
    zeros = b"\0" * 1_000_001
    spans = b"\x0a\xc4\x93\x08\x12\xc0\x93\x08" + b"\x12\x00" * 68_000
    packed = {"gzip": gzip.compress(zeros), "deflate": zlib.compress(zeros), "many spans": spans}
    error = rpc.refused(packed.get(form, zeros))
    assert error.code() == CODE.RESOURCE_EXHAUSTED
    assert b"RetryInfo" not in dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    assert rpc.send(as_protobuf(span_json({})))[0] == b""
    assert rpc.service.faults == []


def test_other_services_are_unimplemented(rpc: Rpc) -> None:
    assert rpc.refused(b"", "profiles.v1development.ProfilesService").code() == CODE.UNIMPLEMENTED


@requirement("otlp.never-500")
def test_a_full_house_is_unavailable_with_a_time_to_come_again(make_service: Make) -> None:
    room = {"TALLYSTICK_MAX_WAITING_BYTES": "30000"}
    rpc = listening(make_service(environ=room))
    rpc.service.enrol()
    first, other = (logs_protobuf(batch(Emitter(f"full {n}"), 120)) for n in range(2))
    with rpc.service.begun(first) as connection:
        connection.sendall(first[:-1])
        while True:
            try:
                rpc.send(other, LOGS)
            except grpc.RpcError as error:
                refused: Any = error
                break
            time.sleep(0.02)
        connection.sendall(first[-1:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert refused.code() == CODE.UNAVAILABLE
    [packed], again = status_of(refused).details, RetryInfo()
    assert packed.Unpack(again)
    assert again.retry_delay.seconds == 1
    assert partial(rpc.send(other, LOGS)[0]) == (0, "")


def test_the_port_is_said_and_off_is_off(make_service: Make) -> None:
    rpc = listening(make_service())
    assert f"gRPC         {rpc.address}" in rpc.service.output
    quiet = make_service("quiet").start()
    assert "gRPC         off" in quiet.output
    assert quiet.process is not None
    loaded = Path(f"/proc/{quiet.pid}/maps").read_text(encoding="utf-8")
    assert "cygrpc" not in loaded


def test_a_stated_port_that_is_taken_is_an_error_and_the_default_one_a_note(
    make_service: Make, tmp_path: Path
) -> None:
    from tallystick.errors import ConfigError
    from tallystick_ingest.serving import bind, rpc_port

    port = free_port()
    with bind("127.0.0.1", port):
        with pytest.raises(ConfigError, match="--grpc-port"):
            rpc_port("127.0.0.1", port, is_stated=True)
        assert rpc_port("127.0.0.1", port, is_stated=False) == (
            None,
            f"off: port {port} is in use; choose another with --grpc-port",
        )
    assert rpc_port("127.0.0.1", port, is_stated=True) == (port, f"127.0.0.1:{port}")


def test_a_service_with_open_channels_stops_in_order(make_service: Make) -> None:
    rpc = listening(make_service())
    rpc.send(as_protobuf(span_json({})))
    assert rpc.service.stop() == 0
    assert "everything accepted is kept" in rpc.service.output


def test_while_the_service_stops_further_calls_are_unavailable(make_service: Make) -> None:
    rpc = listening(make_service())
    rpc.service.enrol()
    process, body = rpc.service.process, logs_protobuf(batch(Emitter("to the end"), 2))
    assert process is not None
    with rpc.service.begun(body) as connection:
        connection.sendall(body[:100])
        process.send_signal(signal.SIGTERM)
        while True:
            try:
                rpc.send(b"")
            except grpc.RpcError as error:
                refused: Any = error
                break
            time.sleep(0.02)
        connection.sendall(body[100:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert refused.code() == CODE.UNAVAILABLE
    assert "stopping" in refused.details()
    assert b"RetryInfo" in dict(refused.trailing_metadata())["grpc-status-details-bin"]
    assert process.wait(PATIENCE_S) == 0


@requirement("otlp.bounded-cost")
def test_messages_that_do_not_come_end_by_themselves(make_service: Make) -> None:
    rpc = listening(make_service(environ={"TALLYSTICK_REQUEST_TIMEOUT_S": "1"}))
    ended = threading.Event()

    def nothing() -> Iterator[bytes]:
        ended.wait(PATIENCE_S)
        yield from ()

    call = rpc.channel.stream_unary(f"/opentelemetry.proto.collector.{TRACES}/Export")
    until_taken(rpc)
    stalled = [call.future(nothing(), metadata=rpc.credential) for _ in range(3 * MAX_INCOMING)]
    codes = {one.exception(PATIENCE_S).code() for one in stalled}
    ended.set()
    assert codes == {CODE.UNAVAILABLE}
    until_taken(rpc)
    rpc.channel.close()


def test_a_call_without_a_message_is_an_invalid_argument(rpc: Rpc) -> None:
    call = rpc.channel.stream_unary(f"/opentelemetry.proto.collector.{TRACES}/Export")
    with pytest.raises(grpc.RpcError) as raised:
        call(iter(()), metadata=rpc.credential, timeout=PATIENCE_S)
    error: Any = raised.value
    assert error.code() == CODE.INVALID_ARGUMENT
