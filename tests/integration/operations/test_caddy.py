"""Separate processes behind a real Caddy with the configuration that is shipped, as behind nginx."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.operations.site import (
    AUDIT,
    OTLP,
    Site,
    adapted,
    require_grpc_through,
    require_records_through,
)
from tests.requirements import requirement
from tests.sending import PROTOBUF

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
    require_records_through(site)


def test_a_body_over_the_limit_is_refused_by_the_service(site: CaddySite) -> None:
    key = {**site.service.authorization, "Content-Type": PROTOBUF}
    answer = site.ask("POST", "/v1/logs", bytes((64 << 20) + 1), key)
    assert (answer.status, answer.headers["content-type"]) == (413, PROTOBUF)
    assert site.ask("POST", "/v1/logs", b"\xff" * (65 << 20 >> 1), key).status == 400


def test_grpc_goes_through(site: CaddySite) -> None:
    require_grpc_through(site)


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
