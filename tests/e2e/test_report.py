"""The report in a real browser: nothing in it acts, nothing is asked of anybody, everybody can read it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.watcher import Watcher
from tests.exporting import benign, export, store_log
from tests.hostile_texts import hostile_card, hostile_session
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow, requirement("export.inert")]

A4_WIDTH_PX = 680


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a log and a card full of hostile texts, unpacked."""
    folder = tmp_path_factory.mktemp("report")
    with store_log(folder / "data") as log:
        benign(log, 3)
        hostile_session(log)
        return export(log, hostile_card()).unpack(folder / "unpacked") / "report.html"


@contextmanager
def opened(browser: Browser, report: Path, scheme: str) -> Iterator[tuple[Page, Watcher]]:
    with browser.new_context(color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        watcher = Watcher(page, report.as_uri())
        page.goto(report.as_uri())
        yield page, watcher


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_of_hostile_texts_does_nothing_and_can_be_read(
    browser: Browser, report: Path, scheme: str
) -> None:
    with opened(browser, report, scheme) as (page, watcher):
        assert watcher.accessibility() == []
        assert watcher.faults == []
        assert page.title().startswith("Evidence report ")
        assert page.locator("script, img, iframe").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_printed_page_cuts_nothing_off(browser: Browser, report: Path) -> None:
    with opened(browser, report, "light") as (page, _):
        page.set_viewport_size({"width": A4_WIDTH_PX, "height": 960})
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") <= A4_WIDTH_PX


def test_every_link_of_a_report_leads_somewhere_in_it(browser: Browser, report: Path) -> None:
    with opened(browser, report, "light") as (page, _):
        dead = page.evaluate(
            """[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))
               .filter(to => !document.getElementById(decodeURIComponent(to.slice(1))))"""
        )
        assert dead == []
