"""Separate processes behind a real nginx with the configuration that is shipped: service, gRPC and dashboard."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.operations.site import (
    AUDIT,
    NGINX,
    OTLP,
    Site,
    require_grpc_through,
    require_records_through,
)
from tests.requirements import requirement
from tests.sending import PROTOBUF
from tests.serving import Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("operations.separate")]

Make = Callable[..., Service]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"), "--trusted-proxies", "127.0.0.1")
    try:
        yield made.start()
    finally:
        made.stop()


def test_records_go_through_with_their_answers(site: Site) -> None:
    require_records_through(site)


def test_a_body_over_the_limit_is_refused_by_the_proxy(site: Site) -> None:
    length = str(64 * 1024 * 1024 + 1)
    headers = {"Content-Length": length, "Content-Type": PROTOBUF}
    answer = site.ask("POST", "/v1/logs", None, headers)
    assert answer.status == 413


def test_grpc_goes_through(site: Site) -> None:
    require_grpc_through(site)


def test_the_dashboard_alone_is_reached_under_its_name_only(site: Site) -> None:
    assert site.ask("GET", "/", host=AUDIT).status == 303
    assert site.ask("GET", "/login", host=OTLP).status == 404
    assert site.ask("GET", "/login", host="evil.example").status in (400, 404)
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": f"https://{AUDIT}:{site.https}",
    }
    stream = site.ask("GET", "/_stcore/stream", headers=upgrade, host=AUDIT)
    assert stream.status == 403


def test_a_proxy_that_is_trusted_says_how_it_was_asked(site: Site) -> None:
    assert "; Secure" in site.claim()


def test_a_proxy_that_is_not_named_is_not_believed(tmp_path: Path) -> None:
    site = Site(tmp_path, "--metrics", "local")
    try:
        site.start()
        assert "; Secure" not in site.claim()
        assert site.ask("GET", "/metrics").status == 403
        assert site.service.ask("GET", "/metrics").status == 200
    finally:
        site.stop()


def test_the_configuration_forwards_only_what_the_proxy_knows() -> None:
    text = NGINX.read_text("utf-8")
    assert set(re.findall(r"X-Forwarded-For (\S+);", text)) == {"$remote_addr"}
    assert "access_log off;" in text
