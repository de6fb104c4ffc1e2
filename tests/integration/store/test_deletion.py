"""Deletion of whole records: the values go from every file, and every proof of the rest holds."""

import io
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tallystick.errors import StoreError
from tallystick.verify.report import Report
from tallystick_ingest import retention
from tallystick_store.archive.database import rebuild_database
from tallystick_store.archive.subject_keys import SUBJECT_KEYS_NAME
from tallystick_store.engine.rewrite import rewrite
from tallystick_store.evidence.export import ExportRequest
from tallystick_store.evidence.store_reader import StoreReader
from tallystick_store.governance import deletion
from tallystick_store.governance.backup import take_backup
from tallystick_store.governance.requests import ConflictError
from tallystick_store.governance.restore import restore
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.rows import EventRow
from tallystick_store.schema import TOMBSTONES, Column
from tests.patience import until_ended
from tests.requirements import requirement
from tests.retained import ADA, ANNA, BERT, OldService
from tests.stores import edit

ENOUGH_TO_ASK_S = 2.0
"""For a request that nothing keeps waiting; one that has to wait goes on behind it."""
NAMES = ("alpha", "beta", "gamma")
SPANS_TOO = '[[class]]\nname = "calls"\nkeep = "P7M"\ntypes = ["tool.*", "span"]\n'


def other_values(column: Column) -> tuple[str, ...]:
    """Return SQL of values that a column of a tombstone may be given, and of none."""
    if column.sql == "BLOB":
        return "NULL", "repeat('x', 32)::BLOB"
    return (
        ("NULL", f'coalesce("{column.name}", 6) + 1') if column.sql == "BIGINT" else ("NULL", "'x'")
    )


def tombstones_of(directory: Path) -> list[tuple[object, ...]]:
    with duckdb.connect(str(directory / DATABASE_NAME), read_only=True) as connection:
        return connection.execute("FROM tombstones ORDER BY rowid").fetchall()


def faults(report: Report, step: int = 14) -> list[str]:
    return [
        one.message
        for one in report.findings.listed
        if one.severity == "fault" and one.step == step
    ]


@pytest.fixture
def old(tmp_path: Path) -> Iterator[OldService]:
    made = OldService(tmp_path / "home")
    made.calls(NAMES)
    made.wait_months(8)
    yield made
    made.close()


@requirement("retention.tombstones")
def test_what_two_people_agree_on_goes_and_everything_else_is_proven(old: OldService) -> None:
    old.close()
    assert "tallystick.duckdb" in old.holding("secret-beta.")
    old.open()
    gone = old.indexes("tool_name = 'beta'")
    before = old.service.store.size
    old.delete("beta")
    assert old.indexes("tool_name = 'beta'") == []
    assert len(old.indexes()) == 2
    # request, confirmation and the word that it was carried out, and the seal of each
    assert old.service.store.size == before + 6
    old.calls(["delta"])
    old.close()
    assert old.holding("secret-beta.") == []
    assert old.holding("secret-alpha.")
    report = old.verify()
    assert report.exit_code == 0, report.text
    assert report.findings.checked[14, "deleted entries"] == len(gone) == 1


@requirement("retention.standing")
def test_a_deletion_is_stated_as_carried_out_once_also_by_a_later_start(old: OldService) -> None:
    request = old.ask("beta")
    old.service.retention.confirm(BERT, request.id, request.digest, "seen")
    stated = "type = 'access.delete'"
    assert old.indexes(stated) == []
    old.close()
    for _ in range(2):
        old.open()
        old.service.retention.close()
        assert len(old.indexes(stated)) == 1
        old.close()
    assert old.verify().exit_code == 0
    old.open()


@requirement("retention.tombstones")
def test_a_store_with_deleted_entries_starts_and_signs_again(old: OldService) -> None:
    old.delete()
    old.close()
    service = old.open()
    assert service.store.signing_stopped is None
    assert not [one for one in service.store.notices if "missing" in one]
    old.calls(["later"])
    proof = service.store
    proof.publisher.publish_now()
    assert proof.inclusion_proof(proof.size, 5)
    old.close()
    assert old.verify().exit_code == 0


@requirement("retention.resend")
def test_a_deleted_record_that_is_sent_again_is_a_duplicate_and_stays_away(old: OldService) -> None:
    records = old.calls(["twice"])
    old.wait_months(8)
    old.delete("twice")
    verdict = old.send(*map(EventRow, records))
    assert (verdict.kept, verdict.duplicates) == (0, 1)
    old.close()
    assert old.holding("secret-twice.") == []
    service = old.open()
    assert old.send(*map(EventRow, records)).duplicates == 1
    assert service.store.database.rows("SELECT * FROM late_disclosures") == []
    old.close()
    assert old.holding("secret-twice.") == []
    assert old.verify().exit_code == 0


