"""A runtime in this process, with the hooks in, and what it has recorded so far."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tallystick import runtime
from tallystick.config import load_config
from tallystick.instrument import install, uninstall
from tests.recorded import Recording


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Callable[[], Recording]]]:
    def started(**settings: object) -> Callable[[], Recording]:
        runtime.start(load_config({}, home=tmp_path, **settings))
        install()
        return lambda: Recording(tmp_path)

    yield started
    uninstall()
    running = runtime.current()
    if running is not None:
        running.shutdown()
