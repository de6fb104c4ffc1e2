"""Debian's Chromium, driven by Playwright: no browser is downloaded, none is done without."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # the tests run as root in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium_path(names: tuple[str, ...] = NAMES) -> str:
    """Find the browser; a machine without one fails the tests with what to install."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise AssertionError(
            f"the tests of the dashboard need a browser, and there is none of {', '.join(names)}: "
            "install Debian's with `apt-get install chromium`"
        )
    return found


@contextmanager
def launched() -> Iterator[Browser]:
    """Keep one browser running."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS])
        try:
            yield browser
        finally:
            browser.close()