@requirement("retention.floor")
@pytest.mark.parametrize("keep", ["P6M", "P1D"])
def test_nothing_younger_than_six_months_can_be_asked_for(tmp_path: Path, keep: str) -> None:
    classes = f'[[class]]\nname = "calls"\nkeep = "{keep}"\n'
    old = OldService(tmp_path / "home", classes)
    old.calls(NAMES)
    old.clock.advance(180 * 86_400)
    with pytest.raises(ConflictError, match="nothing"):
        old.ask()
    with pytest.raises(ConflictError, match="nothing"):
        old.service.retention.ask(ANNA, None, {"tool": "*"}, "")
    old.wait_months(1)
    assert old.ask().count == 3
    old.close()


@requirement("retention.hold")
def test_a_hold_between_request_and_confirmation_wins(old: OldService) -> None:
    request = old.ask()
    old.service.two_people.hold(ADA, "case", {"tool": "be*"}, "")
    with pytest.raises(ConflictError, match="a hold"):
        old.service.retention.confirm(BERT, request.id, request.digest, "")
    again = old.ask()
    assert again.count == 2
    old.service.retention.confirm(BERT, again.id, again.digest, "")
    old.service.retention.carry_out()
    assert len(old.indexes("tool_name = 'beta'")) == 1
    old.close()
    assert old.verify().exit_code == 0


@requirement("retention.bytes-gone")
def test_a_package_that_waits_to_be_fetched_goes_with_what_it_holds(old: OldService) -> None:
    exports = old.service.exports
    exports.settle_s = 0.0
    id_ = exports.start(ExportRequest(0, 2**62, "eu-ai-act"), ANNA)
    until_ended("export")
    job = exports.get(id_)
    assert job is not None
    package = exports.package(job)
    assert package.exists(), job.error
    request = old.ask()
    old.service.retention.confirm(BERT, request.id, request.digest, "")
    old.service.retention.carry_out()
    assert (package.exists(), exports.get(id_)) == (False, None)


@requirement("retention.hold")
def test_what_is_held_after_the_confirmation_stays_until_the_release(old: OldService) -> None:
    request = old.ask()
    old.service.retention.confirm(BERT, request.id, request.digest, "")
    hold = old.service.two_people.hold(ADA, "case", {"tool": "beta"}, "")
    old.service.retention.carry_out()
    assert len(old.indexes()) == 1
    old.close()
    assert old.verify().exit_code == 0
    assert old.holding("secret-beta.")
    service = old.open()
    service.two_people.release(BERT, hold.id, "")
    service.retention.carry_out()
    assert old.indexes() == []
    old.close()
    assert old.holding("secret-beta.") == []
    assert old.verify().exit_code == 0


def test_a_record_that_arrives_later_is_held_too(old: OldService) -> None:
    old.service.two_people.hold(ADA, "case", {"tool": "late"}, "")
    old.calls(["late"])
    old.wait_months(8)
    old.delete()
    assert len(old.indexes()) == len(old.indexes("tool_name = 'late'")) == 1
    with pytest.raises(ConflictError, match="on hold"):
        old.ask()
    old.close()


def test_two_requests_for_one_entry_delete_it_once(old: OldService) -> None:
    first, second = old.ask(), old.ask("beta")
    old.service.retention.confirm(BERT, first.id, first.digest, "")
    with pytest.raises(ConflictError, match="gone"):
        old.service.retention.confirm(BERT, second.id, second.digest, "")
    old.service.retention.carry_out()
    old.close()
    assert old.verify().exit_code == 0


def test_a_clock_that_was_set_confirms_nothing(old: OldService) -> None:
    request = old.ask()
    old.clock.set_wall(old.clock.now_us() + 2 * 86_400 * 1_000_000)
    with pytest.raises(ConflictError, match="clock"):
        old.ask()
    with pytest.raises(ConflictError, match="clock"):
        old.service.retention.confirm(BERT, request.id, request.digest, "")
    old.close()


STEPS = ("_bury_set", "_valid", "_remove_blobs", "rewrite", "archive")


