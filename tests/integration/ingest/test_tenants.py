"""Tenants of a real service: made at the command line, logged in to, sent to over HTTP and gRPC, verified apart."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, as_protobuf, span_json
from tests.serving import Service

pytestmark = [pytest.mark.e2e, requirement("access.tenants")]


def post(service: Service, path: str, body: Any, headers: dict[str, str]) -> Any:
    answer = service.ask("POST", path, json.dumps(body).encode(), {"Content-Type": JSON, **headers})
    assert answer.status == 200, answer.body
    return answer.json


def policy_of(service: Service, headers: dict[str, str]) -> str:
    """Print a trust policy of the two keys that a tenant's service holds itself."""
    shown = service.ask("GET", "/api/v1/integrity", headers=headers).json
    return f"log {shown['log_vkey']}\nemitter {shown['service_vkey']}\n"


def sent_by_grpc(port: int, key: str, body: bytes) -> bytes:
    method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        said: bytes = channel.unary_unary(method)(
            body,
            metadata=(("authorization", f"Bearer {key}"),),
            timeout=PATIENCE_S,
            wait_for_ready=True,
        )
    return said


def test_a_tenant_lives_beside_the_operator(tmp_path: Path) -> None:
    port = free_port()
    service = Service(tmp_path / "service", ["--grpc-port", str(port)]).start()
    made = service.tallystick("tenants", "add", "acme")
    assert "acme" in made.stdout, made.stderr
    assert service.stop() == 0
    service.start()
    try:
        added = service.tallystick("accounts", "--tenant", "acme", "add", "ada", "--role", "admin")
        password = added.stdout.split("password")[1].strip()
        begun = post(service, "/api/v1/login", {"name": "acme/ada", "password": password}, {})
        session = {"Authorization": f"Bearer {begun['session']}"}
        key = {"name": "agents", "scopes": ["ingest", "read"]}
        key = post(service, "/api/v1/keys", key, session)["api_key"]
        shown = {"Authorization": f"Bearer {key}"}
        over_http = span_json({}, spanId=f"{1:016x}")
        answer = service.ask("POST", "/v1/traces", over_http, {"Content-Type": JSON, **shown})
        assert (answer.status, answer.json) == (200, {})
        said = sent_by_grpc(port, key, as_protobuf(span_json({}, spanId=f"{2:016x}")))
        assert ExportTraceServiceResponse.FromString(said) == ExportTraceServiceResponse()

        status = service.ask("GET", "/api/v1/status", headers=shown).json
        assert status["counts"]["spans"] == 2
        assert status["tenant"].endswith("/acme")
        assert service.get("/api/v1/status")["counts"]["spans"] == 0
        assert service.tallystick("tenants", "list").stdout.split() == ["default", "acme"]
        policies = {
            service.data / "tenants" / "acme": policy_of(service, shown),
            service.data: policy_of(service, service.authorization),
        }
    finally:
        assert service.stop() == 0
    stated = tmp_path / "policy.txt"
    for data, policy in policies.items():
        stated.write_text(policy)
        verified = service.tallystick("verify", "--data", str(data), "--policy", str(stated))
        assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_tenant_that_is_no_name_is_refused_by_the_command_line(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    unstarted = service.tallystick("tenants", "add", "acme")
    assert unstarted.returncode == 1
    assert "start `tallystick up` once" in unstarted.stderr
    service.start().kill()
    refused = service.tallystick("tenants", "add", "../acme")
    assert refused.returncode == 1
    assert "small letters" in refused.stderr
    unknown = service.tallystick("accounts", "--tenant", "globex", "list")
    assert unknown.returncode == 1
    assert "there is no tenant 'globex'" in unknown.stderr
