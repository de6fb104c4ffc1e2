"""An erasure: the bytes are gone from every file, every proof holds, and nothing brings a value back."""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import StoreError
from tallystick.verify.erased import Erased
from tallystick_store.archive.archive import Archive
from tallystick_store.archive.database import rebuild_database
from tallystick_store.archive.subject_keys import SubjectKeys
from tallystick_store.blobs import blob_digest
from tallystick_store.engine.rewrite import rewrite
from tallystick_store.governance import erasing
from tallystick_store.governance.erasing import carry_out
from tallystick_store.governance.ledger import LEDGER_NAME, Erasure, ErasureLedger
from tallystick_store.governance.subjects import select_values
from tallystick_store.rows import Admitted, EventRow, Merge, SpanBatch, SpanRow
from tallystick_store.store import Store
from tests.erasable import ADA, BLOB, TRACE_OF_ADA, TRACE_OF_BOB
from tests.files import bytes_of
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.stores import (
    LOG,
    START_US,
    open_archived,
    rows_of,
    span,
    subject_keys,
    verify_data,
    write,
)
from tests.unit.store.governance.world import World, values_in_archive


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "data")
    yield made
    made.close()


@requirement("erasure.bytes")
def test_the_bytes_of_a_person_are_gone_from_every_file_and_those_of_others_stay(
    world: World,
) -> None:
    before = bytes_of(world.directory)
    assert b"ada-id" in before
    outcome = world.erase(principal=ADA)
    for directory in (
        world.directory,
        Path(shutil.copytree(world.directory, world.directory.with_name("copy"))),
    ):
        everything = bytes_of(directory)
        for value in (b"ada-id", b"ada-params", b"ada-span", b"ada-svc", b"the large value"):
            assert value not in everything, value
    assert (outcome.entries, outcome.keys, outcome.blobs, outcome.outside) == (5, 3, 1, ())
    world.close()
    assert b"ada-" not in bytes_of(world.directory)
    assert b"bob-id" in bytes_of(world.directory)
    archived = values_in_archive(world.directory)
    assert "ada-" not in archived
    assert "bob-params" in archived
    assert "bob-span" in archived


def test_every_proof_holds_and_the_rest_is_what_it_was(world: World) -> None:
    head = world.store.checkpoint
    assert head is not None
    proofs = [world.store.inclusion_proof(head.size, index) for index in range(head.size)]
    before = {row[0]: row for row in world.store.database.rows("SELECT * FROM events")}
    world.erase(principal=ADA)
    assert [world.store.inclusion_proof(head.size, i) for i in range(head.size)] == proofs
    for row in world.store.database.rows(
        "SELECT * FROM events WHERE principal_ref IS DISTINCT FROM ?", [ADA]
    ):
        assert row == before[row[0]]
    write(world.store, [world.shared.call(9), world.shared.seal()])
    world.close()
    again = open_archived(world.directory)
    assert (again.signing_stopped, again.notices, again.ledger.unfinished) == (None, (), ())
    again.close()


def test_an_erasure_that_nobody_stands_behind_is_told_by_the_verifier(world: World) -> None:
    world.erase(principal=ADA)
    world.close()
    report = verify_data(world.directory)
    assert report.exit_code == 1
    text = report.text
    assert "span record 0 of the batch is missing, and no erasure covers it" in text
    assert "4 records lack disclosures that no erasure covers" in text


def test_a_resend_brings_nothing_back(world: World) -> None:
    world.erase(principal=ADA)
    lines = tuple(one.line for one in world.ada[0].disclosures)
    write(world.store, [Merge(2, lines)])
    view = world.store.group().view
    assert view.is_erased_span(TRACE_OF_ADA, f"{1:016x}")
    assert not view.is_erased_span(TRACE_OF_BOB, f"{2:016x}")
    [stored] = view.stored(world.shared.session, [1])[1]
    assert (stored.is_erased, stored.disclosures) == (True, frozenset())
    world.close()
    assert b"ada-" not in bytes_of(world.directory)
    again = open_archived(world.directory)
    assert again.group().view.is_erased_span(TRACE_OF_ADA, f"{3:016x}")
    again.close()


