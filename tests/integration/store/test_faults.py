"""The fault table: each write to the disk fails once, before or after it was done.

Whatever fails, the next attempt makes up for it, in this life of the store or in the next one, and
then the whole log is checked. After a sync that failed there is no going on in this life.
"""

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import Database
from tallystick_store.files import Files
from tallystick_store.journal.segments import Segments
from tallystick_store.store import Store
from tests.stores import Emitter, Rows, open_store, verify_data, write_new

Step = Callable[..., object]

SIZES = (1, 250, 10)
"""Calls between two checkpoints: partial tiles grow, are replaced, and a second level comes up."""


class Writes:
    """Counts every write that the store makes, and lets one of them fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[str] = []
        self.fails_at: int | None = None
        self.persists = False
        monkeypatch.setattr("tallystick_store.journal.follower.RETRY_S", 0.01)
        for owner, name in (
            (Files, "write"),
            (Files, "remove"),
            (Database, "insert"),
            (Segments, "_put"),
            (Segments, "_make_durable"),
            (Segments, "remove_through"),
        ):
            step: Step = getattr(owner, name)
            monkeypatch.setattr(owner, name, self._wrapped(step, name))

    def _wrapped(self, step: Step, name: str) -> Step:
        def run(owner: object, *arguments: object, **options: object) -> object:
            number = len(self.made)
            self.made.append(f"{name} {str(arguments)[:80]}")
            if number != self.fails_at:
                return step(owner, *arguments, **options)
            if self.persists and name != "_put":  # a write that fails is taken back
                step(owner, *arguments, **options)
            if isinstance(owner, Segments) and name == "_make_durable":
                owner._failure = "the disk refused to sync"  # noqa: SLF001 - as its own step does
            if name in ("insert", "_make_durable", "remove_through"):
                raise StoreError("the disk is full")
            raise OSError(28, "No space left on device")

        return run


class Life:
    """A store that is used on, or started again, after a fault."""

    def __init__(self, directory: Path, *, restarts: bool) -> None:
        self.directory, self.restarts = directory, restarts
        self.faults = 0
        self.store = self._start()

    def do(self, step: Callable[[Store], object]) -> None:
        """Do a step, a second time when it failed."""
        try:
            step(self.store)
            self.store.database.settle()
        except StoreError:
            self.faults += 1
            if self.restarts or self.store.journal_failure:
                with contextlib.suppress(StoreError):
                    self.store.close()
                self.store = self._start()
            step(self.store)
            self.store.database.settle()

    def end(self) -> None:
        try:
            self.store.close()
        except StoreError:
            self.faults += 1

    def _start(self) -> Store:
        try:
            return open_store(self.directory)
        except StoreError:
            self.faults += 1
            return open_store(self.directory)


def printed_requests() -> list[Rows]:
    emitter = Emitter()
    requests: list[Rows] = [(emitter.opened(), emitter.seal())]
    for size in SIZES:
        calls: Rows = tuple(emitter.call(number) for number in range(size))
        requests += [(*calls, emitter.seal())]
    return requests


REQUESTS = printed_requests()


def live(directory: Path, *, restarts: bool) -> Life:
    """Write a log with a checkpoint after each request."""
    life = Life(directory, restarts=restarts)
    for request in REQUESTS:
        life.do(partial(write_new, request=request))
        life.do(lambda store: store.publisher.publish_now())
    life.end()
    return life


def count_writes(directory: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    with monkeypatch.context() as patch:
        writes = Writes(patch)
        assert live(directory, restarts=False).faults == 0
    return len(writes.made)


@pytest.mark.slow
@pytest.mark.parametrize("restarts", [False, True], ids=["goes-on", "starts-again"])
@pytest.mark.parametrize("persists", [False, True], ids=["not-done", "done-all-the-same"])
def test_every_write_may_fail_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, persists: bool, restarts: bool
) -> None:
    number_of_writes = count_writes(tmp_path / "whole", monkeypatch)
    assert number_of_writes > 25
    for number in range(number_of_writes):
        directory = tmp_path / str(number)
        with monkeypatch.context() as patch:
            writes = Writes(patch)
            writes.fails_at, writes.persists = number, persists
            life = live(directory, restarts=restarts)
        is_hidden = writes.made[number].startswith(("insert", "remove_through"))
        assert life.faults == 1 or is_hidden, writes.made[number]
        store = open_store(directory)
        assert store.size == sum(SIZES) + len(SIZES) + 2, writes.made[number]
        assert (store.notices, store.signing_stopped) == ((), None), writes.made[number]
        store.close()
        report = verify_data(directory)
        assert report.exit_code == 0, (writes.made[number], report.text)
