"""A client's certificate is revoked while the service runs: over HTTP and gRPC it is worth nothing from then on."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import requests

from tests.certificates import Authority, Pair
from tests.integration.ingest.tls_service import GRANTS, Secured, secured, send, send_rpc
from tests.patience import PATIENCE_S, until
from tests.requirements import requirement
from tests.sending import JSON, span_json

pytestmark = [pytest.mark.e2e, requirement("tls.revoked")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def lists(tmp_path: Path, authority: Authority) -> Path:
    file = tmp_path / "lists.pem"
    file.write_bytes(authority.list_of())
    return file


@pytest.fixture
def service(authority: Authority, lists: Path, tmp_path: Path) -> Iterator[Secured]:
    options = ("--tls-client-ca", str(authority.file), "--tls-grants", GRANTS)
    required = ("--tls-client-certificate", "required", "--tls-client-crl", str(lists))
    made = secured(tmp_path / "service", authority, *options, *required)
    made.start()
    yield made
    made.kill()


def put(file: Path, content: bytes) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(file)


def send_kept(session: requests.Session, service: Secured) -> int:
    answer = session.post(
        f"{service.url}/v1/traces",
        span_json(),
        headers={"Content-Type": JSON, **service.authorization},
        timeout=PATIENCE_S,
    )
    return answer.status_code


def test_whoever_is_revoked_is_out_and_whoever_is_not_stays(
    service: Secured, authority: Authority, lists: Path
) -> None:
    uri = "spiffe://example.org/collector"
    gone, stays = authority.client("gone", uri), authority.client("stays", uri)
    for pair in (gone, stays):
        assert send(service, authority, pair) == 200
        assert send_rpc(service, authority, pair) == grpc.StatusCode.OK
    with kept(authority, gone) as of_gone, kept(authority, stays) as of_others:
        assert send_kept(of_gone, service) == send_kept(of_others, service) == 200
        put(lists, authority.list_of(gone))
        until(lambda: "the certificate was read again" in service.output)
        assert send_kept(of_others, service) == 200
        assert send_kept(of_gone, service) == 400
        with pytest.raises(requests.RequestException):
            send_kept(of_gone, service)
    key = service.credentials["api_key"]
    assert send(service, authority, stays) == 200
    assert send_rpc(service, authority, stays) == grpc.StatusCode.OK
    with pytest.raises(requests.RequestException):
        send(service, authority, gone, headers=service.authorization)
    assert send_rpc(service, authority, gone, key) == grpc.StatusCode.UNAUTHENTICATED
    assert "Traceback" not in service.output


def test_a_file_that_is_no_list_is_told_and_the_old_one_holds(
    service: Secured, authority: Authority, lists: Path
) -> None:
    put(lists, b"nothing")
    until(lambda: "stays what it was" in service.output)
    stays = authority.client("holds", "spiffe://example.org/collector")
    assert send(service, authority, stays) == 200
    put(lists, authority.list_of(stays))
    until(lambda: "the certificate was read again" in service.output)
    with pytest.raises(requests.RequestException):
        send(service, authority, stays)
    assert service.output.count("stays what it was") == 1


def kept(authority: Authority, pair: Pair) -> requests.Session:
    """Make a session that keeps its connection, and shows a certificate."""
    session = requests.Session()
    session.trust_env = False  # else it takes the environment's authorities for its own
    session.verify = str(authority.file)
    session.cert = (str(pair.certificate), str(pair.key))
    return session