@requirement("retention.resumed")
@pytest.mark.parametrize("step", STEPS)
def test_a_deletion_that_was_cut_short_anywhere_is_finished_by_the_next_run(
    old: OldService, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise StoreError("the process ends here")

    request = old.ask()
    if step == "rewrite":
        monkeypatch.setattr(deletion, "rewrite", killed)
    elif step == "archive":
        monkeypatch.setattr(old.service.store.archiver, "drop", killed)
    else:
        monkeypatch.setattr(deletion.Deletions, step, killed)
    try:
        old.service.retention.confirm(BERT, request.id, request.digest, "")
        old.service.retention.carry_out()
    except StoreError:
        assert step == "_bury_set"
    monkeypatch.undo()
    old.close()
    assert old.verify().exit_code == 0
    old.open().retention.carry_out()
    assert old.indexes() == []
    old.close()
    assert old.holding("secret-") == []
    assert old.verify().exit_code == 0


def test_a_set_is_not_forgotten_while_its_request_is_recorded(
    old: OldService, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget, asked = deletion.Deletions.forget_sets, []
    asker = threading.Thread(target=lambda: asked.append(old.ask()))

    def meanwhile(deletions: deletion.Deletions, *arguments: Any) -> None:
        asker.start()
        asker.join(ENOUGH_TO_ASK_S)
        forget(deletions, *arguments)

    old.service.retention.close()  # what the start began is done
    monkeypatch.setattr(deletion.Deletions, "forget_sets", meanwhile)
    old.service.retention.carry_out()
    monkeypatch.undo()
    asker.join()
    [request] = asked
    old.service.retention.confirm(BERT, request.id, request.digest, "seen")
    old.service.retention.carry_out()
    assert old.indexes() == []
    old.close()


@requirement("erasure.beside-deletion")
def test_what_is_being_deleted_is_not_confirmed_for_an_erasure(
    old: OldService, monkeypatch: pytest.MonkeyPatch
) -> None:
    erasures = old.service.erasures
    asked = erasures.ask(ANNA, {"session": old.emitter.session}, "they asked for it")
    refused: list[object] = []

    def confirmed_meanwhile(*arguments: Any) -> None:
        with pytest.raises(ConflictError, match="being deleted") as refusal:
            erasures.confirm(BERT, asked.id, asked.digest, "seen")
        refused.append(refusal)
        rewrite(*arguments)

    monkeypatch.setattr(deletion, "rewrite", confirmed_meanwhile)
    old.delete("beta")
    assert len(refused) == 1
    again = erasures.ask(ANNA, {"session": old.emitter.session}, "the rest")
    erasures.confirm(BERT, again.id, again.digest, "seen")
    erasures.close()
    assert erasures.failure is None
    assert [one.state for _, one in erasures.requests()] == ["waiting", "carried out"]
    old.close()
    assert old.holding("secret-") == []
    assert old.verify().exit_code == 0


@requirement("erasure.beside-deletion")
@pytest.mark.parametrize("step", ["statement", "ledger"])
def test_what_is_to_be_erased_is_deleted_after_that(
    old: OldService, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def busy(*_: object) -> None:
        raise StoreError("the disk is full")

    erasures = old.service.erasures
    asked = erasures.ask(ANNA, {"session": old.emitter.session}, "they asked for it")
    with monkeypatch.context() as patch:
        if step == "statement":
            patch.setattr(erasures, "_state", busy)
        else:
            patch.setattr("tallystick_store.governance.erasing.rewrite", busy)
        erasures.confirm(BERT, asked.id, asked.digest, "seen")
        erasures.close()
        assert erasures.failure == "the disk is full"
    old.delete()
    assert len(old.indexes()) == len(NAMES)
    erasures.resume()
    erasures.close()
    assert [one.state for _, one in erasures.requests()] == ["carried out"]
    old.service.retention.carry_out()
    assert old.indexes() == []
    old.close()
    assert old.holding("secret-") == []
    report = old.verify()
    assert report.exit_code == 0, report.text


@requirement("retention.forged")
@requirement("retention.hold")
def test_a_hold_that_comes_while_records_go_says_so(
    old: OldService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which ones go was decided before: a hold that is answered as in force keeps all that it covers."""
    monkeypatch.setattr(retention, "HOLD_WAIT_S", 0)
    request = old.ask()
    service = old.service
    service.retention.confirm(BERT, request.id, request.digest, "they are due")
    archiver, drop = service.store.archiver, service.store.archiver.drop

    def drop_while_somebody_holds(going: list[int]) -> None:
        with pytest.raises(ConflictError, match="being deleted just now"):
            service.retention.hold(ANNA, "litigation", {"tool": "alpha"}, "a court order")
        drop(going)

    monkeypatch.setattr(archiver, "drop", drop_while_somebody_holds)
    service.retention.carry_out()
    assert service.retention.hold(ANNA, "litigation", {}, "a court order").id
    assert len(service.two_people.authority().holds) == 1


def test_a_deletion_that_cannot_be_done_keeps_no_other_from_it(
    old: OldService, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = old.ask("alpha"), old.ask("beta")
    service = old.service
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deletion.Deletions, "bury", lambda _: None)
        service.retention.confirm(BERT, first.id, first.digest, "they are due")
    (old.data / "deletions" / f"{first.digest}.set").unlink()
    service.retention.confirm(BERT, second.id, second.digest, "they are due")
    service.retention.carry_out()
    left = service.store.database.rows(
        "SELECT DISTINCT tool_name FROM events WHERE tool_name != ''"
    )
    assert sorted(left) == [("alpha",), ("gamma",)]
    assert f"the deletion {first.id} is not carried out yet" in caplog.text


def test_a_backup_knows_what_a_confirmed_deletion_is_about(old: OldService, tmp_path: Path) -> None:
    request = old.ask("alpha")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deletion.Deletions, "bury", lambda _: None)
        old.service.retention.confirm(BERT, request.id, request.digest, "they are due")
    backup, home = tmp_path / "backup", tmp_path / "restored"
    take_backup(old.service.store, backup, old.clock.now_us())
    [subject_keys] = old.root.rglob(SUBJECT_KEYS_NAME)
    restore(backup, home, old.service.keys.log.key, subject_keys)
    [kept] = (home / "deletions").glob("*.set")
    assert kept.stem == request.digest


def test_a_row_that_is_missing_without_a_tombstone_is_a_fault(old: OldService) -> None:
    old.close()
    edit(old.data, "DELETE FROM events WHERE tool_name = 'beta'")
    report = old.verify()
    assert report.exit_code == 1
    assert "an entry without its content" in report.text


@requirement("retention.forged")
@pytest.mark.parametrize("authority", ["-1", "0", "(SELECT max(log_index) FROM events)"])
def test_a_tombstone_that_nobody_allowed_is_a_fault(old: OldService, authority: str) -> None:
    old.close()
    columns = "log_index, rx_us, sender, leaf_hash, 'event', NULL, session, seq"
    forged = f"SELECT {columns}, {authority} FROM events WHERE tool_name = 'beta'"  # noqa: S608 - tests' own
    edit(old.data, f"INSERT INTO tombstones {forged}")
    edit(old.data, "DELETE FROM events WHERE tool_name = 'beta'")
    report = old.verify()
    assert report.exit_code == 1
    assert "allows nothing" in "".join(faults(report))


@requirement("retention.forged")
def test_a_tombstone_added_to_an_honest_deletion_is_a_fault_and_is_not_carried_out(
    old: OldService,
) -> None:
    old.delete("beta")
    old.close()
    forged = (
        "INSERT INTO tombstones SELECT log_index, rx_us, sender, leaf_hash, 'event', NULL, session, seq,"
        " (SELECT max(authorised_by) FROM tombstones) FROM events WHERE tool_name = 'alpha'"
    )
    edit(old.data, forged)
    assert "another set" in "".join(faults(old.verify()))
    old.open().retention.carry_out()
    assert len(old.indexes("tool_name = 'alpha'")) == 1
    old.close()
    edit(old.data, "DELETE FROM events WHERE tool_name = 'alpha'")
    assert old.verify().exit_code == 1


@pytest.fixture(scope="module")
def deleted(tmp_path_factory: pytest.TempPathFactory) -> OldService:
    """A stopped service of which one event and one batch of spans are deleted."""
    made = OldService(tmp_path_factory.mktemp("deleted") / "home", SPANS_TOO)
    made.calls(NAMES)
    made.send_spans(2)
    made.wait_months(8)
    for held in ("alpha", "gamma"):
        made.service.two_people.hold(ADA, held, {"tool": held}, "")
    made.delete()
    assert len(made.indexes()) == 2
    made.close()
    return made


def test_spans_of_one_request_are_deleted_as_one_entry(deleted: OldService) -> None:
    report = deleted.verify()
    assert report.exit_code == 0, report.text
    assert report.findings.checked[14, "deleted entries"] == 2
    assert deleted.holding("secret-span") == []


@pytest.mark.parametrize(
    "change",
    [
        *(f'"{one.name}" = {value}' for one in TOMBSTONES.columns for value in other_values(one)),
        "log_index = log_index + 1000",
    ],
)
@pytest.mark.parametrize("kind", ["event", "spans"])
def test_a_changed_tombstone_is_a_fault(
    deleted: OldService, tmp_path: Path, kind: str, change: str
) -> None:
    data = Path(shutil.copytree(deleted.data, tmp_path / "data"))
    before = tombstones_of(data)
    edit(data, f"UPDATE tombstones SET {change} WHERE kind = '{kind}'")  # noqa: S608 - tests' own
    assert tombstones_of(data) == before or deleted.verify(data).exit_code == 1


@pytest.mark.parametrize("change", ["DELETE FROM", "INSERT INTO tombstones FROM"])
def test_a_tombstone_that_is_gone_or_repeated_is_a_fault(
    deleted: OldService, tmp_path: Path, change: str
) -> None:
    data = Path(shutil.copytree(deleted.data, tmp_path / "data"))
    edit(data, f"{change} tombstones WHERE kind = 'spans'")
    assert deleted.verify(data).exit_code == 1


@requirement("retention.package")
def test_a_package_says_what_was_deleted_and_who_allowed_it(old: OldService) -> None:
    old.delete("beta")
    report = old.verify_package(old.package())
    assert report.exit_code == 0, report.text
    assert report.findings.checked[14, "deleted entries"] == 1
    first_us = old.service.started_us
    before = old.package(first_us, first_us + 86_400 * 1_000_000)
    part = old.verify_package(before)
    assert part.exit_code == 0, part.text
    assert part.findings.checked[14, "deleted entries"] == 1
    old.close()


@requirement("retention.package")
@pytest.mark.parametrize("step", ["stored_events", "deleted", "range_proof"])
def test_a_package_that_is_written_while_the_file_is_exchanged_holds_each_entry_once(
    old: OldService, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    read, begun = getattr(StoreReader, step), []

    def meanwhile(reader: StoreReader, *arguments: int) -> Any:
        begun.append(reader)
        if len(begun) > 1:
            return read(reader, *arguments)
        found = read(reader, *arguments)
        found = list(found) if step == "stored_events" else found
        old.delete("beta")
        return found

    monkeypatch.setattr(StoreReader, step, meanwhile)
    package = old.package()
    monkeypatch.undo()
    report = old.verify_package(package)
    assert report.exit_code == 0, report.text
    assert report.findings.checked[14, "deleted entries"] == 1
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        texts = [archive.read(name) for name in ("events.ndjson", "deleted.ndjson")]
    [gone] = [json.loads(line)["log_index"] for line in texts[1].splitlines()]
    assert gone not in [json.loads(line)["log_index"] for line in texts[0].splitlines()]
    old.close()


def test_a_package_is_given_up_where_the_file_is_exchanged_again_and_again(
    old: OldService, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = StoreReader.entries

    def meanwhile(reader: StoreReader, start: int, stop: int) -> Any:
        rewrite(old.service.store.database, {})
        return read(reader, start, stop)

    monkeypatch.setattr(StoreReader, "entries", meanwhile)
    with pytest.raises(StoreError, match="written anew"):
        old.package()
    old.close()


@requirement("retention.bytes-gone")
def test_a_database_that_a_rebuild_set_aside_goes_with_what_is_deleted(old: OldService) -> None:
    old.close()
    rebuilt = rebuild_database(
        old.data, old.service.keys.log.key, old.root / "server" / SUBJECT_KEYS_NAME
    )
    assert rebuilt.replaced is not None
    assert "secret-beta." in rebuilt.replaced.read_bytes().decode("latin-1")
    old.open()
    old.delete("beta")
    old.close()
    assert not rebuilt.replaced.exists()
    assert old.holding("secret-beta.") == []
    assert old.holding("secret-alpha.")
    assert old.verify().exit_code == 0


@requirement("erasure.bytes")
def test_a_database_that_a_rebuild_set_aside_goes_with_what_is_erased(old: OldService) -> None:
    old.close()
    rebuild_database(old.data, old.service.keys.log.key, old.root / "server" / SUBJECT_KEYS_NAME)
    erasures = old.open().erasures
    asked = erasures.ask(ANNA, {"session": old.emitter.session}, "they asked for it")
    erasures.confirm(BERT, asked.id, asked.digest, "seen")
    erasures.close()
    assert erasures.failure is None
    old.close()
    assert old.holding("secret-") == []
    assert old.verify().exit_code == 0
