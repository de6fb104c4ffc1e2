"""TLS on the service's own ports, with real certificates and real clients; and who a client's certificate is."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import grpc
import pytest
import requests
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from tests.certificates import Authority, Pair
from tests.integration.ingest.tls_service import GRANTS, Secured, secured, send, send_rpc
from tests.patience import PATIENCE_S, until
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, batch, logs_protobuf, partial, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def collector(authority: Authority) -> Pair:
    return authority.client("collector", "spiffe://example.org/collector")


@pytest.fixture(scope="module")
def service(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    options = ("--tls-client-ca", str(authority.file), "--tls-grants", GRANTS)
    made = secured(tmp_path_factory.mktemp("service"), authority, *options)
    made.start()
    yield made
    made.kill()


def assert_commands_need_it(
    service: Secured, authority: Authority, shown: Mapping[str, str]
) -> None:
    environ = {
        **service.environment,
        "TALLYSTICK_ENDPOINT": service.url,
        "TALLYSTICK_API_KEY": service.credentials["api_key"],
        "SSL_CERT_FILE": str(authority.file),
    }
    without = service.tallystick("actions", environment=environ)
    assert (without.returncode, "want a certificate of this client" in without.stderr) == (1, True)
    clear = {**environ, "TALLYSTICK_ENDPOINT": service.url.replace("https:", "http:")}
    in_clear = service.tallystick("actions", environment=clear)
    assert (in_clear.returncode, "does it speak TLS" in in_clear.stderr) == (1, True)
    assert service.tallystick("actions", environment={**environ, **shown}).returncode == 0
    tail = ("tail", "--after", "0", "--count", "1", "--json")
    assert service.tallystick(*tail, environment={**environ, **shown}).returncode == 0
    verify = ("verify", "--url", service.url)
    unshown = service.tallystick(*verify, environment=environ)
    assert (unshown.returncode, "want a certificate of this client" in unshown.stdout) == (1, True)
    verified = service.tallystick(*verify, environment={**environ, **shown})
    assert verified.returncode == 2, verified.stdout
    mistaken = {**environ, **shown, "TALLYSTICK_CLIENT_CERTIFICATE": str(service.root)}
    unread = service.tallystick(*verify, environment=mistaken)
    assert (unread.returncode, "are no certificate and its key" in unread.stdout) == (1, True)


def span_names(service: Secured) -> set[str]:
    found = [json.loads(span) for one in service.records() for span in one.get("records", ())]
    return {span["name"] for span in found}


@requirement("tls.ports")
@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_exporters_of_opentelemetry_send_over_tls(
    service: Secured, authority: Authority, transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # `requests` takes them for the exporter's own file
    key = service.credentials["api_key"]
    exporter: SpanExporter
    if transport == "http":
        exporter = HttpExporter(
            f"{service.url}/v1/traces",
            certificate_file=str(authority.file),
            headers={"authorization": f"Bearer {key}"},
            timeout=PATIENCE_S,
        )
    else:
        exporter = GrpcExporter(
            f"https://localhost:{service.grpc_port}",
            credentials=grpc.ssl_channel_credentials(authority.file.read_bytes()),
            headers=(("authorization", f"Bearer {key}"),),
            timeout=PATIENCE_S,
        )
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("tls").start_as_current_span(f"execute_tool over {transport}"):
        pass
    provider.shutdown()
    assert f"execute_tool over {transport}" in span_names(service)


PROGRAM = (
    "import tallystick\ntallystick.instrument()\n"
    "with tallystick.tool_call('search', {'q': 'tls'}) as call:\n    call.result('found')\n"
    "assert tallystick.flush(60_000)\n"
)


@requirement("tls.ports")
def test_the_sdk_delivers_over_tls(service: Secured, authority: Authority, tmp_path: Path) -> None:
    assert_delivered(service, authority, tmp_path, {})


def assert_delivered(
    service: Secured, authority: Authority, tmp_path: Path, shown: Mapping[str, str]
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environ = {
        **service.environment,
        "TALLYSTICK_HOME": str(home),
        "TALLYSTICK_ENDPOINT": service.url,
        "TALLYSTICK_API_KEY": service.credentials["api_key"],
        "SSL_CERT_FILE": str(authority.file),
        **shown,
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    stated = service.statements("tool.completed")
    assert [one for one in stated if one.get("tool.name") == "search"]
    assert "execute_tool search" in span_names(service)


@requirement("tls.ports")
def test_a_tail_over_tls_trusts_whom_the_environment_names_and_else_ends_at_once(
    service: Secured, authority: Authority
) -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    assert service.send(span_json(tool), "/v1/traces", JSON).status == 200
    environ = {
        **service.environment,
        "TALLYSTICK_ENDPOINT": service.url,
        "TALLYSTICK_API_KEY": service.credentials["api_key"],
    }
    tail = ("tail", "--after", "0", "--count", "1", "--json")
    refused = service.tallystick(*tail, environment=environ)
    assert refused.returncode == 1
    assert "its certificate is not trusted: self-signed certificate" in refused.stderr
    trusting = {**environ, "SSL_CERT_FILE": str(authority.file)}
    followed = service.tallystick(*tail, environment=trusting)
    assert (followed.returncode, followed.stderr) == (0, "")
    assert json.loads(followed.stdout)


@requirement("tls.ports")
def test_nothing_is_said_in_clear_and_nothing_by_an_old_protocol(
    service: Secured, authority: Authority
) -> None:
    with pytest.raises(requests.RequestException):
        requests.get(f"http://127.0.0.1:{service.outer}/healthz", timeout=PATIENCE_S)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{service.url}/healthz", timeout=PATIENCE_S)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.file)
    for version, is_taken in ((ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)):
        context.minimum_version = context.maximum_version = version
        assert _handshake(context, service.outer) == is_taken
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(authority.file)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLS"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert not _handshake(old, service.outer)


@requirement("tls.clients")
def test_a_certificate_is_worth_what_a_rule_says(
    service: Secured, authority: Authority, collector: Pair, tmp_path: Path
) -> None:
    assert send(service, authority, collector) == 200
    reader, stranger = (
        authority.client("reader.example.org"),
        authority.client("collector.evil.org"),
    )
    assert send(service, authority, reader) == 403
    assert send(service, authority, stranger) == 401
    assert send(service, authority) == 401
    assert send(service, authority, stranger, headers=service.authorization) == 200
    shown = requests.get(
        f"{service.url}/api/v1/me",
        cert=(str(reader.certificate), str(reader.key)),
        verify=str(authority.file),
        timeout=PATIENCE_S,
    ).json()
    assert shown["scopes"] == ["read"]
    assert shown["name"] == "reader.example.org"
    forged = Authority(tmp_path / "forged").client("collector2", "spiffe://example.org/collector")
    with pytest.raises(requests.RequestException):
        send(service, authority, forged)


@requirement("tls.clients")
def test_whoever_renews_a_certificate_goes_on_with_its_sessions(
    service: Secured, authority: Authority
) -> None:
    service.enrol()
    emitter, uri = Emitter("renewing"), "spiffe://example.org/collector"
    for is_opened in (True, False):
        pair = authority.client("renewed.example.org", uri)
        body = logs_protobuf(batch(emitter, opened=is_opened))
        answer = requests.post(
            f"{service.url}/v1/logs",
            body,
            headers={"Content-Type": PROTOBUF},
            verify=str(authority.file),
            cert=(str(pair.certificate), str(pair.key)),
            timeout=PATIENCE_S,
        )
        assert (answer.status_code, partial(answer.content)) == (200, (0, ""))


@requirement("tls.clients", "access.recorded")
def test_the_record_of_an_access_says_which_certificate_it_was(
    service: Secured, authority: Authority
) -> None:
    reader = authority.client("reader.example.org")
    answer = requests.get(
        f"{service.url}/api/v1/actions?limit=9",
        verify=str(authority.file),
        cert=(str(reader.certificate), str(reader.key)),
        timeout=PATIENCE_S,
    )
    assert answer.status_code == 200
    service.stop()
    service.start()
    [said] = [one for one in service.records() if reader.fingerprint in json.dumps(one)]
    assert json.loads(said["statement"])["type"] == "access.search"
    assert reader.fingerprint not in said["statement"]
    assert "credential.evidence" in json.dumps(said["disclosures"])


@requirement("tls.clients")
@pytest.mark.parametrize(
    "name", [":certificate", "X-Client-Certificate", "X-SSL-Client-Cert", "X-Forwarded-Client-Cert"]
)
def test_no_header_stands_for_a_certificate(service: Secured, name: str) -> None:
    stated = '{"uri": ["spiffe://example.org/collector"], "fingerprint": "00"}'
    head = f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n{name}: {stated}\r\nConnection: close\r\n\r\n"

    with socket.create_connection(("127.0.0.1", service.port), PATIENCE_S) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert answer.split(b" ", 2)[1] in (b"400", b"401")


@requirement("tls.clients")
def test_where_a_certificate_is_required_nobody_comes_without(
    authority: Authority, collector: Pair, tmp_path: Path
) -> None:
    options = ("--tls-client-ca", str(authority.file), "--tls-grants", GRANTS)
    service = secured(
        tmp_path / "service", authority, *options, "--tls-client-certificate", "required"
    )
    service.start()
    try:
        key = service.credentials["api_key"]
        assert send(service, authority, collector) == 200
        assert send_rpc(service, authority, collector) == grpc.StatusCode.OK
        stranger = authority.client("nobody.example.org")
        assert send_rpc(service, authority, stranger) == grpc.StatusCode.UNAUTHENTICATED
        assert send_rpc(service, authority, stranger, key) == grpc.StatusCode.OK
        with pytest.raises(requests.RequestException):
            send(service, authority, headers=service.authorization)
        assert send_rpc(service, authority, key=key) != grpc.StatusCode.OK
        shown = {
            "TALLYSTICK_CLIENT_CERTIFICATE": str(stranger.certificate),
            "TALLYSTICK_CLIENT_KEY": str(stranger.key),
        }
        assert_delivered(service, authority, tmp_path, shown)
        assert_commands_need_it(service, authority, shown)
    finally:
        service.kill()


@requirement("tls.ports")
def test_a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not(
    authority: Authority, tmp_path: Path
) -> None:
    pair = Authority(tmp_path / "first").server()
    service = secured(tmp_path / "service", authority, server=pair)
    service.start()
    try:
        with pytest.raises(requests.exceptions.SSLError):
            send(service, authority, headers=service.authorization)
        whole = pair.certificate.read_bytes()
        pair.certificate.write_text("nothing")
        os.kill(service.pid, signal.SIGHUP)
        until(lambda: "stays what it was" in service.output)
        pair.certificate.write_bytes(whole)
        renewed = authority.server("renewed")
        pair.key.write_bytes(renewed.key.read_bytes())
        pair.certificate.write_bytes(renewed.certificate.read_bytes())
        os.kill(service.pid, signal.SIGHUP)
        until(lambda: "was read again" in service.output)
        assert send(service, authority, headers=service.authorization) == 200
        key = service.credentials["api_key"]
        assert send_rpc(service, authority, key=key) == grpc.StatusCode.OK
    finally:
        service.kill()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda pair: pair.key.unlink(), "cannot be read"),
        (lambda pair: pair.key.chmod(0o644), "chmod 640"),
        (
            lambda pair: pair.key.write_bytes(pair.certificate.read_bytes()),
            "no certificate and key",
        ),
        (lambda pair: pair.certificate.write_text("x"), "no certificate and key"),
        (lambda pair: pair.certificate.write_bytes(b"\x00" * (2 << 20)), "larger than"),
    ],
)
def test_files_that_cannot_be_used_are_said_before_anything_listens(
    make_service: Callable[..., Service], tmp_path: Path, spoil: Callable[[Pair], object], said: str
) -> None:
    pair = Authority(tmp_path / "authority").server()
    spoil(pair)
    up = make_service().tallystick(
        "up", "--tls-certificate", str(pair.certificate), "--tls-key", str(pair.key)
    )
    assert (up.returncode, said in up.stderr) == (1, True), up.stderr


def test_what_does_not_go_together_is_said(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    one, other = authority.server(), authority.server("other")
    hidden = authority.server("hidden", b"a password")
    files = ("--tls-certificate", str(one.certificate), "--tls-key")
    for options, said in (
        (files[:2], "go together"),
        ((*files, str(other.key)), "not the key of"),
        (("--tls-certificate", str(hidden.certificate), "--tls-key", str(hidden.key)), "encrypted"),
        ((*files, str(one.key), "--tls-client-certificate", "required"), "--tls-client-ca"),
        ((*files, str(one.key), "--tls-client-ca", str(one.key)), "no certificate of an authority"),
        ((*files, str(one.key), "--tls-grants", "dns=x->ingest"), "--tls-client-ca"),
        ((*files, str(one.key), "--tls-client-crl", str(one.key)), "--tls-client-ca"),
    ):
        up = make_service().tallystick("up", *options)
        assert (up.returncode, said in up.stderr) == (1, True), (options, up.stderr)


def _handshake(context: ssl.SSLContext, port: int) -> bool:

    with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as connection:
        try:
            with context.wrap_socket(connection, server_hostname="localhost"):
                return True
        except (ssl.SSLError, ConnectionError):
            return False
