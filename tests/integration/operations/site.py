"""A service, gRPC and a dashboard as processes of their own, behind a real proxy that ends TLS."""

import contextlib
import datetime as dt
import http.client
import json
import os
import ssl
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.patience import PATIENCE_S, until
from tests.ports import free_port
from tests.sending import JSON, PROTOBUF, as_protobuf, batch, logs_protobuf, span_json
from tests.serving import TALLYSTICK, Answer, Service
from tests.stores import Emitter

NGINX = Path(__file__).resolve().parents[3] / "packaging" / "proxy" / "nginx.conf"
OTLP, AUDIT = "otlp.example.com", "audit.example.com"
SPANS = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Site:
    """A service, a dashboard of its own process, and nginx before both."""

    def __init__(self, root: Path, *trusted: str) -> None:
        self.root = root
        self.https, self.grpcs, self.dashboard_port = free_port(), free_port(), free_port()
        self.rpc = free_port()
        self.service = Service(root / "service", ["--grpc-port", str(self.rpc), *trusted])
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self) -> "Site":
        self.service.start()
        self._run(
            *(TALLYSTICK, "dashboard", "--service", f"http://127.0.0.1:{self.service.port}"),
            *("--port", str(self.dashboard_port), "--allowed-host", AUDIT, "--log-format", "json"),
        )
        certify(self.root)
        self._start_proxy()
        self._until(lambda: self.ask("GET", "/readyz").status == 200)
        self._until(lambda: self.ask("GET", "/login", host=AUDIT).status == 200)
        return self

    def stop(self) -> None:
        for process in self.started:
            process.terminate()
        for process in self.started:
            process.wait(PATIENCE_S)
        self.service.kill()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        host: str = OTLP,
    ) -> Answer:
        """Send one request through nginx."""
        trusted = ssl.create_default_context(cafile=str(self.root / "tls.crt"))
        trusted.check_hostname = False
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.https, timeout=PATIENCE_S, context=trusted
        )
        named = {"Host": f"{host}:{self.https}", **(headers or {})}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def claim(self) -> str:
        """Use the one-time link through nginx, and return the cookie that is set."""
        token = self.service.output.rpartition("/admin#")[2].split()[0]
        body = json.dumps({"token": token}).encode()
        answer = self.ask("POST", "/admin/claim", body, {"Content-Type": JSON})
        assert answer.status == 200, answer.body
        return answer.headers["set-cookie"]

    def _start_proxy(self) -> None:
        (self.root / "nginx.conf").write_text(self._configuration(), "utf-8")
        self._run("nginx", "-p", str(self.root), "-c", "nginx.conf", "-e", "error.log")

    def _run(self, *command: str) -> None:
        with (self.root / "output.txt").open("ab") as output:
            self.started.append(
                subprocess.Popen(
                    command,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(self.root)},
                )
            )

    def _configuration(self) -> str:
        """Return what is shipped, with the ports and files of this test."""
        text = adapted(
            NGINX,
            ("listen 443 ", f"listen 127.0.0.1:{self.https} "),
            ("listen 4317 ", f"listen 127.0.0.1:{self.grpcs} "),
            ("127.0.0.1:4318;", f"127.0.0.1:{self.service.port};"),
            ("127.0.0.1:4317;", f"127.0.0.1:{self.rpc};"),
            ("127.0.0.1:8501;", f"127.0.0.1:{self.dashboard_port};"),
            ("/etc/nginx/tls/tallystick", str(self.root / "tls")),
        )
        folders = "".join(
            f"{name}_temp_path {self.root}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"daemon off;\npid {self.root}/nginx.pid;\nuser root;\n"
            f"events {{}}\nhttp {{\n{folders}{text}\n}}\n"
        )

    def _until(self, holds: Callable[[], bool]) -> None:
        def answers() -> bool:
            with contextlib.suppress(OSError):
                return holds()
            return False

        until(answers, self._logs)

    def _logs(self) -> str:
        paths = [self.root / name for name in ("output.txt", "error.log")]
        return "\n".join(path.read_text("utf-8") for path in paths if path.exists())


def adapted(shipped: Path, *changes: tuple[str, str]) -> str:
    """Return a configuration that is shipped, with other ports and files; each has to stand in it."""
    text = shipped.read_text("utf-8")
    for found, own in changes:
        assert found in text
        text = text.replace(found, own)
    return text


def certify(root: Path) -> None:
    """Write a certificate for both names, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, OTLP)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(OTLP), x509.DNSName(AUDIT)]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (root / "tls.crt").write_bytes(made.public_bytes(pem))
    (root / "tls.key").write_bytes(private)


def require_records_through(site: Site) -> None:
    """Send records, good and bad; the answers are those of the service."""
    assert site.service.enrol().status == 200
    key = {**site.service.authorization, "Content-Type": PROTOBUF}
    sent = site.ask("POST", "/v1/logs", logs_protobuf(batch(Emitter("proxied"), 2)), key)
    assert (sent.status, sent.headers["content-type"]) == (200, PROTOBUF)
    assert sent.headers["tallystick-checkpoint"]
    assert site.ask("POST", "/v1/logs", b"\xff", key).status == 400
    assert site.ask("POST", "/v1/logs", b"", {"Content-Type": PROTOBUF}).status == 401
    assert site.ask("GET", "/api/v1/status", headers=key).json["counts"]["events"] > 2


def require_grpc_through(site: Site) -> None:
    """Send a span over gRPC, with a key and without."""
    root = grpc.ssl_channel_credentials((site.root / "tls.crt").read_bytes())
    options = [("grpc.ssl_target_name_override", OTLP)]
    key = (("authorization", site.service.authorization["Authorization"]),)
    with grpc.secure_channel(f"127.0.0.1:{site.grpcs}", root, options) as channel:
        call = channel.unary_unary(SPANS)
        body = as_protobuf(span_json({}))
        assert call(body, metadata=key, timeout=PATIENCE_S, wait_for_ready=True) == b""
        with pytest.raises(grpc.RpcError) as refused:
            call(body, timeout=PATIENCE_S)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
