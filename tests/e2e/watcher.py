"""Watches a page while a test uses it: what a browser complains about, and what a reader could not use.

A fault is a sentence. Watched are errors on the console and of scripts, violations of the content
security policy, requests to any other place than the dashboard, dialogs (no page of ours opens one,
so one that opens is an attacker's), and what axe calls serious or critical.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import ConsoleMessage, Dialog, Page, Request

_LOCAL: Final = ("about", "blob", "data")
_REPORT: Final = """
document.addEventListener("securitypolicyviolation", (event) =>
  window.tallystickViolation(`${event.violatedDirective} forbids ${event.blockedURI || "inline"}`));
"""
_GRAVE: Final = ("serious", "critical")


class Watcher:
    """The faults of one page, from the moment at which it is made."""

    def __init__(self, page: Page, origin: str) -> None:
        """Watch `page`; only `origin` (scheme, host, port) may be asked for anything."""
        self.page = page
        self.faults: list[str] = []
        self._host = urlsplit(origin).netloc
        page.expose_binding("tallystickViolation", self._on_violation)
        page.add_init_script(_REPORT)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        page.on("request", self._on_request)
        page.on("websocket", lambda socket: self._on_address(socket.url))
        page.on("dialog", self._on_dialog)

    def accessibility(self) -> list[str]:
        """Ask axe; every element of a serious or critical finding, with its selector."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"axe: {one['id']} at {' '.join(map(str, node['target']))}: {_summary(node)}"
            for one in found
            if one["impact"] in _GRAVE
            for node in one["nodes"]
        ]

    def forget(self) -> None:
        """Start anew, after a step in which faults are expected."""
        self.faults.clear()

    def _on_violation(self, _source: object, text: str) -> None:
        self.faults.append(f"content security policy: {text}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        self._on_address(request.url)

    def _on_address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _LOCAL and parts.netloc != self._host:
            self.faults.append(f"request to another place: {url}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def _summary(node: dict[str, Any]) -> str:
    return str(node.get("failureSummary", "")).replace("\n", " ")
