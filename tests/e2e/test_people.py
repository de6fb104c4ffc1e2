"""A visitor waits for what a person would wait for; without this, a test could read half a page."""

import pytest
from playwright.sync_api import Browser, Route

from tests.e2e.conftest import State
from tests.e2e.people import Visitor
from tests.e2e.world import World

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

_WAIT = "await new Promise((done) => setTimeout(done, 1500));\n"


def _late(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=_WAIT + answer.text())


def test_a_visitor_waits_for_parts_whose_script_comes_late(
    world: World, browser: Browser, administrator: State
) -> None:
    with browser.new_context(storage_state=administrator) as context:  # type: ignore[arg-type]  # what storage_state() gave
        visitor = Visitor(context, world.url)
        visitor.page.route("**/js/Html.*.js", _late)
        visitor.open("/")
        assert "actions" in visitor.part("totals").inner_text().lower()
