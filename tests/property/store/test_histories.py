"""Any history of requests, faults, crashes and restarts leaves a log that verifies whole."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tallystick.errors import StoreError
from tallystick.tlog.entry import parse_entry
from tallystick.tlog.tree import leaf_hash, root_of
from tallystick_store.checkpoints import CheckpointLog
from tallystick_store.engine.duckdb import Database
from tallystick_store.entries import read_entries
from tallystick_store.files import Files
from tallystick_store.journal.segments import Segments
from tallystick_store.rows import Row
from tests.requirements import requirement
from tests.stores import Emitter, open_store, spans, verify_data, write

Step = Callable[..., object]


def failing_at(call: int, step: Step, error: Exception, *, persists: bool) -> Step:
    """Make the call of that number fail, after or instead of having been done."""
    calls = [0]

    def run(*arguments: object) -> object:
        calls[0] += 1
        if calls[0] - 1 != call:
            return step(*arguments)
        if persists:
            step(*arguments)
        raise error

    return run


class History(RuleBasedStateMachine):
    """One data directory over several lives of its store."""

    @initialize()
    def begin(self) -> None:
        self.parent = Path(tempfile.mkdtemp(prefix="history-"))
        self.lives = 0
        self.store = open_store(self.parent / "0")
        self.emitters: list[Emitter] = []
        self.acknowledged: list[bytes] = []
        self.signed: list[tuple[int, bytes]] = []

    @property
    def directory(self) -> Path:
        return self.parent / str(self.lives)

    @property
    def _next_directory(self) -> Path:
        return self.parent / str(self.lives + 1)

    def _commit(self, rows: list[Row], hashes: list[bytes]) -> None:
        write(self.store, rows)
        self.acknowledged += hashes

    @rule()
    def a_session_opens(self) -> None:
        emitter = Emitter(f"emitter {len(self.emitters)}")
        self.emitters.append(emitter)
        opened = emitter.opened()
        self._commit([opened, emitter.seal()], [opened.record.leaf_hash])

    @precondition(lambda self: self.emitters)
    @rule(
        which=st.integers(min_value=0),
        count=st.sampled_from([1, 2, 30, 255, 256, 300]),
        with_spans=st.booleans(),
    )
    def calls_are_sealed(self, which: int, count: int, *, with_spans: bool) -> None:
        emitter = self.emitters[which % len(self.emitters)]
        calls = [emitter.call(number) for number in range(count)]
        rows: list[Row] = [*calls, emitter.seal()]
        self._commit(
            [*rows, spans(1, 2)] if with_spans else rows, [call.record.leaf_hash for call in calls]
        )

    @precondition(lambda self: self.emitters)
    @rule()
    def a_commit_fails_and_the_emitter_sends_again(self) -> None:
        emitter = self.emitters[-1]
        call, seal = emitter.call(), emitter.seal()
        put = failing_at(0, Segments._put, OSError(28, "No space left"), persists=False)  # noqa: SLF001
        with patch.object(Segments, "_put", put), pytest.raises(StoreError, match="No space left"):
            write(self.store, [call, seal])
        kept = self.store.group().view.leaf_hashes(emitter.session, [call.record.seq])
        assert not kept
        self._commit([call, seal], [call.record.leaf_hash])

    @precondition(lambda self: self.emitters)
    @rule(persists=st.booleans())
    def the_database_refuses_once(self, *, persists: bool) -> None:
        emitter = self.emitters[-1]
        call, seal = emitter.call(), emitter.seal()
        self.store.database.settle()
        insert = failing_at(0, Database.insert, StoreError("no disk"), persists=persists)
        with (
            patch("tallystick_store.journal.follower.RETRY_S", 0.0),
            patch.object(Database, "insert", insert),
        ):
            self._commit([call, seal], [call.record.leaf_hash])
            self.store.database.settle()

    @rule()
    def a_checkpoint_is_published(self) -> None:
        published = self.store.publisher.publish_now()
        if published is not None:
            self.signed.append((published.size, published.checkpoint.root))

    @rule(call=st.integers(0, 8), persists=st.booleans())
    def publishing_fails_at_one_write(self, call: int, *, persists: bool) -> None:
        error = OSError(28, "No space left on device")
        write_file = failing_at(call, Files.write, error, persists=persists)
        with patch.object(Files, "write", write_file):
            self._try_to_publish()

    @rule(persists=st.booleans())
    def publishing_fails_at_the_row(self, *, persists: bool) -> None:
        keep = failing_at(0, CheckpointLog.keep, StoreError("no disk"), persists=persists)
        with patch.object(CheckpointLog, "keep", keep):
            self._try_to_publish()

    def _try_to_publish(self) -> None:
        try:
            self.a_checkpoint_is_published()
        except StoreError:
            assert self.store.publisher.failure is not None

    @rule()
    def the_store_is_stopped_and_started(self) -> None:
        self.store.close()
        self._start()

    @rule()
    def the_machine_loses_power(self) -> None:
        self.store.database.settle()
        self._go_on_with_a_copy()

    @precondition(lambda self: self.emitters)
    @rule()
    def the_machine_loses_power_before_the_database_follows(self) -> None:
        emitter = self.emitters[-1]
        call, seal = emitter.call(), emitter.seal()
        with self.store.database._insert_lock:  # noqa: SLF001 - the database stands still
            self._commit([call, seal], [call.record.leaf_hash])
            shutil.copytree(self.directory, self._next_directory)
        self._go_on_with_a_copy()

    def _go_on_with_a_copy(self) -> None:
        if not self._next_directory.exists():
            shutil.copytree(self.directory, self._next_directory)
        self.store.close()
        self.lives += 1
        self._start()

    def _start(self) -> None:
        self.store = open_store(self.directory)
        assert self.store.signing_stopped is None
        assert not [notice for notice in self.store.notices if "does not hold" in notice]

    @invariant()
    def log_indexes_are_dense_and_nothing_signed_is_larger_than_the_database(self) -> None:
        entries = read_entries(self.store.database, 0, self.store.size + 1)
        assert [index for index, _ in entries] == list(range(self.store.size))
        if self.store.checkpoint is not None:
            assert self.store.checkpoint.size <= len(entries)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self._check_everything()
            shutil.rmtree(self.parent)

    def _check_everything(self) -> None:
        self.store.close()
        store = open_store(self.directory)
        entries = [entry for _, entry in read_entries(store.database, 0, store.size)]
        leaves = [leaf_hash(entry) for entry in entries]
        for size, root in self.signed:
            assert root == root_of(leaves[:size])
        stated = {parse_entry(entry).content_hash for entry in entries}
        assert set(self.acknowledged) <= stated
        store.close()
        if entries:
            report = verify_data(self.directory)
            assert report.exit_code == 0, report.text


TestHistory = requirement("store.append-only")(History.TestCase)
TestHistory.settings = settings(max_examples=25, stateful_step_count=15)
