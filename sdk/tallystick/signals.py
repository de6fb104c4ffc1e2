"""Threads that leave the process's signals to the host.

A signal to a process goes to any thread that does not block it. A host that blocks one in its own
threads, to wait for it with `sigwait`, would lose it to a thread of ours, and might die of it.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_to_the_host() -> Iterator[None]:
    """Let every thread that is started inside `with` block all signals."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows delivers none to threads
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
