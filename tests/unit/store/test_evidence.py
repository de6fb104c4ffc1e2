"""Packages from an open store: the same bytes as from a log in memory, for every range of times."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from tallystick.errors import StoreError
from tallystick.tlog.note import encode_vkey
from tallystick.verify.policy import parse_policy
from tallystick_store.evidence.package import write_package
from tallystick_store.evidence.store_reader import StoreReader, export_package
from tests.builder import SECOND_US, START_US, Log, LogReader, Session, fill, sample_log
from tests.forge import Forgery
from tests.keys import key_pair
from tests.store_log import StoreLog
from tests.verifying import verify_package


@pytest.fixture
def log(tmp_path: Path) -> StoreLog:
    log = StoreLog(tmp_path / "data")
    fill(log)
    return log


def exported(log: StoreLog, from_us: int = 0, to_us: int = 2**52) -> bytes:
    out = io.BytesIO()
    export_package(log.store, log.signer(), from_us, to_us, out, 7)
    return out.getvalue()


def in_memory(from_us: int = 0, to_us: int = 2**52) -> bytes:
    log, out = sample_log(), io.BytesIO()
    write_package(LogReader(log), from_us, to_us, out, log.signer(), 7)
    return out.getvalue()


def test_the_same_store_gives_the_same_bytes(log: StoreLog) -> None:
    assert exported(log) == exported(log)


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 32), (3, 20), (10, 11), (20, 40), (9, 9), (40, 50)]
)
def test_a_store_gives_what_a_log_in_memory_gives(log: StoreLog, start: int, stop: int) -> None:
    times = [START_US + (index + 1) * SECOND_US for index in (start, stop)]
    one, two = Forgery.of(exported(log, *times)), Forgery.of(in_memory(*times))
    for name in one.files:
        if name not in ("policy-claimed.txt", "manifest.json", "SHA256SUMS", "SHA256SUMS.sig"):
            assert one.files[name] == two.files[name], name
    assert verify_package(exported(log, *times), log.policy()).exit_code == 0


def test_late_disclosures_are_in_the_package(log: StoreLog, tmp_path: Path) -> None:
    from tallystick_store.rows import Admitted, Merge

    session = Session(log, "late")
    session.open()
    record = session.record("tool.completed", {"params": "{}"}, tool__name="t")
    index = session.ship(type(record)(record.line, record.statement, ()))
    session.close()
    group = log.store.group()
    lines = tuple(one.line for one in record.disclosures)
    group.add(Admitted("sender-1", (Merge(index, lines),), None), log.now_us)
    log.store.commit(group)
    events = Forgery.of(exported(log)).lines("events.ndjson")
    [event] = [line for line in map(json.loads, events) if line["log_index"] == index]
    assert event["disclosures"] == list(lines)
    assert verify_package(exported(log), log.policy()).exit_code == 0


def test_the_claimed_keys_are_those_that_the_service_has_stated(log: StoreLog) -> None:
    enrolled = key_pair("emitter.example/enrolled")
    service = Session(log, "service", key_pair("log.example/service"), "service")
    service.open()
    vkey = encode_vkey(enrolled.name, enrolled.public_key)
    for purpose in ("emitter", "emitter", "log"):
        service.ship(service.record("key.added", key__purpose=purpose, key__vkey=vkey))
    service.close()
    policy = parse_policy(Forgery.of(exported(log)).files["policy-claimed.txt"].decode())
    assert policy.log == log.key.key
    assert policy.emitters == (enrolled.key,)


def test_a_package_ends_at_the_checkpoint_and_stands_still(log: StoreLog) -> None:
    reader = StoreReader(log.store, log.key.key)
    size = reader.tree_size
    Session(log, "later").open()
    log.publish()
    assert reader.tree_size == size
    assert reader.received_between(0, 2**52) == (0, size)
    out = io.BytesIO()
    manifest = write_package(reader, 0, 2**52, out, log.signer(), 7)
    assert (manifest["tree_size"], manifest["to_index"]) == (size, size)
    assert verify_package(out.getvalue(), log.policy()).exit_code == 0


def test_what_is_committed_is_published_before_it_is_exported(log: StoreLog) -> None:
    Session(log, "later").open()
    out = io.BytesIO()
    manifest = export_package(log.store, log.signer(), 0, 2**52, out, 7)
    assert manifest["to_index"] == log.store.size == 34


def test_nothing_can_be_exported_before_anything_is_signed(tmp_path: Path) -> None:
    log = StoreLog(tmp_path / "empty")
    with pytest.raises(StoreError, match="nothing is signed yet"):
        exported(log)


class Pipe(io.RawIOBase):
    def writable(self) -> bool:
        return True


def test_a_package_is_not_written_into_a_pipe() -> None:
    log = sample_log()
    with pytest.raises(StoreError, match="can be sought in"):
        write_package(LogReader(log), 0, 1, Pipe(), log.signer(), 7)  # type: ignore[arg-type]


@pytest.mark.parametrize("missing", ["recovered.first_seq", "recovered.leaves", "log.root"])
def test_an_event_that_states_half_of_something_stops_no_export(missing: str) -> None:
    log = Log()
    dead, heir = Session(log, "dead"), Session(log, "heir")
    dead.open()
    dead.call(1)
    heir.open()
    stated = {
        "recovered__session": dead.id,
        "recovered__first_seq": 1,
        "recovered__leaves": [],
        "log__size": 3,
        "log__root": "?",
    }
    del stated[missing.replace(".", "__")]
    heir.ship(heir.record("session.recovered", **stated))  # type: ignore[arg-type]
    heir.close()
    log.publish()
    with zipfile.ZipFile(io.BytesIO(log.package(2, 3))) as archive:
        assert archive.testzip() is None
    assert verify_package(log.package(), log.policy()).exit_code == 1
