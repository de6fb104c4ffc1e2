"""OTLP/gRPC: the services, compression, and the status codes that tell senders whether to send again."""

import concurrent.futures
import os
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.conformance.otlp.messages import (
    BINARY,
    RESPONSES,
    logs_protobuf,
    rejected,
    traces_protobuf,
)
from tests.conformance.otlp.target import WAIT_S, Target, case

pytestmark = pytest.mark.e2e

CODE = grpc.StatusCode
NAMES = {"traces": "trace.v1.Trace", "logs": "logs.v1.Logs", "metrics": "metrics.v1.Metrics"}
SUCCESS = "OTLP/gRPC Response, Full Success"
FAILURES = "OTLP/gRPC Response, Failures"


class Client:
    """A channel, and calls on it with the headers of the target as metadata."""

    def __init__(self, target: Target) -> None:
        assert target.grpc is not None
        self.metadata = tuple(target.headers.items())
        self.channel = grpc.insecure_channel(
            target.grpc, options=[("grpc.max_send_message_length", -1)]
        )

    def send(self, body: bytes, signal: str = "traces", **how: Any) -> bytes:
        name = f"/opentelemetry.proto.collector.{NAMES.get(signal, signal)}Service/Export"
        stated = {"metadata": self.metadata, "timeout": WAIT_S, "wait_for_ready": True, **how}
        answer: bytes = self.channel.unary_unary(name)(body, **stated)
        return answer

    def refused(self, body: bytes, signal: str = "traces", **how: Any) -> Any:
        with pytest.raises(grpc.RpcError) as raised:
            self.send(body, signal, **how)
        return raised.value


@pytest.fixture
def client(target: Target) -> Iterator[Client]:
    if target.grpc is None:
        pytest.skip("no gRPC address was stated with --otlp-grpc")
    made = Client(target)
    yield made
    made.channel.close()


@case("grpc.traces", SUCCESS)
def test_spans_are_taken(client: Client) -> None:
    assert rejected("traces", client.send(traces_protobuf()), is_json=False) == (0, "")


@case("grpc.logs-metrics", SUCCESS, left_open="a receiver need not take every signal")
@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_logs_and_metrics_are_answered(client: Client, signal: str) -> None:
    rejected(signal, client.send(BINARY[signal](), signal), is_json=False)


@case("grpc.logs-body", "common.proto, AnyValue")
@pytest.mark.parametrize(
    "body",
    [
        AnyValue(),
        AnyValue(int_value=1 << 62),
        AnyValue(bytes_value=b"\x00\xff"),
        AnyValue(bool_value=True),
    ],
    ids=lambda one: one.WhichOneof("value") or "nothing",
)
def test_logs_with_bodies_of_every_kind_are_taken(client: Client, body: AnyValue) -> None:
    answer = client.send(logs_protobuf(body, severity_number=17), "logs")
    assert rejected("logs", answer, is_json=False) == (0, "")


@case("grpc.success-unset", SUCCESS)
def test_a_full_success_leaves_partial_success_unset(client: Client) -> None:
    answer = RESPONSES["traces"].FromString(client.send(traces_protobuf()))
    assert not answer.HasField("partial_success")


@case("grpc.empty", "OTLP/gRPC Response, Full Success")
def test_an_empty_request_is_a_success(client: Client) -> None:
    assert rejected("traces", client.send(b""), is_json=False) == (0, "")


@case("grpc.gzip", "OTLP/gRPC")
def test_gzip_is_taken(client: Client) -> None:
    client.send(traces_protobuf(100), compression=grpc.Compression.Gzip)


@case("grpc.deflate", "OTLP/gRPC", left_open="gzip alone is required")
def test_deflate_is_taken(client: Client) -> None:
    client.send(traces_protobuf(100), compression=grpc.Compression.Deflate)


@case("grpc.partial", "OTLP/gRPC Response, Partial Success", left_open="as span.ids-invalid")
def test_a_span_without_proper_ids_costs_no_other(client: Client) -> None:
    answer = client.send(traces_protobuf(1, trace_id=bytes(16)) + traces_protobuf())
    refused, message = rejected("traces", answer, is_json=False)
    assert refused == 1
    assert message


@case("grpc.bad-data", FAILURES)
def test_what_cannot_be_decoded_is_not_to_be_sent_again(client: Client) -> None:
    code = client.refused(b"\xff\xfe garbage").code()
    assert code in (CODE.INVALID_ARGUMENT, CODE.INTERNAL), "a code that is not retried"


@case("grpc.bad-data-code", FAILURES, left_open="the library may answer before the receiver does")
def test_what_cannot_be_decoded_is_an_invalid_argument_with_its_status(client: Client) -> None:
    error = client.refused(b"\xff\xfe garbage")
    assert error.code() == CODE.INVALID_ARGUMENT
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert Status.FromString(packed).code == CODE.INVALID_ARGUMENT.value[0]


@case("grpc.unauthenticated", FAILURES, left_open="how senders are known is not specified")
def test_somebody_without_a_credential_is_unauthenticated(client: Client) -> None:
    if not client.metadata:
        pytest.skip("the receiver asks for no credential: none was stated with --otlp-header")
    assert client.refused(traces_protobuf(), metadata=()).code() == CODE.UNAUTHENTICATED


@case("grpc.unknown", "gRPC status codes")
def test_another_service_is_unimplemented(client: Client) -> None:
    assert client.refused(b"", "nothing.v1.Nothing").code() == CODE.UNIMPLEMENTED


@case("grpc.large", "OTLP/gRPC, limit of the message", left_open="many libraries allow 4 MiB")
def test_eight_megabytes_are_taken(client: Client) -> None:
    client.send(traces_protobuf(8, name="x" * 1_000_000))


@case("grpc.too-large", "OTLP/gRPC, limit of the message", left_open="the limit may be set higher")
@pytest.mark.slow
@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_more_than_the_limit_is_exhausted_and_not_to_be_sent_again(
    client: Client, compression: Any
) -> None:
    body = b"\x0a\x80\x80\x40" + b"\x00" * (1 << 20)
    error = client.refused(body * 65, compression=compression)
    assert error.code() == CODE.RESOURCE_EXHAUSTED
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    assert b"RetryInfo" not in details


@case("grpc.concurrent", "OTLP/gRPC Concurrent Requests")
def test_requests_at_one_time_on_one_channel_are_all_answered(client: Client) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: client.send(traces_protobuf()), range(40)))
    assert answers == [b""] * 40


@case("grpc.retried", "Duplicate Data")
def test_the_same_request_again_is_a_success_again(client: Client) -> None:
    body = traces_protobuf(1, span_id=os.urandom(8))
    for _ in range(3):
        client.send(body)
