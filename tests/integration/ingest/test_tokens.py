"""Tokens of a real OpenID provider at every door of the service: OTLP over HTTP and gRPC, and the query API."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tallystick_ingest.auth.jwks import RETRY_S
from tests import openid
from tests.openid import RESOURCE, ROBOT, Provider, signing_key
from tests.patience import PATIENCE_S, until
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, as_protobuf, span_json
from tests.serving import REVEALING, Answer, Service

pytestmark = pytest.mark.e2e

GRANTS = "scope=tallystick.ingest->ingest, scope=tallystick.read->read, groups=auditors->auditor"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with openid.run() as running:
        yield running


@pytest.fixture(scope="module")
def grpc_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(
    provider: Provider, grpc_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    options = ("--oidc-issuer", provider.issuer, "--public-url", RESOURCE, "--oidc-grants", GRANTS)
    root = tmp_path_factory.mktemp("service")
    made = Service(root, (*options, "--grpc-port", str(grpc_port))).start()
    yield made
    made.kill()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def send(service: Service, token: str) -> Answer:
    headers = {**bearer(token), "Content-Type": JSON}
    return service.ask("POST", "/v1/traces", span_json({"from": "a token"}), headers)


def send_rpc(port: int, token: str) -> grpc.StatusCode:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            channel.unary_unary(EXPORT)(
                as_protobuf(span_json()),
                metadata=(("authorization", f"Bearer {token}"),),
                timeout=PATIENCE_S,
                wait_for_ready=True,
            )
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def claims(provider: Provider, **changed: Any) -> dict[str, Any]:
    now_s = int(time.time())
    stated = {"iss": provider.issuer, "aud": RESOURCE, "sub": "ada", "client_id": "dashboard"}
    times = {"iat": now_s, "exp": now_s + 3_600, "jti": "1"}
    return {**stated, **times, "groups": ["auditors"], **changed}


@requirement("auth.tokens")
def test_a_programs_token_opens_each_door_that_its_scopes_are_granted(
    service: Service, provider: Provider, grpc_port: int
) -> None:
    token = provider.token()
    assert send(service, token).status == 200
    assert send_rpc(grpc_port, token) == grpc.StatusCode.OK
    assert service.ask("GET", "/api/v1/actions", headers=bearer(token)).status == 200
    me = service.ask("GET", "/api/v1/me", headers=bearer(token)).json
    assert (me["name"], me["role"], me["scopes"]) == (ROBOT, None, ["ingest", "read"])
    sending = provider.token("tallystick.ingest")
    assert send(service, sending).status == 200
    assert service.ask("GET", "/api/v1/actions", headers=bearer(sending)).status == 403
    reading = provider.token("tallystick.read")
    assert send(service, reading).status == 403
    assert send_rpc(grpc_port, reading) == grpc.StatusCode.PERMISSION_DENIED


@requirement("auth.tokens", "auth.grants")
def test_a_token_for_another_service_or_worth_nothing_opens_none(
    service: Service, provider: Provider, grpc_port: int
) -> None:
    foreign = provider.token("tallystick.ingest", "https://other.example.org")
    assert send(service, foreign).status == 401
    assert send_rpc(grpc_port, foreign) == grpc.StatusCode.UNAUTHENTICATED
    answer = service.ask("GET", "/api/v1/actions", headers=bearer(foreign))
    assert (answer.status, "not for this service" in answer.json["error"]) == (401, True)
    worthless = provider.keys[0].sign(claims(provider, groups=["everyone"], scope="admin"))
    assert service.ask("GET", "/api/v1/actions", headers=bearer(worthless)).status == 403
    assert service.ask("GET", "/api/v1/me", headers=bearer(worthless)).json["scopes"] == []


@requirement("access.recorded")
def test_the_record_of_an_access_states_whom_the_token_names(
    service: Service, provider: Provider
) -> None:
    act = {"sub": "agent-7", "act": {"sub": "orchestrator"}}
    token = provider.keys[0].sign(claims(provider, sub="ada@example.org", act=act))
    assert service.ask("GET", "/api/v1/actions?limit=7", headers=bearer(token)).status == 200
    me = service.ask("GET", "/api/v1/me", headers=bearer(token)).json
    service.stop()
    service.start()
    stated = [
        one for one in service.statements("access.search") if one.get("client.id") == "dashboard"
    ]
    assert stated[0]["principal.issuer"] == provider.issuer
    assert stated[0]["principal.basis"] == stated[0]["client.basis"] == "authenticated"
    assert (stated[0]["credential.kind"], stated[0]["delegation.depth"]) == ("jwt", 2)
    assert stated[0]["principal.ref"].startswith(me["id"].removeprefix("oidc-"))
    revealing = {**service.authorization, **REVEALING}
    raw = service.ask("GET", "/api/v1/records?from=0&to=10000", headers=revealing).body
    assert token.encode() not in raw
    assert b"ada@example.org" not in raw
    assert b"orchestrator" in raw


@requirement("auth.issuer-keys")
def test_a_rotated_key_is_found_and_a_withdrawn_one_refused(
    service: Service, provider: Provider
) -> None:
    before = provider.keys[0]
    kept = provider.token()
    provider.publish(signing_key("second", "ES256"), before)
    assert _until(lambda: send(service, provider.token()).status, 200)
    assert send(service, kept).status == 200
    provider.publish(provider.keys[0])
    service.stop()
    service.start()
    assert send(service, provider.token()).status == 200
    answer = service.ask("GET", "/api/v1/me", headers=bearer(kept))
    assert (answer.status, "does not publish" in answer.json["error"]) == (401, True)


@requirement("auth.issuer-keys")
def test_made_up_keys_make_the_service_fetch_next_to_nothing(
    service: Service, provider: Provider
) -> None:
    assert send(service, provider.token()).status == 200
    before, began_s = provider.fetches(), time.monotonic()
    said = set()
    for number in range(200):
        forged = signing_key("x", "ES256").sign(claims(provider), kid=f"made up {number}")
        said.add(service.ask("GET", "/api/v1/me", headers=bearer(forged)).status)
    assert said <= {401, 429}
    passed_s = time.monotonic() - began_s
    assert provider.fetches() - before <= 1 + passed_s // RETRY_S
    assert send(service, provider.token()).status == 200


@requirement("auth.issuer-keys")
def test_a_provider_that_is_away_stops_new_keys_alone(
    make_service: Callable[..., Service],
) -> None:
    with openid.run() as provider:
        options = (
            "--oidc-issuer",
            provider.issuer,
            "--public-url",
            RESOURCE,
            "--oidc-grants",
            GRANTS,
        )
        service = make_service(options=options).start()
        key, token = provider.keys[0], provider.token()
        assert send(service, token).status == 200
        provider.stop()
        assert send(service, key.sign(claims(provider, scope="tallystick.ingest"))).status == 200
        unknown = signing_key("new", "ES256").sign(claims(provider))
        assert _until(lambda: send(service, unknown).status, 503)
    service.stop()
    service.start()
    answer = send(service, token)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "issuer" in json.loads(answer.body)["message"]
    assert service.send(span_json(), "/v1/traces", JSON).status == 200


@requirement("auth.tokens")
def test_tokens_of_a_million_bytes_are_refused_at_the_door(
    service: Service, grpc_port: int
) -> None:
    huge = f"{'a' * 500_000}.{'b' * 500_000}.c"
    with contextlib.suppress(ConnectionError):  # or closed while the rest was on its way
        assert send(service, huge).status == 431  # of the connection, before any address
    assert send_rpc(grpc_port, huge) != grpc.StatusCode.OK
    large = f"{'a' * 20_000}.{'b' * 20_000}.c"
    assert service.ask("GET", "/api/v1/me", headers=bearer(large)).status == 401
    assert send_rpc(grpc_port, large) == grpc.StatusCode.UNAUTHENTICATED


@requirement("auth.clients")
def test_a_client_that_is_denied_may_not_come(
    provider: Provider, make_service: Callable[..., Service]
) -> None:
    options = ("--oidc-issuer", provider.issuer, "--public-url", RESOURCE, "--oidc-grants", GRANTS)
    service = make_service(options=(*options, "--oidc-denied-clients", ROBOT)).start()
    answer = send(service, provider.token())
    assert (answer.status, "client" in json.loads(answer.body)["message"]) == (401, True)
    described = claims(provider, client_id="https://agents.example.org/client.json")
    token = provider.keys[0].sign(described)
    assert service.ask("GET", "/api/v1/actions", headers=bearer(token)).status == 200


def test_an_issuer_without_an_audience_is_no_setting(make_service: Callable[..., Service]) -> None:
    service = make_service()
    said = service.tallystick("up", "--oidc-issuer", "https://login.example.org")
    assert said.returncode == 1
    assert "--public-url or --oidc-audiences" in said.stderr


def _until(ask: Callable[[], int], wanted: int) -> bool:
    """Ask again while the service still believes what it knew before."""
    until(lambda: ask() == wanted, lambda: f"never {wanted}")
    return True


@requirement("auth.tokens", "access.tenants")
def test_a_rule_leads_a_token_to_its_tenant_and_a_forged_one_nowhere(
    provider: Provider, tmp_path: Path
) -> None:
    rules = "groups=acme->admin@tenant:acme, groups=ops->admin"
    options = ("--oidc-issuer", provider.issuer, "--public-url", RESOURCE, "--oidc-grants", rules)
    service = Service(tmp_path / "service", options).start()
    assert service.tallystick("tenants", "add", "acme").returncode == 0
    service.stop()
    service.start()
    try:
        for group, tenant, answer in (("acme", "acme", 403), ("ops", "default", 200)):
            token = bearer(provider.keys[0].sign(claims(provider, groups=[group])))
            status = service.ask("GET", "/api/v1/status", headers=token).json
            assert status["tenant"].endswith(f"/{tenant}")
            assert service.ask("GET", "/api/v1/tenants", headers=token).status == answer
        forged = bearer(signing_key("forged").sign(claims(provider, groups=["acme"])))
        assert service.ask("GET", "/api/v1/status", headers=forged).status == 401
    finally:
        service.kill()
