"""Take the README's picture: `python -m examples.screenshot`, or `make screenshot`, after `make demo`.

It opens the dashboard over the demonstration's data, signs in with the one-time link, and writes the
trace page to docs/images/trace.png. Needs Chromium (Debian: `apt-get install chromium`).
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from examples.demo.__main__ import DATA, PLACE, SECRETS, Spot, first_spot
from examples.demo.scene import environment_of, free_port, wait_for

PICTURE: Final = Path("docs/images/trace.png")
MAX_BYTES: Final = 300_000
SIZE: Final[ViewportSize] = {"width": 1440, "height": 900}
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
READY: Final = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PATIENCE_MS: Final = 30_000
MAX_LOOKS: Final = 30
LOOK_AGAIN_MS: Final = 2_000


def main() -> int:
    """Take the picture; end with an error where the demonstration's data or a browser is missing."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("no Chromium here: apt-get install chromium")
    if not DATA.exists():
        raise SystemExit(f"{DATA} is missing: run `make demo` first")
    environment = environment_of(PLACE / "home")
    port, dashboard = free_port(), free_port()
    environment["TALLYSTICK_ENDPOINT"] = f"http://127.0.0.1:{port}"
    command = ["tallystick", "up", "--port", str(port), "--dashboard-port", str(dashboard)]
    command += ["--data", str(DATA), "--secrets", str(SECRETS), "--admin-link"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as service:
        try:
            link = _link(service)
            wait_for(f"http://127.0.0.1:{dashboard}/login")
            take(browser, link, _denied(environment))
        finally:
            service.terminate()
            service.communicate()
    print(f"{PICTURE}: {PICTURE.stat().st_size} bytes")
    return 0


def take(browser_path: str, link: str, spot: Spot) -> None:
    """Sign in, open the call in its trace, and keep what the screen shows."""
    origin = link.partition("/login")[0]
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=browser_path, args=flags)
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.set_default_timeout(PATIENCE_MS)
        _sign_in(page, link)
        _wait_until_verified(page)
        page.goto(f"{origin}/trace?id={spot.trace_id}&span={spot.span_id}")
        expect(page.locator(f"[data-span='{spot.span_id}']").first).to_be_visible()
        expect(page.locator(READY)).to_be_attached()
        picture = page.screenshot()
        browser.close()
    if len(picture) > MAX_BYTES:
        raise SystemExit(f"the picture has {len(picture)} bytes, {MAX_BYTES} are allowed")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(picture)


def _sign_in(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button").first.click()
    page.wait_for_url(lambda url: "/login" not in url)
    expect(page.locator(READY)).to_be_attached()


def _wait_until_verified(page: Page) -> None:
    """Look until the service has verified its log, which it does soon after its start."""
    for _ in range(MAX_LOOKS):
        page.goto(page.url)
        strip = page.locator(".st-key-integrity_strip")
        strip.wait_for()
        if "Verified to checkpoint" in strip.inner_text():
            return
        page.wait_for_timeout(LOOK_AGAIN_MS)
    raise SystemExit("the service has not verified its log")


def _link(service: "subprocess.Popen[str]") -> str:
    for line in service.stdout or ():
        found = re.search(r"http://\S+/login#\S+", line)
        if found:
            return found[0]
    raise SystemExit("the service ended without a link")


def _denied(environment: dict[str, str]) -> Spot:
    command = ["tallystick", "actions", "--outcome", "denied", "--json"]
    found = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return first_spot(found.stdout)


if __name__ == "__main__":
    sys.exit(main())
