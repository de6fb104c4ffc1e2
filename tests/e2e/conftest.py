"""One filled store for the whole run; a browser and a world for each file.

The browser ends with its file: Playwright's loop would stand in the way of tests that run their own.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.chromium import launched
from tests.e2e.people import PATIENCE_MS, Visitor
from tests.e2e.world import World, copy, fill

State = Mapping[str, Any]

expect.set_options(timeout=PATIENCE_MS)  # of its own it waits five seconds


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as started:
        yield started


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Let the demo's agents work once for all workers; return the folder of the stopped service."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    place, done = shared / "filled", shared / "filled.done"
    with (shared / "filled.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            fill(place)
            done.touch()
    return place


@pytest.fixture(scope="module")
def world(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the service and the dashboard over a copy of what the agents recorded."""
    made = copy(filled, tmp_path_factory.mktemp("world"))
    try:
        yield made.start()
    finally:
        made.end()


@pytest.fixture(scope="module")
def administrator(world: World, browser: Browser) -> State:
    """Sign in with the one-time link, once; return what the browser keeps of it."""
    with browser.new_context() as context:
        visitor = Visitor(context, world.url)
        visitor.sign_in_with_link(world.link)
        return visitor.state()


@pytest.fixture(scope="module")
def known(browser: Browser) -> Iterator[Callable[[State, str], BrowserContext]]:
    """Give the browser of somebody who is signed in: one for each person and palette, as in life.

    What it has loaded stays loaded; with a new one for each test they took twice as long.
    """
    kept: dict[tuple[int, str], BrowserContext] = {}

    def give(state: State, scheme: str) -> BrowserContext:
        name = (id(state), scheme)
        if name not in kept:
            kept[name] = _new_context(browser, scheme, state)
        return kept[name]

    yield give
    for context in kept.values():
        context.close()


@pytest.fixture
def visit(
    world: World, browser: Browser, known: Callable[[State, str], BrowserContext]
) -> Iterator[Callable[..., Visitor]]:
    """Make visitors, each at a page of its own: of a browser that knows nobody, or one with `state`."""
    with ExitStack() as opened:

        def make(state: State | None = None, scheme: str = "dark") -> Visitor:
            if state is not None:
                context = known(state, scheme)
            else:
                context = _new_context(browser, scheme)
                opened.callback(context.close)
            visitor = Visitor(context, world.url)
            opened.callback(visitor.page.close)
            return visitor

        yield make


def _new_context(browser: Browser, scheme: str, state: State | None = None) -> BrowserContext:
    return browser.new_context(
        storage_state=state,  # type: ignore[arg-type]  # what storage_state() gave
        color_scheme=scheme,  # type: ignore[arg-type]  # dark or light
        viewport={"width": 1440, "height": 900},
    )
