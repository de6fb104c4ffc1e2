"""Snapshots and the verifier's view of a data directory."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tallystick.errors import StoreError, VerificationError
from tallystick.tlog.entry import parse_entry
from tallystick_store.blobs import BLOB_FOLDER, blob_digest
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.pieces import DataPiece
from tallystick_store.rows import Admitted, EventRow, Merge
from tallystick_store.snapshot import take_snapshot
from tallystick_store.source import DataSource
from tests.patience import PATIENCE_S
from tests.stores import START_US, Emitter, open_store, spans, verify_data, write, writer


def filled(directory: Path, count: int = 300) -> Emitter:
    store, emitter = open_store(directory), Emitter()
    write(store, [emitter.opened(), emitter.seal(), spans(1, 2)])
    store.publisher.publish_now()
    write(store, [*(emitter.call(number) for number in range(count)), emitter.seal()])
    store.close()
    return emitter


def test_a_stopped_store_is_given_whole(tmp_path: Path) -> None:
    filled(tmp_path)
    source = DataSource(tmp_path)
    facts = source.facts
    assert (facts.kind, facts.tree_size, facts.start, facts.stop) == ("data", 304, 0, 304)
    [piece] = source.pieces()
    rows = piece.read()
    kinds = [parse_entry(entry).kind for entry in rows.entries if entry is not None]
    assert kinds == ["event", "seal", "spans", *["event"] * 300, "seal"]
    assert [text.log_index for text in rows.events] == [0, *range(3, 303)]
    assert [text.log_index for text in rows.seals] == [1, 303]
    assert [len(text.records) for text in rows.spans] == [2]
    assert len(list(source.checkpoints())) == 2
    assert not list(source.context())
    assert not list(source.consistency())
    source.close()
    assert verify_data(tmp_path).exit_code == 0


def test_pieces_cover_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tallystick_store.source.PIECE_ENTRIES", 256)
    filled(tmp_path)
    source = DataSource(tmp_path)
    assert list(source.pieces()) == [
        DataPiece(tmp_path, 0, 256, tmp_path),
        DataPiece(tmp_path, 256, 304, tmp_path),
    ]
    assert [len(piece.read().entries) for piece in source.pieces()] == [256, 48]
    source.close()
    assert verify_data(tmp_path).exit_code == 0


def test_columns_that_nobody_fills_are_given_as_null(tmp_path: Path) -> None:
    filled(tmp_path, 2)
    rows = DataPiece(tmp_path, 0, 6, tmp_path).read()
    assert rows.tables["events"]["resource_uri"] == [None, None, None]
    assert rows.tables["events"]["tool_read_only"] == [None, True, True]
    assert rows.tables["spans"]["start_ns"] == [1, 2]


def test_the_order_of_rows_on_disk_does_not_matter(tmp_path: Path) -> None:
    filled(tmp_path, 20)
    with duckdb.connect(str(tmp_path / DATABASE_NAME)) as connection:
        for table in ("events", "seals", "spans"):
            for statement in (
                f"CREATE TEMP TABLE kept AS SELECT * FROM {table}",  # noqa: S608 - our own names
                f"DELETE FROM {table}",  # noqa: S608
                f"INSERT INTO {table} SELECT * FROM kept ORDER BY rowid DESC",  # noqa: S608
                "DROP TABLE kept",
            ):
                connection.execute(statement).fetchall()
    report = verify_data(tmp_path)
    assert report.exit_code == 0, report.text


def test_late_disclosures_stand_beside_those_of_the_row(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    record = emitter.call().record
    first, second = (disclosure.line for disclosure in record.disclosures)
    bare = type(record)(record.line, record.statement, record.disclosures[:1])
    write(store, [EventRow(bare)], [Merge(0, (second,))])
    store.close()
    [text] = DataPiece(tmp_path, 0, 1, tmp_path).read().events
    assert (text.disclosures, text.late) == ((first,), (second,))


@pytest.mark.parametrize("change", ["missing", "cut"])
def test_entries_of_a_damaged_bundle_are_not_given(tmp_path: Path, change: str) -> None:
    filled(tmp_path)
    bundle = tmp_path / "log/tile/entries/000"
    content = bundle.read_bytes()
    bundle.unlink()
    if change == "cut":
        bundle.write_bytes(content[:-1])
    entries = DataPiece(tmp_path, 0, 304, tmp_path).read().entries
    assert entries[:256] == [None] * 256
    assert None not in entries[256:]
    assert verify_data(tmp_path).exit_code == 1


def test_a_running_store_is_not_read(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(VerificationError, match="tallystick snapshot"):
        DataSource(tmp_path)
    store.close()


def test_a_directory_without_a_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="is no data directory"):
        DataSource(tmp_path)


def test_a_store_that_signed_nothing_is_named(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with pytest.raises(VerificationError, match="no signed checkpoint"):
        DataSource(tmp_path)
    open_store(tmp_path).close()


@pytest.mark.parametrize(
    "sql", ["DROP TABLE seals", "ALTER TABLE spans DROP COLUMN name", "CREATE TABLE more (a INT)"]
)
def test_other_tables_than_ours_are_named(tmp_path: Path, sql: str) -> None:
    filled(tmp_path, 2)
    with duckdb.connect(str(tmp_path / DATABASE_NAME)) as connection:
        connection.execute(sql).fetchall()
    with pytest.raises(VerificationError, match="tables are not those of this version"):
        DataSource(tmp_path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"no database" * 1000)
    with pytest.raises(VerificationError, match="does not open"):
        DataSource(tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\xff\xfe"])
def test_a_checkpoint_file_of_garbage_is_a_fault(tmp_path: Path, content: bytes) -> None:
    filled(tmp_path, 2)
    (tmp_path / "log/checkpoint").write_bytes(content)
    with pytest.raises(VerificationError):
        DataSource(tmp_path)


def test_the_newest_checkpoint_is_found_where_the_file_is_behind_or_gone(tmp_path: Path) -> None:
    emitter = filled(tmp_path, 2)
    old = (tmp_path / "log/checkpoint").read_bytes()
    store = open_store(tmp_path)
    write(store, [emitter.call(), emitter.seal()])
    store.close()
    for content in (old, None):
        (tmp_path / "log/checkpoint").unlink()
        if content is not None:
            (tmp_path / "log/checkpoint").write_bytes(content)
        source = DataSource(tmp_path)
        assert source.facts.tree_size == 8
        source.close()
        (tmp_path / "log/checkpoint").write_bytes(old)
    assert "newest checkpoint of the database" in verify_data(tmp_path).text


def test_the_keys_that_the_service_states_are_claimed(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path), Emitter()
    added = [
        EventRow(emitter.record("key.added", key__purpose=purpose, key__vkey=vkey))
        for purpose, vkey in (("emitter", "e+1+x"), ("log", "l+2+y"), ("api", "a+3+z"))
    ]
    foreign = EventRow(emitter.record("key.added", key__purpose="log", key__vkey="x+4+y"))
    write(store, [foreign])
    group = store.group()
    group.add(Admitted("service", tuple(added), None), START_US)
    store.commit(group)
    store.close()
    source = DataSource(tmp_path)
    assert source.facts.claimed_keys == "log l+2+y\nemitter e+1+x\n"
    source.close()


def test_a_snapshot_of_a_running_store_verifies(tmp_path: Path) -> None:
    store, emitter = open_store(tmp_path / "data"), Emitter()
    made = writer(store)
    made.submit((emitter.opened(), emitter.seal())).result(PATIENCE_S)
    for name in ("first", "second"):
        made.submit((emitter.call(), emitter.seal())).result(PATIENCE_S)
        take_snapshot(store, tmp_path / name)
    made.submit((emitter.call(), emitter.seal())).result(PATIENCE_S)
    made.close()
    store.close()
    reports = [verify_data(tmp_path / name) for name in ("first", "second", "data")]
    assert [(report.exit_code, report.tree_size) for report in reports] == [(0, 4), (0, 6), (0, 8)]


def test_a_snapshot_does_not_let_another_process_in(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    write(store, [Emitter().opened()])
    take_snapshot(store, tmp_path / "copy")

    program = "import duckdb, sys; duckdb.connect(sys.argv[1])"
    path = str(tmp_path / "data" / DATABASE_NAME)
    run = subprocess.run([sys.executable, "-c", program, path], capture_output=True, check=False)
    assert run.returncode != 0
    assert b"lock" in run.stderr
    store.close()


def test_a_snapshot_never_overwrites(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    write(store, [Emitter().opened()])
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy/mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("copy", "file"):
        with pytest.raises(StoreError, match="give a new directory"):
            take_snapshot(store, tmp_path / name)
    assert (tmp_path / "copy/mine").read_text() == "mine"
    store.close()


def test_a_snapshot_touches_nothing_beside_its_target(tmp_path: Path) -> None:
    store = open_store(tmp_path / "data")
    write(store, [Emitter().opened()])
    (tmp_path / "copy.partial").mkdir()
    (tmp_path / "copy.partial/mine").write_text("mine")
    take_snapshot(store, tmp_path / "copy")
    assert (tmp_path / "copy.partial/mine").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "copy.partial", "data"]
    store.close()


def test_a_snapshot_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "data")
    write(store, [Emitter().opened()])

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", fail)
        with pytest.raises(StoreError, match="No space left"):
            take_snapshot(store, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    take_snapshot(store, tmp_path / "copy")
    store.close()


def test_a_snapshot_is_made_while_blobs_come_and_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path / "data")
    write(store, [Emitter().opened()])
    contents = [b"stays", b"goes"]
    names = [blob_digest(content) for content in contents]
    for name, content in zip(names, contents, strict=True):
        store.blobs.put(name, content)
    half_written = store.blobs.path(names[0]).with_name("half.tmp")
    half_written.write_bytes(b"ha")
    copy = shutil.copy2

    def while_one_is_swept(source: str, target: str) -> object:
        store.blobs.path(names[1]).unlink(missing_ok=True)
        return copy(source, target)

    monkeypatch.setattr(shutil, "copy2", while_one_is_swept)
    take_snapshot(store, tmp_path / "copy")
    copied = {path.name for path in (tmp_path / "copy" / BLOB_FOLDER).rglob("*") if path.is_file()}
    assert copied == {names[0]}
    store.close()
