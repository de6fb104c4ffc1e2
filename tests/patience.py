"""How long a test waits for what has to come: far longer than it takes, since other work shares the machine.

Nothing is proven by this time. It only says when to give up: a little before the run's own limit for a test.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 600
_LOOK_S: Final = 0.05


def until(
    holds: Callable[[], object], said: Callable[[], object] = lambda: "it never came"
) -> None:
    """Wait until something holds; fail with what `said` gives where it never does."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, said()
        time.sleep(_LOOK_S)


def until_ended(thread_name: str) -> None:
    """Wait until no thread of this name runs any more."""
    for thread in threading.enumerate():
        if thread.name == thread_name:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), f"{thread_name} goes on"
