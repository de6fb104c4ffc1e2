"""How a client that has no token finds out where to get one, at every door of the service."""

from collections.abc import Iterator

import grpc
import httpx2
import pytest
from mcp.client.auth.utils import extract_resource_metadata_from_www_auth
from mcp.shared.auth import ProtectedResourceMetadata

from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF
from tests.serving import Answer, Service

pytestmark = pytest.mark.e2e

ISSUER = "https://login.example.invalid"
PUBLIC = "https://audit.example.org"
PATH = "/.well-known/oauth-protected-resource"
FOREIGN = {
    "Host": "evil.example.org",
    "X-Forwarded-Host": "evil.example.org",
    "Forwarded": "host=evil.example.org",
}
DOORS = [
    ("POST", "/v1/logs", JSON),
    ("POST", "/v1/traces", PROTOBUF),
    ("POST", "/v1/metrics", JSON),
    ("GET", "/api/v1/actions", JSON),
    ("POST", "/api/v1/enroll", JSON),
    ("GET", "/api/v1/keys", JSON),
    ("PUT", "/api/v1/blobs/sha256:" + "0" * 64, JSON),
]


@pytest.fixture(scope="module")
def grpc_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(grpc_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    options = ("--oidc-issuer", ISSUER, "--public-url", PUBLIC, "--oidc-grants", "scope=w->ingest")
    root = tmp_path_factory.mktemp("service")
    made = Service(root, (*options, "--grpc-port", str(grpc_port))).start()
    yield made
    made.kill()


def found_by_a_client(answer: Answer) -> str | None:
    """Read the challenge as mcp's own client does."""
    challenge = {"WWW-Authenticate": answer.headers["www-authenticate"]}
    return extract_resource_metadata_from_www_auth(
        httpx2.Response(answer.status, headers=challenge)
    )


@requirement("auth.metadata")
@pytest.mark.parametrize(("method", "path", "media_type"), DOORS)
def test_every_door_says_where_tokens_come_from(
    service: Service, method: str, path: str, media_type: str
) -> None:
    headers = {"Content-Type": media_type, **FOREIGN}
    answer = service.ask(method, path, b"{}", headers)
    assert answer.status == 401
    assert "error=" not in answer.headers["www-authenticate"]
    assert found_by_a_client(answer) == PUBLIC + PATH
    wrong = service.ask(method, path, b"{}", {**headers, "Authorization": "Bearer tallystick_x"})
    assert 'error="invalid_token"' in wrong.headers["www-authenticate"]
    assert "evil" not in str(wrong.headers) + str(answer.headers)


@requirement("auth.metadata")
def test_the_metadata_is_what_a_client_reads_and_believes_no_host(service: Service) -> None:
    for below in ("", "/v1/logs", "/v1/traces", "/v1/metrics", "/api/v1"):
        answer = service.ask("GET", PATH + below, headers=FOREIGN)
        assert (answer.status, answer.headers["content-type"]) == (200, JSON)
        read = ProtectedResourceMetadata.model_validate_json(answer.body)
        assert str(read.resource).rstrip("/") == PUBLIC + below
        assert [str(one).rstrip("/") for one in read.authorization_servers] == [ISSUER]
        assert read.scopes_supported == ["w"]
    for below in ("/v1", "/%2e%2e/x", "/v1/logs/x", "//evil.example.org"):
        assert service.ask("GET", PATH + below).status == 404


@requirement("auth.metadata")
def test_grpc_says_it_too(service: Service, grpc_port: int) -> None:
    assert service.port
    method = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
    with (
        grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel,
        pytest.raises(grpc.RpcError) as caught,
    ):
        channel.unary_unary(method)(b"", timeout=PATIENCE_S, wait_for_ready=True)
    said = dict(caught.value.trailing_metadata())["www-authenticate"]
    assert f'resource_metadata="{PUBLIC}{PATH}"' in said


@requirement("auth.metadata")
def test_a_right_that_is_missing_is_told_apart(service: Service) -> None:
    answer = service.ask("GET", "/api/v1/keys", headers=service.authorization)
    assert answer.status == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
