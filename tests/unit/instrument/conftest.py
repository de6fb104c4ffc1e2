"""A running runtime of its own for each test, and what it has recorded so far."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick import runtime
from tallystick.config import load_config
from tallystick.instrument.agent_call import AgentCalls
from tallystick.instrument.framework import Framework
from tests.recorded import Recording


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., runtime.Runtime]]:
    def started(**settings: object) -> runtime.Runtime:
        return runtime.start(load_config({}, home=tmp_path, **settings))

    yield started
    running = runtime.current()
    if running is not None:
        running.shutdown()


@pytest.fixture
def running(start: Callable[..., runtime.Runtime]) -> runtime.Runtime:
    return start()


@pytest.fixture
def framework() -> Framework:
    made = Framework("x", "tallystick", lambda _: ())
    made.install(lambda: None)
    return made


@pytest.fixture
def calls(framework: Framework) -> AgentCalls:
    return AgentCalls(framework)


@pytest.fixture
def recording(running: runtime.Runtime, tmp_path: Path) -> Callable[[], Recording]:
    return lambda: Recording(tmp_path)
