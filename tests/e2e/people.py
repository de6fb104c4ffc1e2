"""Somebody at a screen: one browser context, one watched page, and what a person does with them."""

from collections.abc import Mapping
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.watcher import Watcher
from tests.e2e.world import World
from tests.patience import until

READY: Final = (
    '[data-testid="stApp"][data-test-script-state="notRunning"]'
    '[data-test-connection-state="CONNECTED"]'
)
HEAD: Final = ".st-key-integrity_strip, .st-key-page_error"
"""One of them stands on every page, before its own part."""

DRAWN_LATER: Final = '[data-stale="true"], [data-testid="stSkeleton"]'
"""What a rerun has yet to replace, and what stands in for a part whose script is still loading."""

PATIENCE_MS: Final = 240_000
"""A rerun takes a tenth of a second; a busy machine may take much longer."""

_TEXT: Final = """
() => {
  const told = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) told.push(node.data);
    if (node.nodeType === Node.ELEMENT_NODE && ["SCRIPT", "STYLE"].includes(node.tagName)) return;
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  return told.join("\\n");
}
"""
_MOVING: Final = "node => node.getAnimations({subtree: true}).length"
_COUNT: Final = """
() => {
  const count = (root) => [...root.querySelectorAll("*")]
    .reduce((sum, node) => sum + 1 + (node.shadowRoot ? count(node.shadowRoot) : 0), 0);
  return count(document);
}
"""


class Visitor:
    """A person at a dashboard."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        """Open a page that asks for nothing yet; `url` is where the dashboard answers."""
        context.set_default_timeout(PATIENCE_MS)
        self.context = context
        self.url = url
        self.page: Page = context.new_page()
        self.watcher = Watcher(self.page, url)

    def open(self, path: str = "/") -> "Visitor":
        """Open a page of the dashboard and wait until it stands."""
        self.page.goto(f"{self.url}{path}")
        return self.settle()

    def reload(self) -> "Visitor":
        """Load the page anew, as it stands in the address line."""
        self.page.reload()
        return self.settle()

    def settle(self) -> "Visitor":
        """Wait until the page has its head, its script has run, nothing is stale, rows are drawn."""
        expect(self.page.locator(HEAD).first).to_be_attached(timeout=PATIENCE_MS)
        expect(self.page.locator(READY)).to_be_attached(timeout=PATIENCE_MS)
        expect(self.page.locator(DRAWN_LATER)).to_have_count(0, timeout=PATIENCE_MS)
        if self.page.locator(".st-key-waterfall").count():
            expect(self.page.locator("[data-span]").first).to_be_attached(timeout=PATIENCE_MS)
        return self

    def sign_in_with_link(self, link: str) -> None:
        """Use the one-time link up."""
        self.page.goto(link)
        button = self.page.get_by_role("button")
        if button.count():
            button.first.click()
        self.page.wait_for_url(lambda url: "/login" not in url)
        self.settle()

    def sign_in(self, name: str, password: str) -> None:
        """Sign in by name and password, where the page is the form for it."""
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def part(self, key: str) -> Locator:
        """Find the part of a page that has this key."""
        return self.page.locator(f".st-key-{key}").first

    def unfold(self, title: str) -> Locator:
        """Open an expander, and wait until it has stopped growing: a click on what moves is lost."""
        found = self.page.get_by_test_id("stExpander").filter(has_text=title).first
        found.locator("summary").click()
        expect(found.locator("details")).to_have_attribute("open", "")
        until(lambda: not found.evaluate(_MOVING))
        return found

    def text(self) -> str:
        """Every text of the page, also in components, as it stands in the document."""
        return str(self.page.evaluate(_TEXT))

    def node_count(self) -> int:
        """Count the elements of the page, also in components."""
        return int(self.page.evaluate(_COUNT))

    def state(self) -> Mapping[str, Any]:
        """What the browser keeps, to sign in another page."""
        kept: Mapping[str, Any] = self.context.storage_state()
        return kept

    def faults(self) -> list[str]:
        """Everything that is wrong with the page so far."""
        found = self.watcher.accessibility()  # takes a while, in which the browser tells the rest
        return [*self.watcher.faults, *found]


def signed_in(browser: Browser, world: World, name: str, role: str) -> Mapping[str, Any]:
    """Make an account with a role and sign in by it, once; return what the browser keeps."""
    password = world.account(name, role)
    with browser.new_context() as context:
        visitor = Visitor(context, world.url)
        visitor.page.goto(f"{world.url}/login")
        visitor.sign_in(name, password)
        visitor.page.wait_for_url(lambda url: "/login" not in url)
        visitor.settle()
        return visitor.state()
