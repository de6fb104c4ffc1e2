"""One filled store for the whole run; a browser and a world for each file.

The browser ends with its file: Playwright's loop would stand in the way of tests that run their own.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.chromium import launched
from tests.e2e.people import Visitor
from tests.e2e.world import World, copy, fill

State = Mapping[str, Any]


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


@pytest.fixture
def visit(world: World, browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Make visitors, each in a browser of its own that knows nobody; `state` signs it in."""
    with ExitStack() as open_contexts:

        def make(state: State | None = None, scheme: str = "dark", **options: object) -> Visitor:
            context = browser.new_context(
                storage_state=state,  # type: ignore[arg-type]  # what storage_state() gave
                color_scheme=scheme,  # type: ignore[arg-type]  # dark or light
                viewport={"width": 1440, "height": 900},
                **options,  # type: ignore[arg-type]  # options of Playwright's own
            )
            open_contexts.enter_context(context)
            return Visitor(context, world.url)

        yield make
