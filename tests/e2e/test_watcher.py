"""The watcher sees each thing that it is there to see; without this, its silence would say nothing."""

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from playwright.sync_api import Browser

from tests.e2e.chromium import chromium_path
from tests.e2e.watcher import Watcher
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_CLEAN = (
    '<!doctype html><html lang="en"><head><title>t</title><link rel="icon" href="data:,"></head>'
    "<body><main><h1>Fine</h1>{}</main></body></html>"
)
_DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACw="


class _Pages(BaseHTTPRequestHandler):
    """Serves the body that stands in the query, under a strict policy."""

    body = ""

    def do_GET(self) -> None:
        found = self.path == "/"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Security-Policy", "script-src 'self' 'sha256-none' 'nonce-x'")
        self.end_headers()
        self.wfile.write(_CLEAN.format(self.body).encode() if found else b"")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def faults_of(browser: Browser, origin: str, body: str, awaited: str | None = None) -> list[str]:
    """Say what is wrong with a page; the browser may take its time to tell what is awaited."""
    _Pages.body = body
    with browser.new_page() as page:
        watcher = Watcher(page, origin)
        page.goto(f"{origin}/")
        page.wait_for_load_state("networkidle")
        found = watcher.accessibility()
        end_s = time.monotonic() + PATIENCE_S
        while awaited and not begins(awaited, [*watcher.faults, *found]):
            assert time.monotonic() < end_s, [*watcher.faults, *found]
            page.wait_for_timeout(50)
        return [*watcher.faults, *found]


def begins(text: str, faults: list[str]) -> bool:
    return any(fault.startswith(text) for fault in faults)


def test_a_page_without_fault_has_none(browser: Browser, origin: str) -> None:
    assert faults_of(browser, origin, f"<img alt='dot' src='{_DOT}'>") == []


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ("<script nonce=x>console.error('broken')</script>", "console: broken"),
        ("<script nonce=x>missing()</script>", "script error: missing is not defined"),
        ("<script nonce=x>alert('mine')</script>", "dialog: mine"),
        ("<script>1</script>", "content security policy: script-src-elem forbids inline"),
        (
            "<img alt='' src='http://127.0.0.1:9/x.png'>",
            "request to another place: http://127.0.0.1:9/x.png",
        ),
        (
            "<script nonce=x>new WebSocket('ws://127.0.0.1:9/')</script>",
            "request to another place: ws://127.0.0.1:9/",
        ),
        ("<img src='/gone.png' alt=''>", "console: Failed to load resource"),
        ("<button></button>", "axe: button-name at button"),
        ("<p style='color:#aaa;background:#fff'>pale</p>", "axe: color-contrast at p"),
    ],
)
def test_each_kind_of_fault_is_seen(browser: Browser, origin: str, body: str, seen: str) -> None:
    assert begins(seen, faults_of(browser, origin, body, seen))


def test_a_machine_without_a_browser_is_told_what_to_install() -> None:
    with pytest.raises(AssertionError, match="apt-get install chromium"):
        chromium_path(("no-such-browser",))
