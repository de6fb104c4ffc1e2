"""The client: what it sends, and which error each answer of a service becomes."""

import io
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import polars as pl
import pytest

from tallystick_dashboard.client import (
    ARROW_STREAM,
    CURSOR_HEADER,
    Client,
    DashboardError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    RefusedError,
    ServiceAwayError,
)
from tests.ports import free_port
from tests.requirements import requirement


@dataclass
class StandIn:
    """Answers every request with the same, and keeps what it was asked."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def client(self) -> Client:
        return Client(self.url, "a-token")


@pytest.fixture
def service() -> Iterator[StandIn]:
    stand_in = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            stand_in.asked.append(
                (self.command, self.path, dict(self.headers), self.rfile.read(length))
            )
            self.send_response(stand_in.status)
            for name, value in stand_in.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(stand_in.body)))
            self.end_headers()
            self.wfile.write(stand_in.body)

        do_POST = do_GET  # noqa: N815 - the name that the base class looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield stand_in
    server.shutdown()
    thread.join()
    server.server_close()


@requirement("dashboard.names")
def test_a_reason_travels_in_a_header_and_nowhere_else(service: StandIn) -> None:
    revealing = service.client.because("γιατί; incident 4711")
    revealing.event(7)
    [(_, path, headers, body)] = service.asked
    assert unquote(headers["Tallystick-Reason"]) == "γιατί; incident 4711"
    assert headers["Tallystick-Reason"].isascii()
    assert (path, body) == ("/api/v1/events/7", b"")
    assert "4711" not in repr(revealing)


@requirement("dashboard.names")
def test_a_client_without_a_reason_sends_none(service: StandIn) -> None:
    service.client.because("an incident").because(None).event(7)
    service.client.event(7)
    for _, _, headers, _ in service.asked:
        assert "Tallystick-Reason" not in headers


ERRORS: list[tuple[int, type[DashboardError]]] = [
    (401, NotSignedInError),
    (403, NotAllowedError),
    (404, NotFoundError),
    (400, RefusedError),
    (409, RefusedError),
    (429, RefusedError),
    (302, RefusedError),
    (500, ServiceAwayError),
    (503, ServiceAwayError),
]


@pytest.mark.parametrize(("status", "kind"), ERRORS)
def test_each_status_is_an_error_with_the_words_of_the_service(
    service: StandIn, status: int, kind: type[DashboardError]
) -> None:
    service.status, service.body = status, b'{"error": "because of this"}'
    service.headers = {"retry-after": "7", "location": "http://127.0.0.1:9/stolen"}
    with pytest.raises(kind, match="because of this") as caught:
        service.client.me()
    assert type(caught.value) is kind
    assert len(service.asked) == 1


def test_too_many_attempts_say_when_to_try_again(service: StandIn) -> None:
    service.status, service.body = 429, b'{"error": "too many"}'
    service.headers = {"retry-after": "7"}
    with pytest.raises(RefusedError, match="in 7 s"):
        service.client.login("vera", "x")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"", b"\xff"])
def test_what_is_no_service_of_ours_is_said(service: StandIn, body: bytes) -> None:
    service.body = body
    with pytest.raises(ServiceAwayError, match="is this the address of a Tallystick service"):
        service.client.status()
    service.status = 404
    with pytest.raises(NotFoundError, match="is this the address"):
        service.client.status()


def test_a_service_that_does_not_answer_is_away_and_the_token_is_not_told() -> None:
    with pytest.raises(ServiceAwayError, match="does not answer: Connection refused") as caught:
        Client(f"http://127.0.0.1:{free_port()}", "a-token").me()
    assert "a-token" not in str(caught.value) + repr(Client("http://x", "a-token"))


def test_the_token_goes_along_and_absent_filters_do_not(service: StandIn) -> None:
    frame = pl.DataFrame({"tool": ["lookup"]})
    sink = io.BytesIO()
    frame.write_ipc_stream(sink)
    service.body, service.headers = sink.getvalue(), {CURSOR_HEADER: "77"}
    query = {"from": "24h", "tool": "a&b=c", "agent": "", "outcome": None}
    page = service.client.actions(query, limit=5)
    assert page.frame.equals(frame)
    assert page.before == "77"
    [(method, path, headers, _)] = service.asked
    assert (method, path) == ("GET", "/api/v1/actions?from=24h&tool=a%26b%3Dc&limit=5")
    assert headers["authorization"] == "Bearer a-token"
    assert headers["accept"] == ARROW_STREAM


def test_a_name_is_one_segment_of_a_path(service: StandIn) -> None:
    service.body = b'{"spans": [{"span_id": "cd"}, {"span_id": "ef"}]}'
    assert service.client.spans("a/../b?c", ["cd", "e&f"]) == [{"span_id": "cd"}, {"span_id": "ef"}]
    service.client.export("../x")
    assert [path for _, path, _, _ in service.asked] == [
        "/api/v1/traces/a%2F..%2Fb%3Fc?span=cd&span=e%26f",
        "/api/v1/exports/..%2Fx",
    ]


def test_a_login_sends_the_password_in_the_body_alone(service: StandIn) -> None:
    service.body = b'{"session": "s-1", "ends_us": 17}'
    login = Client(service.url).login("vera", "a password")
    assert (login.token, login.ends_us) == ("s-1", 17)
    [(method, path, headers, body)] = service.asked
    assert (method, path) == ("POST", "/api/v1/login")
    assert json.loads(body) == {"name": "vera", "password": "a password"}
    assert "authorization" not in headers


def test_a_package_is_streamed_with_its_headers(service: StandIn) -> None:
    service.body = b"PK" * 100_000
    service.headers = {"content-disposition": 'attachment; filename="evidence.zip"'}
    package = service.client.package("4dfc")
    chunks = list(package.chunks)
    assert b"".join(chunks) == service.body
    assert len(chunks) > 1
    assert package.headers["content-disposition"].endswith('"evidence.zip"')


@requirement("sdk.large-values")
def test_a_large_value_is_streamed_by_its_digest(service: StandIn) -> None:
    service.body = b'{"rows":[]}'
    assert b"".join(service.client.blob("ab" * 32).chunks) == service.body
    [(method, path, _headers, _body)] = service.asked
    assert (method, path) == ("GET", f"/api/v1/blobs/sha256:{'ab' * 32}")


def test_a_package_that_is_refused_is_an_error_before_the_first_byte(service: StandIn) -> None:
    service.status, service.body = 403, b'{"error": "the scope is needed"}'
    with pytest.raises(NotAllowedError, match="the scope is needed"):
        service.client.package("4dfc")


def test_exports_come_newest_first(service: StandIn) -> None:
    service.body = b'{"exports": [{"created_us": 1}, {"created_us": 3}, {"created_us": 2}]}'
    assert [one["created_us"] for one in service.client.exports()] == [3, 2, 1]
