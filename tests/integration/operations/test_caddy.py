"""Separate processes behind a real Caddy with the configuration that is shipped, as behind nginx."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.integration.operations.test_proxy import AUDIT, OTLP, SPANS, Site, adapted
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.sending import PROTOBUF, as_protobuf, batch, logs_protobuf, span_json
from tests.stores import Emitter

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    requirement("operations.separate"),
    pytest.mark.skipif(shutil.which("caddy") is None, reason="there is no caddy on this machine"),
]

SHIPPED = Path(__file__).resolve().parents[3] / "packaging" / "proxy" / "Caddyfile"
GLOBAL = """{
	admin off
	auto_https disable_redirects
	default_sni %s
	storage file_system %s
}
"""
"""What a test needs beside what is shipped: no ports of the machine's own, no certificate from elsewhere."""


class CaddySite(Site):
    """A service, a dashboard of its own process, and Caddy before both."""

    def _start_proxy(self) -> None:
        configuration = self.root / "Caddyfile"
        configuration.write_text(
            GLOBAL % (OTLP, self.root / "caddy") + self._configuration(), "utf-8"
        )
        self._run("caddy", "run", "--config", str(configuration), "--adapter", "caddyfile")

    def _configuration(self) -> str:
        own = f"tls {self.root}/tls.crt {self.root}/tls.key"
        return adapted(
            SHIPPED,
            (f"{OTLP}:4317 {{\n", f"{OTLP}:{self.grpcs} {{\n\t{own}\n"),
            (f"{OTLP} {{\n", f"{OTLP}:{self.https} {{\n\t{own}\n"),
            (f"{AUDIT} {{\n", f"{AUDIT}:{self.https} {{\n\t{own}\n"),
            ("127.0.0.1:4318", f"127.0.0.1:{self.service.port}"),
            ("127.0.0.1:4317", f"127.0.0.1:{self.rpc}"),
            ("127.0.0.1:8501", f"127.0.0.1:{self.dashboard_port}"),
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CaddySite]:
    made = CaddySite(tmp_path_factory.mktemp("site"), "--trusted-proxies", "127.0.0.1")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_records_go_through_with_their_answers(site: CaddySite) -> None:
    assert site.service.enrol().status == 200
    key = {**site.service.authorization, "Content-Type": PROTOBUF}
    sent = site.ask("POST", "/v1/logs", logs_protobuf(batch(Emitter("proxied"), 2)), key)
    assert (sent.status, sent.headers["content-type"]) == (200, PROTOBUF)
    assert sent.headers["tallystick-checkpoint"]
    assert site.ask("POST", "/v1/logs", b"\xff", key).status == 400
    assert site.ask("POST", "/v1/logs", b"", {"Content-Type": PROTOBUF}).status == 401
    assert site.ask("GET", "/api/v1/status", headers=key).json["counts"]["events"] > 2


def test_a_body_over_the_limit_is_refused_by_the_service(site: CaddySite) -> None:
    key = {**site.service.authorization, "Content-Type": PROTOBUF}
    answer = site.ask("POST", "/v1/logs", bytes((64 << 20) + 1), key)
    assert (answer.status, answer.headers["content-type"]) == (413, PROTOBUF)
    assert site.ask("POST", "/v1/logs", b"\xff" * (65 << 20 >> 1), key).status == 400


def test_grpc_goes_through(site: CaddySite) -> None:
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


def test_the_dashboard_alone_is_reached_under_its_name_only(site: CaddySite) -> None:
    assert site.ask("GET", "/", host=AUDIT).status == 303
    assert site.ask("GET", "/login", host=OTLP).status == 404
    stranger = site.ask("GET", "/login", host="evil.example")
    assert b"<html" not in stranger.body


def test_a_proxy_that_is_trusted_says_how_it_was_asked(site: CaddySite) -> None:
    assert "; Secure" in site.claim()


def test_the_configuration_forwards_only_what_the_proxy_knows() -> None:
    text = SHIPPED.read_text("utf-8")
    assert set(re.findall(r"X-Forwarded-For (\S+)", text)) == {"{remote_host}"}
    assert "log" not in text.split()
