"""The service as a whole, in this process: housekeeping, pauses, and an end in order."""

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from tallystick.event import Statement
from tallystick.testing import FakeClock
from tallystick_ingest import composition
from tallystick_ingest.admission import Origin
from tallystick_ingest.auth.api_keys import KeyRing, NewKey
from tallystick_ingest.auth.gate import ADMINISTRATOR, Caller
from tallystick_ingest.drafts import Access
from tallystick_ingest.local_credentials import keep_credentials
from tallystick_ingest.otlp.http import RefusedWhole
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.refusals import RECORDED_AT_ONCE
from tallystick_ingest.service import SWEEP_EVERY_S, Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.verdict import Refusal
from tallystick_store.blob_sweep import ORPHAN_AGE_S
from tallystick_store.blobs import blob_digest
from tallystick_store.events import read_events
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.stores import EMITTER


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service.open(load_service_config({"home": str(tmp_path)}, {}), FakeClock())
    yield made
    made.close("the test is over")


def said(service: Service, kind: str = "") -> list[Statement]:
    events = read_events(service.store.database, "sender = 'service'", [])
    assert {one.sealing for one in events} == {"sealed"}
    return [one.statement for one in events if kind in ("", one.statement["type"])]


def test_the_first_start_states_who_runs_and_whose_keys_count(service: Service) -> None:
    opened, log, own = said(service)
    assert opened["service.name"] == "tallystick"
    assert (log["key.purpose"], log["key.vkey"]) == ("log", service.keys.log.key.vkey)
    assert (own["key.purpose"], own["key.vkey"]) == ("emitter", service.keys.service.key.vkey)
    newest = service.store.checkpoint
    assert newest is not None
    assert newest.size == service.store.size


@pytest.mark.parametrize("error", [BusyError("no disk"), ValueError("no text")], ids=str)
def test_a_key_that_cannot_be_recorded_is_none(
    service: Service, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_drafts: object) -> None:
        raise error

    kept = service.create_api_key(NewKey("kept", ("read",)))[0]
    monkeypatch.setattr(service, "state", fail)
    with pytest.raises(type(error), match=str(error)):
        service.create_api_key(NewKey("lost", ("read",)))
    again = KeyRing(service.config.core.secrets / "api-keys.json", service.clock.now_us)
    assert [one.id for one in service.ring.keys] == [one.id for one in again.keys] == [kept.id]


def test_what_is_not_recorded_in_time_is_not_done_and_says_what_to_do(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composition, "STATE_TIMEOUT_S", 0)
    monkeypatch.setattr(service, "submit", lambda _request: Future())
    with pytest.raises(BusyError, match=r"could not be recorded within 0 s, .*: ask again"):
        service.state([service.drafts.heartbeat()])
    monkeypatch.undo()


def test_a_later_start_does_not_state_its_keys_again(tmp_path: Path) -> None:
    config = load_service_config({"home": str(tmp_path)}, {})
    Service.open(config, FakeClock()).close("over")
    again = Service.open(config, FakeClock())
    types = [one["type"] for one in said(again)]
    again.close("over")
    assert types == [
        *("session.open", "key.added", "key.added", "session.close"),
        "session.open",
    ]


def test_an_identity_is_admitted_once_and_found_by_the_next_start(tmp_path: Path) -> None:
    config = load_service_config({"home": str(tmp_path)}, {})
    service = Service.open(config, FakeClock())
    assert service.enrol(EMITTER.key)
    assert not service.enrol(EMITTER.key)
    assert len(said(service, "key.added")) == 3
    service.close("over")
    again = Service.open(config, FakeClock())
    found = again.directory.emitter_key(EMITTER.name, EMITTER.key.key_id.hex())
    again.close("over")
    assert found == EMITTER.key


def test_once_a_minute_it_says_that_it_lives_and_who_was_refused(service: Service) -> None:
    for _ in range(3):
        service.refusals.add_anonymous("/v1/logs", "unauthenticated")
    access = Access("access.read", "status", ADMINISTRATOR, {}, 1)
    service.accesses.record(access)
    service.accesses.record(access)
    service.housekeep()
    [beat] = said(service, "session.heartbeat")
    assert beat["session.size"] == beat["seq"]
    [reject] = said(service, "log.reject")
    assert reject["reject.counts"] == {"unauthenticated": 3}
    assert (reject["reject.sender"], reject["reject.path"]) == ("anonymous", "/v1/logs")
    service.housekeep()
    assert len(said(service, "log.reject")) == 1


@requirement("store.blob-sweep")
def test_once_a_day_it_removes_blobs_that_no_record_names(service: Service) -> None:
    blobs, clock = service.store.blobs, service.clock
    assert isinstance(clock, FakeClock)

    def put(content: bytes) -> str:
        name, old_s = blob_digest(content), clock.now_us() / 1_000_000 - ORPHAN_AGE_S - 1
        blobs.put(name, content)
        os.utime(blobs.path(name), (old_s, old_s))
        return name

    first = put(b"1")
    service.housekeep()
    assert blobs.blocks(first) is None
    second = put(b"2")
    service.housekeep()
    assert blobs.blocks(second) is not None
    clock.advance(SWEEP_EVERY_S)
    service.housekeep()
    assert blobs.blocks(second) is None


