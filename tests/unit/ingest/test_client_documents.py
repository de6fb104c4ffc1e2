"""Documents of clients: what they call themselves, and requests that can do no harm."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.testing import FakeClock
from tallystick_ingest.auth.bearer import Bearers
from tallystick_ingest.auth.client_documents import (
    FAILED_S,
    FRESH_S,
    MAX_DOCUMENT_BYTES,
    MAX_QUEUED,
    ClientDocuments,
    DocumentError,
    Network,
    fetched_name,
    is_public,
)
from tallystick_ingest.auth.clients import ClientRules
from tallystick_ingest.auth.grants import parse_grants
from tallystick_ingest.auth.jwks import Issuer
from tallystick_ingest.stated_identity import state_identity
from tests.certificates import Authority
from tests.requirements import requirement
from tests.unit.ingest.test_tokens import ISSUER, RSA, checker, claims


class Publisher(ThreadingHTTPServer):
    """Publishes one answer at every path, and counts who asked."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.status, self.media_type = 200, "application/json"
        self.headers: dict[str, str] = {}
        self.document: Any = None
        self.body: bytes | None = None
        self.asked: list[tuple[str, str | None]] = []

    @property
    def client_id(self) -> str:
        return f"https://localhost:{self.server_address[1]}/client.json"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Publisher)
        server.asked.append((self.path, self.headers["host"]))
        stated = {"client_id": server.client_id, "client_name": "Shopping agent"}
        body = server.body or json.dumps(server.document or stated).encode()
        self.send_response(server.status)
        self.send_header("content-type", server.media_type)
        self.send_header("content-length", str(len(body)))
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def publisher(authority: Authority) -> Iterator[Publisher]:
    pair = authority.server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with Publisher(context) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def near(authority: Authority) -> Network:
    """The network of a test: this machine counts as public."""
    context = ssl.create_default_context(cafile=str(authority.file))
    return Network(context, lambda host, _: ["127.0.0.1"], lambda _: True)


@requirement("auth.client-documents")
def test_a_client_is_called_as_its_document_says(publisher: Publisher, near: Network) -> None:
    assert fetched_name(publisher.client_id, near) == "Shopping agent"
    host = publisher.client_id.split("/")[2]
    assert publisher.asked == [("/client.json", host)]
    publisher.document = {"client_id": publisher.client_id}
    assert fetched_name(publisher.client_id, near) is None


@requirement("auth.client-documents")
@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",  # noqa: S104 - it is refused
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
        ),
        *("100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *(
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
        ),
        *("2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2001:0:0:0:0:0:80ff:fffe"),
    ],
)
def test_no_address_within_is_asked(publisher: Publisher, near: Network, address: str) -> None:
    assert not is_public(ip_address(address))
    for stated in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        within = Network(near.context, lambda host, _, stated=stated: stated, is_public)  # type: ignore[misc]
        with pytest.raises(DocumentError, match="not everybody"):
            fetched_name(publisher.client_id, within)
    assert publisher.asked == []


def test_addresses_of_everybody_are() -> None:
    assert all(is_public(ip_address(one)) for one in ("8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"))


@requirement("auth.client-documents")
@pytest.mark.parametrize(
    "client_id",
    [
        "http://localhost/client.json",
        "https://localhost",
        "https://localhost/",
        "https://user@localhost/c",
        "https://localhost/c?x=1",
        "https://localhost/c#x",
        "https://localhost/../c",
        "file:///etc/passwd",
        "robot",
    ],
)
def test_what_is_no_address_of_a_document_is_not_asked(near: Network, client_id: str) -> None:
    with pytest.raises(DocumentError, match="no address"):
        fetched_name(client_id, near)


