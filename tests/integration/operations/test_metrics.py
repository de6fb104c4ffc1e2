"""Metrics of a real service: who may read them, what they count, and what no label may hold."""

from collections.abc import Callable, Iterator

import grpc
import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families

from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, as_protobuf, batch, logs_protobuf, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = [pytest.mark.e2e, requirement("operations.metrics")]

Make = Callable[..., Service]
CANARY = "canary7f3a"
PARTS = {"status": "ready", "journal": "ok", "database": "ok", "log": "signing"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    port = free_port()
    made = Service(tmp_path_factory.mktemp("metrics"), ["--grpc-port", str(port)]).start()
    assert made.enrol().status == 200
    export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    key = (("authorization", f"Bearer {made.credentials['api_key']}"),)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(export)
        call(as_protobuf(span_json({})), metadata=key, timeout=PATIENCE_S, wait_for_ready=True)
        with pytest.raises(grpc.RpcError):
            call(b"\xff", metadata=key, timeout=PATIENCE_S)
    yield made
    made.kill()


def samples(service: Service, **headers: str) -> dict[tuple[str, ...], float]:
    """Return (name, label, value, ...) -> value of every sample."""
    answer = service.ask("GET", "/metrics", headers={**service.authorization, **headers})
    assert answer.status == 200, answer.body
    return {
        (
            sample.name,
            *(part for pair in sorted(sample.labels.items()) for part in pair),
        ): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
    }


def records(found: dict[tuple[str, ...], float], signal: str, outcome: str) -> float:
    return found[("tallystick_records_total", "outcome", outcome, "signal", signal)]


def requests(found: dict[tuple[str, ...], float], protocol: str, route: str, status: int) -> float:
    key = ("protocol", protocol, "route", route, "status", str(status))
    return found.get(("tallystick_requests_total", *key), 0)


def test_what_came_and_what_became_of_it_is_counted(service: Service) -> None:
    before = samples(service)
    emitter = Emitter("counted")
    body = logs_protobuf(batch(emitter, 3))
    for _ in range(2):
        assert service.send(body).status == 200
    assert service.send(span_json({}), "/v1/traces", JSON).status == 200
    assert service.send(b"\xff").status == 400
    after = samples(service)

    def grown(signal: str, outcome: str) -> float:
        return records(after, signal, outcome) - records(before, signal, outcome)

    sent = grown("logs", "accepted")
    assert sent == grown("logs", "duplicate") > 3
    assert (grown("traces", "accepted"), grown("traces", "duplicate")) == (0, 1)
    assert after[("tallystick_refused_total", "reason", "undecodable", "signal", "logs")] >= 1
    for path, status, count in (("/v1/logs", 200, 2), ("/v1/traces", 200, 1), ("/v1/logs", 400, 1)):
        assert (
            requests(after, "http", path, status) - requests(before, "http", path, status) == count
        )
    assert requests(after, "grpc", "/v1/traces", 200) == 1
    assert requests(after, "grpc", "/v1/traces", 400) == 1
    commits = ("tallystick_commit_duration_seconds_count",)
    syncs = ("tallystick_journal_sync_duration_seconds_count",)
    assert after[commits] - before[commits] == after[syncs] - before[syncs] >= 1
    assert after[("tallystick_log_entries",)] >= sent
    assert after[("tallystick_database_bytes",)] > 0


def test_each_part_has_one_state(service: Service) -> None:
    found = samples(service)
    assert found[("tallystick_ready",)] == 1
    for part, state in PARTS.items():
        assert found[("tallystick_part_state", "part", part, "state", state)] == 1
    states = [name for name in found if name[0] == "tallystick_part_state"]
    assert sum(found[name] for name in states) == len({name[2] for name in states}) == 5
    verdicts = {name[2]: found[name] for name in found if name[0] == "tallystick_verification"}
    assert verdicts == {"none": 1, "verified": 0, "consistent": 0, "wrong": 0}
    ready = service.ask("GET", "/readyz")
    assert ready.status == 200
    assert {part: ready.json[part] for part in PARTS} == PARTS
    assert set(ready.json) == {"disk", *PARTS}


def test_open_metrics_are_given_where_they_are_asked_for(service: Service) -> None:
    wanted = {**service.authorization, "Accept": "application/openmetrics-text; version=1.0.0"}
    answer = service.ask("GET", "/metrics", headers=wanted)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in openmetrics_families(answer.body.decode())}  # type: ignore[no-untyped-call]
    assert {"tallystick_requests", "tallystick_records", "process_resident_memory_bytes"} <= names


def test_no_label_holds_what_a_sender_chose(service: Service) -> None:
    assert service.send(logs_protobuf(batch(Emitter(CANARY), 2))).status == 200
    before = set(samples(service))
    for number in range(30):
        name = f"{CANARY}-{number}"
        for path in (
            *(f"/{name}", f"/v1/{name}", f"/v1development/{name}", f"/api/v1/{name}"),
            *(f"/api/v1/traces/{name}", f"/api/v1/events/{name}", f"/metrics/{name}"),
        ):
            service.ask("GET", path, headers=service.authorization)
            service.ask("GET", path, headers={"Authorization": f"Bearer {name}"})
        service.ask(name.upper().replace("-", ""), "/healthz")
        service.send(b"{}", "/v1/logs", f"application/{name}")
    answer = service.ask("GET", "/metrics", headers=service.authorization)
    assert CANARY not in answer.body.decode().lower()
    added = {name for name in samples(service) if name not in before}
    routes = {name[name.index("route") + 1] for name in added if "route" in name}
    assert "other" in routes or ("other" in {part for name in before for part in name})
    assert len(routes) <= 6


def test_only_who_has_the_scope_reads_them(make_service: Make) -> None:
    service = make_service().start()
    assert service.ask("GET", "/metrics").status == 401
    wrong = {"Authorization": f"Bearer tallystick_{'x' * 43}"}
    assert service.ask("GET", "/metrics", headers=wrong).status == 401
    scraper = service.key("metrics")
    found = service.ask("GET", "/metrics", headers=scraper)
    assert found.status == 200
    assert b'tallystick_refused_total{reason="unauthenticated",signal="other"} 2.0' in found.body
    assert service.ask("GET", "/api/v1/status", headers=scraper).status == 403
    key = scraper["Authorization"].removeprefix("Bearer ")
    assert key.encode() not in found.body


def test_a_key_without_the_scope_reads_none(make_service: Make) -> None:
    service = make_service().start()
    answer = service.ask("GET", "/metrics", headers=service.key("ingest", "read"))
    assert (answer.status, b"tallystick_requests" in answer.body) == (403, False)


def test_local_metrics_need_no_key_and_come_through_no_proxy(make_service: Make) -> None:
    service = make_service(options=["--metrics", "local", "--host", "0.0.0.0"]).start()  # noqa: S104 - others must be refused
    assert service.ask("GET", "/metrics").status == 200
    for name in ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"):
        assert service.ask("GET", "/metrics", headers={name: "127.0.0.1"}).status == 403


def test_metrics_that_are_off_are_nowhere(make_service: Make) -> None:
    service = make_service(options=["--metrics", "off"]).start()
    for headers in (service.authorization, {}):
        assert service.ask("GET", "/metrics", headers=headers).status == 404
