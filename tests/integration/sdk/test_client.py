"""The client over real sockets: whole answers or errors, no redirects, no stray credentials, no traces."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry import context

from tallystick.errors import ShipError
from tallystick.shipping import client as client_module
from tallystick.shipping.client import ServiceClient, Target
from tallystick.testing import Reply, Sink, running_sink


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


@pytest.fixture
def client(sink: Sink) -> Iterator[ServiceClient]:
    made = ServiceClient(Target(sink.url, "s3cret"))
    yield made
    made.close()


def test_a_request_carries_the_key_and_gets_its_answer(sink: Sink, client: ServiceClient) -> None:
    sink.replies.append(Reply(200, {"X-Name": "value"}, b"body"))
    answer = client.post("/v1/logs", b"sent", {"Content-Type": "text/plain"})
    assert (answer.status, answer.headers["x-name"], answer.body) == (200, "value", b"body")
    ((method, path, headers, body),) = sink.requests
    assert (method, path, body) == ("POST", "/v1/logs", b"sent")
    assert headers["authorization"] == "Bearer s3cret"
    assert client.get("/nowhere").status == 404


def test_an_address_may_have_a_path(sink: Sink) -> None:
    client = ServiceClient(Target(f"{sink.url}/deep é"))
    assert client.get("/api?q=1").status == 404
    client.close()
    assert [path for _, path, _, _ in sink.requests] == ["/deep%20%C3%A9/api?q=1"]


def test_connections_are_kept(sink: Sink, client: ServiceClient) -> None:
    for _ in range(3):
        sink.replies.append(Reply(200))
        client.post("/v1/logs", b"", {})
    assert (len(sink.requests), sink.connections) == (3, 1)


def test_without_a_key_none_is_sent_and_none_is_looked_for(
    sink: Sink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for api_key in (None, "s3cret"):
        sink.replies.append(Reply(200))
        ServiceClient(Target(sink.url, api_key)).post("/v1/logs", b"", {})
    seen = [headers.get("authorization") for _, _, headers, _ in sink.requests]
    assert seen == [None, "Bearer s3cret"]


def test_a_redirect_is_not_followed(sink: Sink, client: ServiceClient) -> None:
    with running_sink() as elsewhere:
        sink.replies.append(Reply(307, {"Location": f"{elsewhere.url}/v1/logs"}))
        assert client.post("/v1/logs", b"", {}).status == 307
        assert elsewhere.requests == []


def test_a_proxy_is_not_asked_for_this_machine(
    sink: Sink, client: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    sink.replies.append(Reply(200))
    assert client.post("/v1/logs", b"", {}).status == 200


def test_a_proxy_of_the_environment_is_used_for_other_machines(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", sink.url)
    sink.replies.append(Reply(200, body=b"proxied"))
    client = ServiceClient(Target("http://log.example", "s3cret"))
    assert client.post("/v1/logs", b"sent", {}).body == b"proxied"
    client.close()
    ((_, target, headers, body),) = sink.requests
    assert (target, body) == ("http://log.example/v1/logs", b"sent")
    assert headers["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("excepted", ["log.invalid", ".invalid", "*"])
def test_a_proxy_is_not_asked_for_what_no_proxy_names(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, excepted: str
) -> None:
    monkeypatch.setenv("http_proxy", sink.url)
    monkeypatch.setenv("no_proxy", excepted)
    with pytest.raises(ShipError, match="does not answer: gaierror"):
        ServiceClient(Target("http://log.invalid")).post("/v1/logs", b"", {})
    assert sink.requests == []


def test_https_goes_through_a_tunnel_of_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with _answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (port, asked):
        monkeypatch.setenv("https_proxy", f"http://user:word@127.0.0.1:{port}")
        with pytest.raises(ShipError, match=r"https://log\.example does not answer: "):
            ServiceClient(Target("https://log.example", "s3cret")).get("/")
    [request] = asked
    assert request.startswith(b"CONNECT log.example:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic " in request
    assert b"s3cret" not in request


def test_a_connection_that_the_service_let_go_of_is_made_anew(
    sink: Sink, client: ServiceClient
) -> None:
    sink.replies.append(Reply(200))
    client.post("/v1/logs", b"first", {})
    sink.kill()
    sink.restart()
    sink.replies.append(Reply(200))
    assert client.post("/v1/logs", b"second", {}).status == 200
    assert [body for _, _, _, body in sink.requests] == [b"first", b"second"]


@pytest.mark.parametrize("bytes_sent", [0, 5])
def test_a_request_on_a_kept_connection_that_ends_without_an_answer_is_sent_once_more(
    sink: Sink, client: ServiceClient, bytes_sent: int
) -> None:
    sink.replies += [Reply(200), Reply(200, dies_after_bytes=bytes_sent), Reply(200, body=b"taken")]
    client.post("/v1/logs", b"first", {})
    assert client.post("/v1/logs", b"second", {}).body == b"taken"
    assert [body for _, _, _, body in sink.requests] == [b"first", b"second", b"second"]
    sink.replies += [Reply(200, dies_after_bytes=0), Reply(200, dies_after_bytes=0)]
    with pytest.raises(ShipError, match="does not answer"):
        client.post("/v1/logs", b"third", {})
    assert len(sink.requests) == 5


def test_a_service_that_closes_after_each_answer_is_understood(
    sink: Sink, client: ServiceClient
) -> None:
    for _ in range(2):
        sink.replies.append(Reply(200, {"Connection": "close"}, b"x"))
        assert client.post("/v1/logs", b"", {}).body == b"x"
    assert sink.connections == 2


def test_an_answer_in_chunks_is_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with _answering(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") as (port, _):
        assert ServiceClient(Target(f"http://127.0.0.1:{port}")).get("/").body == b"abcde"
    with (
        _answering(head + b"3\r\nabc\r\n2\r\nd") as (port, _),
        pytest.raises(ShipError, match="does not answer"),
    ):
        ServiceClient(Target(f"http://127.0.0.1:{port}")).get("/")


@pytest.mark.parametrize(
    ("endpoint", "api_key"),
    [("http://127.0.0.1:99999", None), ("http://", None), ("http://127.0.0.1", "a\r\nb: c")],
)
def test_what_no_request_can_be_made_of_is_an_error(endpoint: str, api_key: str | None) -> None:
    with pytest.raises(ShipError, match=r"is no address|no header can carry"):
        ServiceClient(Target(endpoint, api_key)).get("/")


@pytest.mark.parametrize("bytes_sent", [0, 5, 40])
def test_an_answer_that_is_cut_off_is_an_error(
    sink: Sink, client: ServiceClient, bytes_sent: int
) -> None:
    sink.replies.append(Reply(200, body=b"x" * 1000, dies_after_bytes=bytes_sent))
    with pytest.raises(ShipError, match="does not answer"):
        client.post("/v1/logs", b"", {})


def test_after_a_restart_of_the_service_the_client_connects_anew(
    sink: Sink, client: ServiceClient
) -> None:
    sink.replies.append(Reply(200))
    client.post("/v1/logs", b"", {})
    sink.kill()
    client.close()
    with pytest.raises(ShipError, match=r"does not answer: Connection refused$"):
        client.post("/v1/logs", b"", {})
    sink.restart()
    sink.replies.append(Reply(200))
    assert client.post("/v1/logs", b"", {}).status == 200


def test_an_answer_without_end_is_cut(
    sink: Sink, client: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 1000)
    sink.replies.append(Reply(200, body=b"x" * 200_000))
    with pytest.raises(ShipError, match="longer than 1000"):
        client.post("/v1/logs", b"", {})


def test_a_long_answer_that_is_cut_off_is_not_taken_for_a_whole_one(
    sink: Sink, client: ServiceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_ANSWER_BYTES", 1000)
    sink.replies.append(Reply(200, body=b"x" * 200_000, dies_after_bytes=500))
    with pytest.raises(ShipError, match="does not answer"):
        client.post("/v1/logs", b"", {})


def test_garbage_instead_of_http_is_an_error() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(b"\x00\x01\x02 this is not http\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(ShipError):
        ServiceClient(Target(f"http://127.0.0.1:{listener.getsockname()[1]}")).get("/")
    thread.join()
    listener.close()


def test_a_name_that_does_not_resolve_is_an_error_without_secrets() -> None:
    with pytest.raises(ShipError) as caught:
        ServiceClient(Target("http://no-such-host.invalid", "s3cret")).get("/?q=secret")
    assert "s3cret" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("is_proxied", [False, True])
def test_the_host_s_own_instrumentation_is_told_to_look_away(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, *, is_proxied: bool
) -> None:
    seen: list[object] = []
    original = http.client.HTTPResponse.read

    def spying(response: http.client.HTTPResponse, amt: int | None = None) -> bytes:
        seen.append(context.get_value("suppress_instrumentation"))
        return original(response, amt)

    monkeypatch.setattr(http.client.HTTPResponse, "read", spying)
    if is_proxied:
        monkeypatch.setenv("http_proxy", sink.url)
    sink.replies.append(Reply(200, body=b"x"))
    client = ServiceClient(Target("http://log.example" if is_proxied else sink.url))
    assert client.post("/v1/logs", b"", {}).status == 200
    client.close()
    assert set(seen) == {True}
    assert context.get_value("suppress_instrumentation") is None


@pytest.mark.parametrize(
    ("endpoint", "is_local", "in_clear"),
    [
        ("http://127.0.0.1:4318", True, False),
        ("http://localhost:4318", True, False),
        ("http://[::1]:4318", True, False),
        ("http://log.example", False, True),
        ("https://log.example", False, False),
    ],
)
def test_a_key_in_clear_is_noticed(endpoint: str, is_local: bool, in_clear: bool) -> None:
    target = Target(endpoint, "s3cret")
    assert (target.is_local, target.sends_key_in_clear) == (is_local, in_clear)
    assert "s3cret" not in repr(target)
    assert not Target(endpoint).sends_key_in_clear


@contextmanager
def _answering(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Give the port of a server that reads one request, answers and closes, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65536))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], asked
        thread.join()