def test_blobs_that_cannot_be_removed_keep_the_service_alive(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("tallystick_ingest.service.sweep_blobs", fail)
    service.housekeep()
    assert len(said(service, "session.heartbeat")) == 1


@requirement("access.recorded")
def test_what_is_still_counted_is_recorded_at_the_end(tmp_path: Path) -> None:
    config = load_service_config({"home": str(tmp_path)}, {})
    service = Service.open(config, FakeClock())
    access = Access("access.read", "status", ADMINISTRATOR, {}, 1)
    for _ in range(3):
        service.accesses.record(access)
    service.refusals.add_anonymous("/v1/logs", "unauthenticated")
    service.close("over")
    service.close("twice does nothing")
    again = Service.open(config, FakeClock())
    events = said(again)
    again.close("over")
    counts = [one["access.count"] for one in events if one["type"] == "access.read"]
    assert counts == [1, 2]
    assert "log.reject" in [one["type"] for one in events]
    closed = [one for one in events if one["type"] == "session.close"]
    assert [one["session.reason"] for one in closed] == ["over"]
    first = [one for one in events if one["session"] == closed[0]["session"]]
    assert first[-1]["type"] == "session.close"


def test_after_the_end_nothing_is_taken_and_the_cause_is_said(tmp_path: Path) -> None:
    service = Service.open(load_service_config({"home": str(tmp_path)}, {}), FakeClock())
    service.close("over")
    with pytest.raises(BusyError, match="closing"):
        service.state([service.drafts.heartbeat()])
    service.housekeep()


def test_statements_from_many_threads_keep_one_dense_sequence(service: Service) -> None:
    threads = [
        threading.Thread(target=lambda: service.state([service.drafts.heartbeat()] * 2))
        for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seqs = [one["seq"] for one in said(service)]
    assert sorted(seqs) == list(range(len(seqs)))
    assert len(said(service, "session.heartbeat")) == 48


def test_a_service_that_cannot_state_its_start_gives_the_directory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_service_config({"home": str(tmp_path)}, {})

    def refuse(*_: object) -> None:
        raise BusyError("no")

    monkeypatch.setattr(Service, "_state_start", refuse)
    with pytest.raises(BusyError):
        Service.open(config, FakeClock())
    monkeypatch.undo()
    Service.open(config, FakeClock()).close("over")


def key_count(service: Service) -> int:
    return len(service.ring.keys)


def test_credentials_are_kept_up_to_date_and_never_taken_over(service: Service) -> None:
    path = service.config.core.home / "credentials.json"
    assert str(path) in keep_credentials(service, "http://127.0.0.1:1")
    first = path.read_text()
    keep_credentials(service, "http://127.0.0.1:1")
    assert path.read_text() == first
    assert key_count(service) == 1
    keep_credentials(service, "http://127.0.0.1:2")
    assert "127.0.0.1:2" in path.read_text()
    path.write_text(first.replace(service.ring.keys[0].id, "").replace('"tallystick_', '"x'))
    keep_credentials(service, "http://127.0.0.1:1")
    assert key_count(service) == 2
    foreign = path.read_text().replace(service.keys.log.key.vkey, EMITTER.key.vkey)
    path.write_text(foreign)
    assert "stays as it is" in keep_credentials(service, "http://127.0.0.1:1")
    assert path.read_text() == foreign


def test_a_seen_checkpoint_is_looked_at_once(service: Service) -> None:
    note = service.newest_note() or ""
    assert not service.is_seen(note)
    service.observe(note)
    assert service.is_seen(note)
    for number in range(2_000):
        service.observe(f"garbage {number}")
    assert not service.is_seen(note)
    assert service.store.signing_stopped is None


@requirement("otlp.bounded-cost")
@pytest.mark.anyio
async def test_a_sender_of_garbage_waits_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_ingest.intake.FLOOD_PAUSE_S", 3_600)
    flooding, other = (Caller(name, name, ("ingest",)) for name in ("flooding", "other"))
    for _ in range(RECORDED_AT_ONCE - 1):
        await service.intake.note_refusal(RefusedWhole("/v1/logs", "undecodable", other))
        service.refusals.draft(Origin("flooding", "/v1/logs"), [Refusal("undecodable", "")])
    held = [
        asyncio.create_task(
            service.intake.note_refusal(RefusedWhole("/v1/logs", "undecodable", flooding))
        )
        for _ in range(5)
    ]
    await service.intake.note_refusal(RefusedWhole("/v1/traces", "undecodable", other))
    assert not any(task.done() for task in held)
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)


def test_a_service_whose_database_is_far_behind_states_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load_service_config({"home": str(tmp_path)}, {})
    service = Service.open(config, FakeClock())
    service.store.settle()
    insert, is_let = service.store.database.insert, threading.Event()

    def insert_later(*args: Any) -> None:
        is_let.wait(PATIENCE_S)
        insert(*args)

    monkeypatch.setattr(service.store.database, "insert", insert_later)
    monkeypatch.setattr("tallystick_store.journal.follower.MAX_WAITING_BYTES", 1)
    service.state([service.drafts.heartbeat()])
    assert service.store.is_full
    threading.Timer(1, is_let.set).start()
    service.close("the host goes down")
    monkeypatch.undo()
    again = Service.open(config, FakeClock())
    assert [one["session.reason"] for one in said(again, "session.close")] == ["the host goes down"]
    again.close("the test is over")