def test_a_group_that_was_decided_before_brings_nothing_back(world: World) -> None:
    group = world.store.group()
    lines = tuple(one.line for one in world.ada[2].disclosures[:1])
    group.add(Admitted("sender-1", (Merge(2, lines),), None), START_US)
    world.erase(principal=ADA)
    world.store.commit(group)
    world.close()
    assert b"ada-" not in bytes_of(world.directory)


def test_what_comes_later_is_kept(world: World) -> None:
    world.erase(principal=ADA)
    later = world.call(world.own, "ada", ADA, TRACE_OF_ADA)
    write(world.store, [EventRow(later), world.own.seal()])
    found = world.store.database.rows(
        "SELECT principal_id FROM events WHERE log_index = ?", [world.store.size - 2]
    )
    assert found == [("ada-id",)]
    world.store.trim_journal()
    assert "ada-id" in values_in_archive(world.directory)


def test_a_rebuild_brings_nothing_back_and_loses_nothing_else(world: World) -> None:
    world.erase(session=world.shared.session)
    world.close()
    before = rows_of(world.directory)
    assert "ada-id" in repr(before["events"]), "the other session is not asked for"
    made = rebuild_database(world.directory, LOG.key, subject_keys(world.directory))
    assert made.lost == ()
    assert rows_of(world.directory) == before


def test_one_record_is_erased_and_the_others_of_the_person_stay(world: World) -> None:
    outcome = world.erase(log_index="2")
    assert (outcome.entries, outcome.keys, outcome.parts) == (1, 0, 1)
    rows = world.store.database.rows(
        "SELECT log_index, disclosures FROM events WHERE principal_ref = ? ORDER BY 1", [ADA]
    )
    assert [index for index, lines in rows if lines] == [3, 4, 5]
    world.close()
    archived = values_in_archive(world.directory)
    assert world.ada[0].disclosures[0].salt not in archived
    assert world.ada[1].disclosures[0].salt in archived
    made = rebuild_database(world.directory, LOG.key, subject_keys(world.directory))
    assert made.lost == ()


STEPS = ("ledger", "keys", "archive", "rewrite", "blobs", "done")


