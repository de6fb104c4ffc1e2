"""Starting and stopping: what is caught up, what is repaired, what stops signing."""

import shutil
from pathlib import Path

import pytest

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.proofs import verify_consistency, verify_inclusion
from tallystick_store.entries import entry_leaf, read_entries
from tallystick_store.ledger import Ledger
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.store import Store
from tests.keys import key_pair
from tests.requirements import requirement
from tests.stores import Emitter, damage, edit, filled, log_signer, open_store, verify_data, write


def test_a_store_goes_on_where_it_stopped(tmp_path: Path) -> None:
    emitter = filled(tmp_path)
    store = open_store(tmp_path)
    assert (store.size, store.notices, store.signing_stopped) == (303, (), None)
    old = store.checkpoint
    assert old is not None
    write(store, [emitter.call()])
    new = store.publisher.publish_now()
    assert new is not None
    assert new.size == 304
    proof = store.consistency_proof(old.size, new.size)
    verify_consistency(old.size, new.size, proof, old.checkpoint.root, new.checkpoint.root)
    store.close()


def test_what_stands_in_full_tiles_is_not_kept_in_memory(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.call() for _ in range(600)])
    assert store.entries_in_memory == 600
    store.publisher.publish_now()
    assert store.entries_in_memory == 600 - 512
    write(store, [emitter.call()])
    store.close()
    again = open_store(tmp_path)
    assert again.entries_in_memory == 601 - 512
    again.close()


def test_a_start_reads_the_log_window_by_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path, 700)
    monkeypatch.setattr("tallystick_store.entries.WINDOW", 256)
    forget, most = Ledger.forget, [0]

    def watch(self: Ledger, size: int) -> None:
        most[0] = max(most[0], self.entries_in_memory)
        forget(self, size)

    monkeypatch.setattr(Ledger, "forget", watch)
    store = open_store(tmp_path)
    assert (store.size, store.notices) == (703, ())
    assert most[0] == 256
    store.close()


def test_a_store_that_was_never_stopped_is_caught_up(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path / "live"), Emitter()
    write(store, [emitter.opened(), emitter.seal()])
    store.publisher.publish_now()
    write(store, [emitter.call()])
    shutil.copytree(tmp_path / "live", tmp_path / "killed")
    store.close()
    again = open_store(tmp_path / "killed")
    assert again.size == 3
    published = again.publisher.publish_now()
    assert published is not None
    assert published.size == 3
    assert (again.notices, again.signing_stopped) == ((), None)
    again.close()


def test_proofs_are_given_for_signed_trees_alone(tmp_path: Path) -> None:
    emitter = filled(tmp_path)
    store = open_store(tmp_path)
    checkpoint = store.checkpoint
    assert checkpoint is not None
    [(_, entry)] = read_entries(store.database, 7, 8)
    proof = store.inclusion_proof(303, 7)
    verify_inclusion(entry_leaf(entry), 7, 303, proof, checkpoint.checkpoint.root)
    assert len(store.range_proof(303, 100, 200)) == 2
    write(store, [emitter.call()])
    with pytest.raises(VerificationError, match="no signed tree of 304"):
        store.inclusion_proof(304, 7)
    with pytest.raises(VerificationError, match="no signed tree of -1"):
        store.consistency_proof(0, -1)
    store.close()


