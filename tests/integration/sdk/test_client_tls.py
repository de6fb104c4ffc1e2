"""The client over TLS: it trusts what the environment says, and else the usual authorities alone."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.errors import ShipError
from tallystick.shipping.client import ServiceClient, Target
from tallystick.testing import Reply, Sink, running_sink
from tests.certificates import Authority

OWN = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
AUTHORITY = "An authority of these tests"
AS_OPENSSL_NAMES_IT = "221472da.0"
"""What `openssl x509 -subject_hash` says of that name."""
ALL = (*OWN, "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with an authority, `ca.pem`, and a certificate of 127.0.0.1, `server.pem`."""
    place = tmp_path_factory.mktemp("authority")
    made = Authority(place, AUTHORITY)
    server = made.server(is_named=False)
    made.file.rename(place / "ca.pem")
    both = server.certificate.read_bytes() + server.key.read_bytes()
    (place / "server.pem").write_bytes(both)
    return place


@pytest.fixture
def sink(authority: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    for name in ALL:
        monkeypatch.delenv(name, raising=False)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    with running_sink() as running:
        server = running._server  # noqa: SLF001 - a sink with TLS is of use here alone
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield running


def target(sink: Sink, host: str = "127.0.0.1") -> Target:
    return Target(f"https://{host}:{sink.port}", "s3cret")


@pytest.mark.parametrize("variable", [*OWN, "SSL_CERT_FILE"])
def test_an_authority_of_the_environment_is_trusted(
    sink: Sink, authority: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(authority / "ca.pem"))
    client = ServiceClient(target(sink))
    for _ in range(2):
        sink.replies.append(Reply(200, body=b"taken"))
        assert client.post("/v1/logs", b"sent", {}).body == b"taken"
    client.close()
    assert (len(sink.requests), sink.connections) == (2, 1)


def test_a_connection_that_is_lost_is_made_anew(
    sink: Sink, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    client = ServiceClient(target(sink))
    sink.replies += [Reply(200), Reply(200, dies_after_bytes=0), Reply(200, body=b"taken")]
    client.post("/v1/logs", b"first", {})
    assert client.post("/v1/logs", b"second", {}).body == b"taken"
    client.close()
    assert [body for _, _, _, body in sink.requests] == [b"first", b"second", b"second"]


def test_a_directory_of_authorities_is_read(
    sink: Sink, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with pytest.raises(ShipError, match="its certificate is not trusted"):
        ServiceClient(target(sink)).get("/")
    (tmp_path / AS_OPENSSL_NAMES_IT).write_bytes((authority / "ca.pem").read_bytes())
    assert ServiceClient(target(sink)).get("/").status == 404


def test_an_unknown_authority_is_refused_and_told(sink: Sink) -> None:
    with pytest.raises(
        ShipError,
        match="does not answer: its certificate is not trusted: unable to get local issuer",
    ):
        ServiceClient(target(sink)).post("/v1/logs", b"", {})
    assert sink.requests == []


def test_a_certificate_for_another_name_is_refused(
    sink: Sink, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority / "ca.pem"))
    with pytest.raises(ShipError, match="its certificate is not trusted: Hostname mismatch"):
        ServiceClient(target(sink, "localhost")).get("/")
    assert sink.requests == []


def test_certificates_that_are_not_there_are_told(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    with pytest.raises(
        ShipError, match="certificates of REQUESTS_CA_BUNDLE cannot be read: No such file"
    ):
        ServiceClient(target(sink)).get("/")
