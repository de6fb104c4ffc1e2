"""Fuzzing the running service: a few hundred broken requests over both transports, and it goes on as before."""

import gzip
import random
from collections.abc import Iterator

import grpc
import pytest

from tests.fuzz.test_otlp_decoders import TEXT, WIRE, broken
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, batch, logs_protobuf, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("otlp.never-500")]

PATHS = ("/v1/traces", "/v1/logs", "/v1/metrics")
REQUESTS = 300


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, int]]:
    port = free_port()
    service = Service(tmp_path_factory.mktemp("fuzzed"), ["--grpc-port", str(port)]).start()
    assert service.enrol().status == 200
    yield service, port
    assert service.faults == []
    assert "answered with 503" not in service.output
    assert service.stop() == 0


def test_broken_requests_over_http_are_answered_in_their_own_type(
    target: tuple[Service, int],
) -> None:
    service, _ = target
    dice = random.Random(1)
    for seed in range(REQUESTS):
        path, media_type = dice.choice(PATHS), dice.choice((PROTOBUF, JSON))
        body = broken(dice.choice((TEXT, WIRE, logs_protobuf(batch(Emitter("fuzz"), 2)))), seed)
        if dice.random() < 0.3:
            answer = service.send(
                broken(gzip.compress(body, mtime=0), seed),
                path,
                media_type,
                Content_Encoding="gzip",
            )
        else:
            answer = service.send(body, path, media_type)
        assert answer.status in (200, 400, 413), (seed, answer)
        assert answer.headers["content-type"] == media_type
    assert service.send(logs_protobuf(batch(Emitter("after HTTP"), 2))).body == b""


def test_broken_requests_over_grpc_get_one_of_its_codes(target: tuple[Service, int]) -> None:
    service, port = target
    dice = random.Random(2)
    codes: dict[int, grpc.StatusCode] = {}
    metadata = (("authorization", f"Bearer {service.credentials['api_key']}"),)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for seed in range(REQUESTS):
            name = dice.choice(("trace.v1.Trace", "logs.v1.Logs", "metrics.v1.Metrics"))
            call = channel.unary_unary(f"/opentelemetry.proto.collector.{name}Service/Export")
            try:
                call(broken(WIRE, seed), metadata=metadata, timeout=PATIENCE_S, wait_for_ready=True)
            except grpc.RpcError as error:
                codes[seed] = error.code()
    allowed = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert {seed: code for seed, code in codes.items() if code not in allowed} == {}
    assert service.send(span_json({"after": "gRPC"}), "/v1/traces", JSON).status == 200