def test_a_directory_has_one_owner(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(StoreError, match="in use by process"):
        open_store(tmp_path)
    store.close()
    open_store(tmp_path).close()


def test_a_store_of_another_log_is_refused_and_given_back(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    other = log_signer(key_pair("other.example/log"))
    with pytest.raises(StoreError, match="is another log's"):
        Store.open(tmp_path, other, publish_interval_s=None)
    open_store(tmp_path).close()


def test_a_file_that_is_no_database_is_refused_and_given_back(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"no database" * 1000)
    for _ in range(2):
        with pytest.raises(StoreError, match="does not open"):
            open_store(tmp_path)


@requirement("tlog.tiles")
@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/0/001.p/47", "tile/1/000.p/1", "tile/entries/000", "checkpoint"]
)
@pytest.mark.parametrize("change", ["edited", "missing"])
def test_a_damaged_file_is_rebuilt_with_a_notice(tmp_path: Path, path: str, change: str) -> None:
    filled(tmp_path)
    file = tmp_path / "log" / path
    content = damage(file, change)
    store = open_store(tmp_path)
    assert any(path in notice for notice in store.notices)
    assert store.signing_stopped is None
    store.close()
    assert file.read_bytes() == content
    assert verify_data(tmp_path).exit_code == 0


def test_a_checkpoint_file_that_is_older_is_replaced(tmp_path: Path) -> None:
    emitter = filled(tmp_path)
    old = (tmp_path / "log/checkpoint").read_bytes()
    store = open_store(tmp_path)
    write(store, [emitter.call()])
    store.close()
    (tmp_path / "log/checkpoint").write_bytes(old)
    store = open_store(tmp_path)
    assert store.notices == ("log/checkpoint is now that of 304 entries",)
    store.close()


def restore_database(directory: Path, emitter: Emitter, *, more: int) -> None:
    """Put the database back to what it was before the last entries; the log's files stay."""
    backup = directory.with_name("backup")
    shutil.copy(directory / DATABASE_NAME, backup)
    store = open_store(directory)
    write(store, [emitter.call(number) for number in range(more)])
    store.close()
    shutil.copy(backup, directory / DATABASE_NAME)


@pytest.mark.parametrize("more", [1, 300])
def test_a_restored_database_signs_nothing_and_touches_no_file(tmp_path: Path, more: int) -> None:
    directory = tmp_path / "data"
    emitter = filled(directory)
    restore_database(directory, emitter, more=more)
    files = {path: path.read_bytes() for path in (directory / "log").rglob("*") if path.is_file()}
    for reason in (f"states {303 + more} entries and the store holds 303", "a signed checkpoint"):
        store = open_store(directory)
        assert store.signing_stopped is not None
        assert reason in store.signing_stopped
        write(store, [emitter.call(), emitter.call()])
        store.publisher.publish_now()
        store.close()
    now = {path: path.read_bytes() for path in (directory / "log").rglob("*") if path.is_file()}
    assert now == files


def test_a_restored_database_is_known_by_its_tiles_too(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    emitter = filled(directory)
    checkpoint = (directory / "log/checkpoint").read_bytes()
    restore_database(directory, emitter, more=300)
    (directory / "log/checkpoint").write_bytes(checkpoint)
    store = open_store(directory)
    assert store.signing_stopped is not None
    assert "the tiles in log/ hold 603 entries and the store 303" in store.signing_stopped
    store.close()


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE events SET sender = 'another' WHERE log_index = 5", "another root"),
        ("UPDATE events SET leaf_hash = NULL WHERE log_index = 5", "another root"),
        ("UPDATE seals SET rx_us = rx_us + 1 WHERE log_index = 1", "another root"),
        ("DELETE FROM events WHERE log_index = 5", "rows were removed, repeated or moved"),
        ("UPDATE events SET log_index = 900000000 WHERE log_index = 5", "removed, repeated or"),
        ("UPDATE events SET log_index = 6 WHERE log_index = 5", "log index 5 is missing"),
        ("UPDATE events SET log_index = NULL WHERE log_index = 5", "missing, or one before"),
        ("DELETE FROM events WHERE log_index >= 280", "rows were removed, repeated or moved"),
        ("DELETE FROM seals WHERE log_index = 302", "states 303 entries and the store holds 302"),
        ("UPDATE checkpoints SET note = replace(note, '303', '302')", "does not hold"),
        ("DELETE FROM checkpoints; INSERT INTO checkpoints VALUES (1, NULL, 'x')", "not hold"),
    ],
)
def test_an_edited_database_signs_nothing_and_goes_on_serving(
    tmp_path: Path, sql: str, reason: str
) -> None:
    emitter = filled(tmp_path)
    edit(tmp_path, sql)
    store = open_store(tmp_path)
    assert store.signing_stopped is not None
    assert reason in store.signing_stopped
    signed = store.checkpoint
    write(store, [emitter.call()])
    assert store.publisher.publish_now() == signed
    store.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "UPDATE meta SET value = '9' WHERE key = 'schema'",
            "written by a newer version: format 9",
        ),
        ("UPDATE meta SET value = '9' WHERE key = 'origin'", "another log's"),
    ],
)
def test_an_edited_meta_table_is_refused(tmp_path: Path, change: str, said: str) -> None:
    filled(tmp_path, 1)
    edit(tmp_path, change)
    with pytest.raises(StoreError, match=said):
        open_store(tmp_path)


def test_a_checkpoint_that_the_database_lost_is_taken_up_again(tmp_path: Path) -> None:
    filled(tmp_path)
    edit(tmp_path, "DELETE FROM checkpoints WHERE size = 303")
    store = open_store(tmp_path)
    assert store.notices == ("the checkpoint of 303 entries was not in the database",)
    assert len(list(store.checkpoints.notes(0, 303))) == 2
    store.close()


def test_a_log_key_that_was_replaced_signs_nothing(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    new_key = log_signer(key_pair(log_signer().origin, "new"))
    store = Store.open(tmp_path, new_key, publish_interval_s=None)
    assert store.signing_stopped is not None
    assert "the newest stored checkpoint does not hold" in store.signing_stopped
    store.close()


def test_a_start_that_is_cut_before_the_first_row_is_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise StoreError("cut short")

    with monkeypatch.context() as patch:
        patch.setattr("tallystick_store.engine.duckdb.Database.insert", fail)
        with pytest.raises(StoreError, match="cut short"):
            open_store(tmp_path)
    filled(tmp_path, 3)
    assert verify_data(tmp_path).exit_code == 0


def test_the_last_checkpoint_that_cannot_be_written_is_said_and_the_store_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    write(store, [emitter.opened(), emitter.seal()])

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tallystick_store.files.Files.write", fail)
        with pytest.raises(StoreError, match="No space left"):
            store.close()
    again = open_store(tmp_path)
    assert again.size == 2
    again.close()
    assert verify_data(tmp_path).exit_code == 0