def kill_at(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Let an erasure end where a kill would end it: before one of its steps."""

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    targets = {
        "ledger": (ErasureLedger, "add"),
        "keys": (SubjectKeys, "destroy"),
        "archive": (Archive, "rewrite_parts"),
        "rewrite": (erasing, "rewrite"),
        "blobs": (erasing, "_remove_blobs"),
        "done": (ErasureLedger, "finish"),
    }
    monkeypatch.setattr(*targets[step], die)


@requirement("erasure.resumes")
@pytest.mark.parametrize("step", STEPS)
def test_a_kill_before_any_step_leaves_what_the_next_start_finishes(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    wanted = {"log_index": "6"} if step == "archive" else {"session": world.shared.session}
    erasure = world.erasure(**wanted)
    with monkeypatch.context() as patch:
        kill_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            carry_out(world.store, erasure)
    killed = Path(shutil.copytree(world.directory, world.directory.with_name("killed")))
    shutil.copytree(subject_keys(world.directory).parent, subject_keys(killed).parent)
    store = open_archived(killed)
    unfinished = store.ledger.unfinished
    assert [one.request for one in unfinished] == ([] if step == "ledger" else [erasure.request])
    for one in unfinished or [erasure]:
        carry_out(store, one)
    assert store.ledger.unfinished == ()
    assert store.signing_stopped is None
    store.close()
    salt = world.bob[0].disclosures[0].salt
    assert salt not in values_in_archive(killed)
    assert salt.encode() not in bytes_of(killed)
    before = rows_of(killed)
    assert rebuild_database(killed, LOG.key, subject_keys(killed)).lost == ()
    assert rows_of(killed) == before


def test_a_ledger_line_that_was_cut_short_is_dropped_and_any_other_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / LEDGER_NAME
    ledger = ErasureLedger(path)
    for number in range(2):
        ledger.add(Erasure(f"{number:032x}", 9, f"{number};", ()))
    ledger.finish(f"{0:032x}")
    whole = path.read_bytes()
    for cut in itertools.accumulate(len(line) for line in whole.splitlines(keepends=True)):
        path.write_bytes(whole[: cut - 3])
        count = len(ErasureLedger(path).entries)
        assert count == min(2, whole[: cut - 3].count(b"\n"))
    path.write_bytes(whole[:-3])
    again = ErasureLedger(path)
    again.add(Erasure("2" * 32, 9, "7;", ()))
    assert [one.values for one in ErasureLedger(path).entries] == ["0;", "1;", "7;"]
    assert ErasureLedger(path).erased.text == Erased([0, 1, 7]).text
    path.write_bytes(whole.replace(b"1;", b"1,0;"))
    with pytest.raises(StoreError, match="line 2 is none of the ledger's"):
        ErasureLedger(path)


def test_the_ledger_names_the_first_erasure_that_took_a_value(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_NAME
    ledger = ErasureLedger(path)
    for request, values in (("a", "0-4;9:1-2"), ("b", "3-7;9:2-5")):
        ledger.add(Erasure(request, 20, values))
    for kept in (ledger, ErasureLedger(path)):
        found = [kept.erasure_of(index) for index in (0, 3, 7, 8, 9)]
        assert [one and one.request for one in found] == ["a", "a", "b", None, None]
        places = [kept.erasure_of_span(9, position) for position in (0, 1, 2, 5, 6)]
        assert [one and one.request for one in places] == [None, "a", "a", "b", None]


_ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tallystick.errors import StoreError
from tallystick_store.governance.ledger import Erasure, ErasureLedger

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
ledger = ErasureLedger(path)
ledger.add(Erasure("1" * 32, 5, "1;"))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 30, hard))
try:
    ledger.add(Erasure("2" * 32, 6, "2;"))
except StoreError:
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    ledger.add(Erasure("2" * 32, 6, "2;"))
"""


def test_a_large_value_that_is_sent_again_meanwhile_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its record follows: whoever sent it was told that it is kept."""
    blob = world.store.blobs.path(blob_digest(BLOB))

    def rewrite_while_somebody_sends(*arguments: Any) -> None:
        world.store.blobs.put(blob_digest(BLOB), BLOB)
        rewrite(*arguments)

    monkeypatch.setattr(erasing, "rewrite", rewrite_while_somebody_sends)
    world.erase(principal=ADA)
    assert blob.is_file()


def test_a_ledger_goes_on_where_the_disk_took_a_part_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_NAME
    subprocess.run([sys.executable, "-c", _ON_A_FULL_DISK, path], check=True, timeout=PATIENCE_S)
    assert [one.values for one in ErasureLedger(path).entries] == ["1;", "2;"]


def test_a_ledger_that_became_shorter_is_written_no_more(tmp_path: Path) -> None:
    path = tmp_path / LEDGER_NAME
    ledger = ErasureLedger(path)
    ledger.add(Erasure("1" * 32, 5, "1;"))
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="shorter than it was"):
        ledger.add(Erasure("2" * 32, 6, "2;"))
    assert path.read_bytes() == b""


def test_what_a_request_means_does_not_change_with_what_comes_after_it(world: World) -> None:
    """A record of a person may come late, and name a trace of which spans were there before."""
    write(world.store, [SpanBatch((SpanRow.of(span(90, "cc" * 16)),))])
    wanted = {"principal": ADA, "below": str(world.store.size)}
    before = select_values(world.store.database, wanted)
    write(world.store, [EventRow(world.call(world.own, "ada", ADA, "cc" * 16))])
    assert select_values(world.store.database, wanted).digest == before.digest


def test_a_store_that_is_read_meanwhile_goes_on(world: World) -> None:
    store: Store = world.store
    erasure = world.erasure(principal=ADA)
    with store.database.cursor() as cursor:
        reading = cursor.execute("SELECT count(*) FROM events")
        assert reading.fetchall() == [(8,)]
    carry_out(store, erasure)
    assert store.database.rows("SELECT count(*), count(disclosures) FROM events") == [(8, 2)]
