"""A large log begins with the tree of its files; every row is looked at behind that."""

from pathlib import Path

import pytest

from tallystick.tlog.proofs import verify_consistency, verify_inclusion
from tallystick_store.audit import AuditBehind
from tallystick_store.entries import entry_leaf, read_entries
from tallystick_store.store import Store
from tests.stores import damage, edit, filled, log_signer, open_store, verify_data, write

CALLS = 700


def begun(directory: Path) -> Store:
    """Open a store as if its log were large."""
    return Store.open(directory, log_signer(), publish_interval_s=None, audit_behind=0)


def test_a_large_log_goes_on_where_it_stopped_before_its_rows_were_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitter = filled(tmp_path, CALLS)
    with monkeypatch.context() as patch:
        patch.setattr(AuditBehind, "_run", lambda _self: None)
        store = begun(tmp_path)
    old = store.checkpoint
    assert old is not None
    assert (store.size, store.notices, store.signing_stopped) == (703, (), None)
    assert store.entries_in_memory == 703 - 512
    write(store, [*(emitter.call() for _ in range(400)), emitter.seal()])
    new = store.publisher.publish_now()
    assert new is not None
    proof = store.consistency_proof(old.size, new.size)
    verify_consistency(old.size, new.size, proof, old.checkpoint.root, new.checkpoint.root)
    [(_, entry)] = read_entries(store.database, 7, 8)
    path = store.inclusion_proof(new.size, 7)
    verify_inclusion(entry_leaf(entry), 7, new.size, path, new.checkpoint.root)
    store.close()
    assert verify_data(tmp_path).exit_code == 0


def test_the_look_behind_finds_nothing_in_a_whole_log(tmp_path: Path) -> None:
    emitter = filled(tmp_path, CALLS)
    store = begun(tmp_path)
    write(store, [emitter.call()])
    store.publisher.publish_now()
    store.wait_for_audit()
    assert (store.size, store.notices, store.signing_stopped) == (704, (), None)
    store.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE events SET leaf_hash = 'x'::BLOB WHERE log_index = 9",
        "UPDATE events SET sender = 'other' WHERE log_index = 9",
        "DELETE FROM events WHERE log_index = 9",
        "INSERT INTO events SELECT * FROM events WHERE log_index = 9",
        "UPDATE events SET log_index = NULL WHERE log_index = 9",
    ],
)
def test_a_row_that_was_changed_stops_signing_once_it_is_looked_at(
    tmp_path: Path, sql: str
) -> None:
    filled(tmp_path, CALLS)
    edit(tmp_path, sql)
    store = begun(tmp_path)
    store.wait_for_audit()
    assert store.signing_stopped is not None
    store.close()
    again = open_store(tmp_path)
    assert again.signing_stopped is not None
    again.close()


@pytest.mark.parametrize("path", ["tile/0/000", "tile/0/001", "tile/entries/001"])
@pytest.mark.parametrize("change", ["edited", "missing"])
def test_a_damaged_file_is_written_again_with_a_notice(
    tmp_path: Path, path: str, change: str
) -> None:
    filled(tmp_path, CALLS)
    file = tmp_path / "log" / path
    content = damage(file, change)
    store = begun(tmp_path)
    store.wait_for_audit()
    assert file.read_bytes() == content
    [notice] = store.notices
    assert notice.startswith(f"log/{path} ")
    assert store.signing_stopped is None
    store.close()


@pytest.mark.parametrize(
    "path", ["tile/1/000.p/2", "checkpoint"], ids=["level above", "checkpoint"]
)
def test_a_start_that_cannot_trust_the_files_reads_every_row_first(
    tmp_path: Path, path: str
) -> None:
    filled(tmp_path, CALLS)
    file = tmp_path / "log" / path
    content = file.read_bytes()
    file.write_bytes(b"X" + content[1:])
    store = begun(tmp_path)
    assert store.notices != ()
    assert file.read_bytes() == content
    store.wait_for_audit()
    assert (store.size, store.signing_stopped) == (703, None)
    store.close()


def test_a_cut_database_stops_signing_as_ever(tmp_path: Path) -> None:
    filled(tmp_path, CALLS)
    edit(tmp_path, "DELETE FROM events WHERE log_index >= 690")
    edit(tmp_path, "DELETE FROM seals WHERE log_index >= 690")
    store = begun(tmp_path)
    assert store.signing_stopped is not None
    store.close()


def test_a_store_that_closes_ends_the_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, CALLS)
    monkeypatch.setattr("tallystick_store.entries.WINDOW", 256)
    monkeypatch.setattr("tallystick_store.audit.PAUSE_S", 1_000_000.0)
    store = begun(tmp_path)
    store.close()
    assert store.notices == ()
    assert verify_data(tmp_path).exit_code == 0


def test_a_look_that_ends_early_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, CALLS)

    def fail(*_arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("tallystick_store.audit.look_at_all", fail)
    store = begun(tmp_path)
    store.wait_for_audit()
    [notice] = store.notices
    assert "was not finished: ZeroDivisionError()" in notice
    store.close()
