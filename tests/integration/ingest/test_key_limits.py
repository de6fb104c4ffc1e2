"""Limits of one API key: how each protocol says no, who sets them, and what the log has of it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, as_protobuf, span_json
from tests.serving import Answer, Service

pytestmark = [pytest.mark.e2e, requirement("auth.rate-limits")]

Headers = dict[str, str]
TRIES = 1_000
"""At one request a second, five at once: as many as this come within it on any machine."""
SPAN = span_json({})


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, int]]:
    """A service whose settings limit nothing, and its port of gRPC."""
    port = free_port()
    options = ["--grpc-port", str(port), "--max-questions-per-s", "0"]
    service = Service(tmp_path_factory.mktemp("limited"), options)
    try:
        yield service.start(), port
    finally:
        service.kill()


def make_key(service: Service, by: Headers | None = None, **wanted: Any) -> Answer:
    return service.make_key(*wanted.pop("scopes", ["ingest", "read"]), by=by, **wanted)


def limit(service: Service, id_: str, by: Headers | None = None, **limits: Any) -> Answer:
    path = f"/api/v1/keys/{id_}/limits"
    return service.ask(
        "PUT", path, json.dumps(limits).encode(), {**(by or service.operator), "Content-Type": JSON}
    )


def with_key(made: Answer) -> Headers:
    assert made.status == 200, made.body
    return {"Authorization": f"Bearer {made.json['api_key']}", "Content-Type": JSON}


def first_refused(ask: Callable[[], Answer]) -> Answer:
    """Ask until that is too often."""
    return next(answer for answer in (ask() for _ in range(TRIES)) if answer.status != 200)


def test_a_sender_over_its_own_limit_gets_the_503_that_exporters_repeat_after(
    limited: tuple[Service, int],
) -> None:
    service, _ = limited
    slow = with_key(make_key(service, limits={"requests_per_s": 1}))
    refused = first_refused(lambda: service.ask("POST", "/v1/traces", SPAN, slow))
    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    [again] = refused.json["details"]
    assert again["@type"].endswith("google.rpc.RetryInfo")
    assert again["retryDelay"] == "1s"
    assert "more requests a second" in refused.json["message"]
    packed = {**slow, "Content-Type": PROTOBUF}
    in_protobuf = first_refused(lambda: service.ask("POST", "/v1/traces", b"", packed))
    assert Status.FromString(in_protobuf.body).code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert service.ask("GET", "/api/v1/actions", headers=slow).status == 200
    assert service.send(SPAN, "/v1/traces", JSON).status == 200


def test_a_reader_over_its_own_limit_gets_429_and_others_read_on(
    limited: tuple[Service, int],
) -> None:
    service, _ = limited
    slow = with_key(make_key(service, limits={"questions_per_s": 1}))
    refused = first_refused(lambda: service.ask("GET", "/api/v1/me", headers=slow))
    assert (refused.status, refused.headers["retry-after"]) == (429, "1")
    assert "try again in 1 s" in refused.json["error"]
    assert service.ask("POST", "/v1/traces", SPAN, slow).status == 200
    for _ in range(20):
        assert service.ask("GET", "/api/v1/me", headers=service.authorization).status == 200


def test_over_grpc_the_limit_is_unavailable_with_retry_info(limited: tuple[Service, int]) -> None:
    service, port = limited
    slow = with_key(make_key(service, limits={"requests_per_s": 1}))
    metadata, body = (("authorization", slow["Authorization"]),), as_protobuf(SPAN)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        send = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")

        def send_on() -> None:
            for _ in range(TRIES):
                send(body, metadata=metadata, timeout=PATIENCE_S, wait_for_ready=True)

        with pytest.raises(grpc.RpcError) as refused:
            send_on()
        own = (("authorization", service.authorization["Authorization"]),)
        send(body, metadata=own, timeout=PATIENCE_S)
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    details = dict(refused.value.trailing_metadata())["grpc-status-details-bin"]
    [packed], again = Status.FromString(details).details, RetryInfo()
    assert packed.Unpack(again)
    assert again.retry_delay.seconds == 1


@requirement("auth.keys")
def test_a_limit_is_changed_at_once_and_each_change_is_on_record(
    limited: tuple[Service, int],
) -> None:
    service, _ = limited
    made = make_key(service, limits={"questions_per_s": 1, "requests_per_s": 0})
    id_, key = made.json["id"], with_key(made)
    assert made.json["limits"] == {"requests_per_s": 0, "questions_per_s": 1}
    assert first_refused(lambda: service.ask("GET", "/api/v1/me", headers=key)).status == 429
    free = limit(service, id_)
    assert free.json["limits"] == {"requests_per_s": None, "questions_per_s": None}
    for _ in range(20):
        assert service.ask("GET", "/api/v1/me", headers=key).status == 200
    limit(service, id_, questions_per_s=1)
    assert first_refused(lambda: service.ask("GET", "/api/v1/me", headers=key)).status == 429
    [added] = [one for one in service.statements("key.added") if one["key.name"] == id_]
    assert added["key.limits"] == {"requests_per_s": 0, "questions_per_s": 1}
    changes = [one for one in service.statements("config.changed") if id_ in one["config.value"]]
    assert [(one["config.name"], one["client.id"]) for one in changes] == [
        ("key.limits", "operator")
    ] * 2
    assert [one["config.value"] for one in changes] == [
        f"{id_} limits=as set",
        f"{id_} questions_per_s=1",
    ]


@requirement("auth.keys")
def test_a_limit_holds_over_a_restart(limited: tuple[Service, int]) -> None:
    service, _ = limited
    id_ = make_key(service).json["id"]
    limit(service, id_, requests_per_s=7)
    assert service.stop() == 0
    service.start()
    listed = service.ask("GET", "/api/v1/keys", headers=service.operator).json
    [found] = [one for one in listed if one["id"] == id_]
    assert found["limits"] == {"requests_per_s": 7, "questions_per_s": None}


@requirement("auth.keys")
def test_who_is_no_administrator_gives_no_limit_above_their_own(
    limited: tuple[Service, int],
) -> None:
    service, _ = limited
    by = with_key(make_key(service, scopes=["keys", "read"], limits={"questions_per_s": 50}))
    assert make_key(service, by, scopes=["read"]).status == 403
    made = make_key(service, by, scopes=["read"], limits={"questions_per_s": 50})
    assert made.status == 200
    assert limit(service, made.json["id"], by, questions_per_s=49).status == 200
    refused = limit(service, made.json["id"], by, questions_per_s=51)
    assert (refused.status, "above 50 a second" in refused.json["error"]) == (403, True)
    reader = with_key(make_key(service, scopes=["read"]))
    assert limit(service, made.json["id"], reader, questions_per_s=1).status == 403


@pytest.mark.parametrize(
    "limits",
    [{"requests_per_s": -1}, {"questions_per_s": 1_000_001}, {"requests_per_s": "many"}],
    ids=str,
)
def test_a_limit_that_is_none_is_refused(
    limited: tuple[Service, int], limits: dict[str, Any]
) -> None:
    service, _ = limited
    assert make_key(service, limits=limits).status == 400
    id_ = make_key(service).json["id"]
    assert limit(service, id_, **limits).status == 400
    assert limit(service, "key-00000000", requests_per_s=1).status == 404


def test_the_operator_limits_a_key_by_command(limited: tuple[Service, int]) -> None:
    service, _ = limited
    create = ("create", "slow one", "--scope", "read", "--questions-per-s", "3")
    made = service.tallystick("keys", *create).stdout.splitlines()
    key_id = made[0].split()[1].rstrip(",")
    assert "limits   3 questions/s" in made
    set_ = service.tallystick("keys", "limit", key_id, "--requests-per-s", "0")
    assert set_.stdout == f"{key_id}: any requests/s\n"
    listed = service.tallystick("keys", "list").stdout.splitlines()
    [row] = [line for line in listed if line.startswith(key_id)]
    assert row.endswith("any requests/s")
    refused = service.tallystick("keys", "limit", key_id, "--requests-per-s", "-5")
    assert refused.returncode != 0
    assert "requests_per_s" in refused.stderr