@requirement("auth.client-documents")
def test_no_redirect_is_followed_and_no_other_document_believed(
    publisher: Publisher, near: Network
) -> None:
    publisher.status, publisher.headers = 302, {"location": "https://169.254.169.254/latest"}
    with pytest.raises(DocumentError, match="302"):
        fetched_name(publisher.client_id, near)
    assert len(publisher.asked) == 1
    publisher.status, publisher.headers = 200, {}
    for document, said in (
        ({"client_id": "https://localhost/other", "client_name": "x"}, "another client"),
        ({"client_name": "x"}, "another client"),
        ({"client_id": publisher.client_id, "client_secret": "x"}, "secret"),
    ):
        publisher.document = document
        with pytest.raises(DocumentError, match=said):
            fetched_name(publisher.client_id, near)
    publisher.media_type = "text/html"
    with pytest.raises(DocumentError, match="JSON"):
        fetched_name(publisher.client_id, near)
    publisher.media_type, publisher.body = "application/json", b"x" * (MAX_DOCUMENT_BYTES + 1)
    with pytest.raises(DocumentError, match="too large"):
        fetched_name(publisher.client_id, near)
    publisher.body = b'{"client_id": 1, "client_id": 2}'
    with pytest.raises(ValueError, match="twice"):
        fetched_name(publisher.client_id, near)


@requirement("auth.client-documents")
def test_a_certificate_for_another_name_is_not_believed(
    publisher: Publisher, near: Network, tmp_path: Path
) -> None:

    elsewhere = publisher.client_id.replace("localhost", "agents.example.org")
    with pytest.raises(urllib3.exceptions.SSLError):
        fetched_name(elsewhere, near)
    stranger = ssl.create_default_context(cafile=str(Authority(tmp_path / "x").file))
    with pytest.raises(urllib3.exceptions.SSLError):
        fetched_name(publisher.client_id, Network(stranger, near.resolve, near.is_public))
    assert publisher.asked == []


@requirement("auth.client-documents")
def test_nothing_waits_for_a_document_and_it_is_asked_for_once(
    publisher: Publisher, near: Network
) -> None:
    clock = FakeClock()
    documents = ClientDocuments(clock.monotonic_s, near)
    assert documents.name(publisher.client_id) is None
    documents.settle()
    for _ in range(100):
        assert documents.name(publisher.client_id) == "Shopping agent"
    assert len(publisher.asked) == 1
    publisher.status = 500
    clock.advance(FRESH_S)
    assert documents.name(publisher.client_id) == "Shopping agent"
    documents.settle()
    assert documents.name(publisher.client_id) == "Shopping agent"
    assert len(publisher.asked) == 2
    clock.advance(FAILED_S)
    documents.name(publisher.client_id)
    documents.settle()
    assert len(publisher.asked) == 3
    assert documents.name(None) is documents.name("robot") is None


@requirement("auth.client-documents")
def test_a_crowd_of_clients_is_bounded(publisher: Publisher, near: Network) -> None:
    holding, asked = threading.Event(), []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        holding.wait(60)
        return []

    documents = ClientDocuments(FakeClock().monotonic_s, Network(near.context, resolve, is_public))
    for number in range(MAX_QUEUED * 5):
        assert documents.name(f"https://{number}.example.org/c") is None
    holding.set()
    documents.settle()
    assert len(asked) <= MAX_QUEUED + 1
    assert publisher.asked == []


@requirement("auth.client-documents")
def test_the_name_is_the_clients_own_word_and_decides_nothing(
    publisher: Publisher, near: Network
) -> None:
    clock = FakeClock()
    documents = ClientDocuments(clock.monotonic_s, near)
    tokens = checker(clock, RSA)
    masking = Masking.of(TokenKey("0" * 8, b"k" * 32))
    grants = parse_grants(["groups=x->read"])
    bearers = Bearers(
        Issuer(ISSUER, clock.monotonic_s), tokens, grants, ClientRules(), masking, documents
    )
    token = RSA.sign(claims(clock, client_id=publisher.client_id, groups=["x"]))
    first = bearers.caller(token)
    documents.settle()
    caller = bearers.caller(token)
    assert caller.identity is not None
    assert caller.identity.client.name == "Shopping agent"
    stated, _ = state_identity(masking, caller.identity)
    assert stated["client.id_kind"] == "metadata_document"
    assert stated["client.name"] == "Shopping agent"
    assert (caller.id, caller.scopes, caller.name) == (first.id, first.scopes, first.name)
