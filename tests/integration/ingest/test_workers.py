"""Larger requests are read in processes: with the same result, and for no longer than there is a service."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.event import parse_statement
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.tlog.note import VerifierKey
from tallystick_ingest.otlp.answer import Signal
from tallystick_ingest.otlp.body import MediaType, TooLargeError, UndecodableError
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.otlp.limits import DEFAULT_LIMITS, Limits
from tallystick_ingest.screening import KeyBook
from tallystick_ingest.workers.pool import BodyReader, BodyReaders
from tallystick_ingest.workers.reading import Body, Read, read
from tests.patience import PATIENCE_S, until
from tests.requirements import requirement
from tests.sending import (
    JSON,
    TRACE,
    as_protobuf,
    batch,
    foreign_logs_json,
    logs_protobuf,
    pairs,
    spans_json,
)
from tests.serving import Service
from tests.stores import EMITTER, Emitter

pytestmark = [pytest.mark.e2e, requirement("otlp.intake-processes")]

KEY, OTHER_KEY = TokenKey("k1", b"k" * 32), TokenKey("k2", b"o" * 32)
NOBODY = KeyBook(lambda _: None, lambda *_: None)
MAIL = "ada.lovelace@example.com"
MODULE = "tallystick_ingest.workers.child"


def many_spans(count: int = 60) -> bytes:
    """Print so many spans of tools, above what is read in the service itself."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "lookup",
        "gen_ai.tool.call.arguments": json.dumps({"mail": MAIL, "note": "word " * 40}),
    }
    span = {
        "traceId": TRACE,
        "name": "execute_tool lookup",
        "kind": 1,
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": pairs(attributes),
    }
    return spans_json([{**span, "spanId": f"{number + 1:016x}"} for number in range(count)])


def body(
    data: bytes,
    signal_: Signal = "traces",
    form: MediaType = "application/json",
    limits: Limits = DEFAULT_LIMITS,
) -> Body:
    return Body(signal_, form, data, limits, 1_796_213_472_000_000)


@pytest.fixture
def reader() -> Iterator[BodyReader]:
    made = BodyReader()
    yield made
    made.close()


def children(pid: int) -> list[int]:
    """List the processes that read requests for a service."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            line = Path(f"/proc/{child}/cmdline").read_bytes().decode()
            found += [int(child)] if MODULE in line else []
    return found


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.mark.parametrize("form", ["application/json", "application/x-protobuf"])
def test_a_process_reads_spans_as_the_service_does(reader: BodyReader, form: MediaType) -> None:
    data = many_spans() if form == JSON else as_protobuf(many_spans())
    here = read(body(data, form=form), Masking.of(KEY), NOBODY)
    beside, spent_s = reader.read(body(data, form=form), KEY, NOBODY)
    assert beside == here
    assert len(here.spans) == 60
    assert MAIL.encode() not in here.spans[0].row.record
    assert spent_s > 0


def test_each_request_is_masked_with_the_key_of_its_tenant(reader: BodyReader) -> None:
    first, other, again = (
        reader.read(body(many_spans(1)), key, NOBODY)[0].spans[0].row.record
        for key in (KEY, OTHER_KEY, KEY)
    )
    assert first == again
    assert b"tok_k1_" in first
    assert b"tok_k2_" in other
    assert b"tok_k1_" not in other


def test_logs_of_others_and_of_our_own_are_read_there_too(reader: BodyReader) -> None:
    logs = foreign_logs_json({"body": f"mail {MAIL}"})
    assert reader.read(body(logs, "logs"), KEY, NOBODY)[0] == read(
        body(logs, "logs"), Masking.of(KEY), NOBODY
    )


def test_a_process_asks_the_service_for_keys(reader: BodyReader) -> None:
    emitter, asked = Emitter(), list[str]()
    first, rest = batch(emitter, 0), batch(emitter, 2, opened=False)
    statement = parse_statement(str(first[0].body).split("\n")[0].encode())

    def emitter_key(name: str, _: str) -> VerifierKey | None:
        asked.append(name)
        return EMITTER.key

    def session_key(session: str) -> str | None:
        asked.append(session)
        return str(statement["session.key"])

    book = KeyBook(session_key, emitter_key)
    assert len(both(reader, logs_protobuf(first), book).candidates) == 2
    assert len(both(reader, logs_protobuf(rest), book).candidates) == 3
    assert asked == [EMITTER.name] * 2 + [emitter.session] * 2
    [refusal] = both(reader, logs_protobuf(first[:1]), NOBODY).refusals
    assert refusal.reason == "unknown_key"


def both(reader: BodyReader, data: bytes, book: KeyBook) -> Read:
    found, _ = reader.read(body(data, "logs", "application/x-protobuf"), KEY, book)
    assert found == read(body(data, "logs", "application/x-protobuf"), Masking.of(KEY), book)
    return found


def test_a_process_says_what_is_wrong_with_a_body_and_goes_on(reader: BodyReader) -> None:
    with pytest.raises(UndecodableError):
        reader.read(body(b"{" * 20_000), KEY, NOBODY)
    with pytest.raises(TooLargeError):
        reader.read(body(many_spans(), limits=Limits(records=3)), KEY, NOBODY)
    assert len(reader.read(body(many_spans()), KEY, NOBODY)[0].spans) == 60


def test_a_process_that_ends_over_a_request_costs_that_request_alone(tmp_path: Path) -> None:
    service = Service(tmp_path / "service", ["--intake-workers", "1"]).start()
    assert service.send(many_spans(), "/v1/traces", JSON).status == 200
    [first] = children(service.pid)
    os.kill(first, signal.SIGKILL)
    answer = service.send(many_spans(61), "/v1/traces", JSON)
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert "send it again" in answer.json["message"]
    assert service.send(many_spans(61), "/v1/traces", JSON).status == 200
    [second] = children(service.pid)
    assert second != first
    assert service.stop() == 0
    assert not is_there(second)
    assert not service.faults


def test_no_process_outlives_a_service_that_was_killed(tmp_path: Path) -> None:
    service = Service(tmp_path / "service").start()
    assert service.send(many_spans(), "/v1/traces", JSON).status == 200
    begun = children(service.pid)
    assert begun
    service.kill()
    until(lambda: not any(is_there(one) for one in begun))


def test_what_was_begun_is_finished_when_the_whole_group_is_told_to_end(tmp_path: Path) -> None:
    service = Service(tmp_path / "service", ["--intake-workers", "1"]).start()
    assert service.send(many_spans(), "/v1/traces", JSON).status == 200
    statuses = list[int]()
    large = many_spans(6_000)
    sending = threading.Thread(
        target=lambda: statuses.append(service.send(large, "/v1/traces", JSON).status)
    )
    sending.start()
    [child] = children(service.pid)
    before = cpu_ticks(child)
    until(lambda: cpu_ticks(child) > before)
    os.kill(child, signal.SIGTERM)
    os.kill(child, signal.SIGINT)
    assert service.stop() == 0
    sending.join(PATIENCE_S)
    assert statuses == [200]


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_without_processes_the_service_reads_everything_itself(tmp_path: Path) -> None:
    service = Service(tmp_path / "service", ["--intake-workers", "0"]).start()
    assert service.send(many_spans(), "/v1/traces", JSON).status == 200
    assert not children(service.pid)
    assert (
        b"tallystick_intake_processes"
        not in service.ask("GET", "/metrics", headers=service.authorization).body
    )
    assert service.stop() == 0


def test_a_process_is_begun_for_large_requests_of_others_alone(tmp_path: Path) -> None:
    service = Service(tmp_path / "service").start()
    service.enrol()
    assert service.send(many_spans(1), "/v1/traces", JSON).status == 200
    assert service.send(logs_protobuf(batch(Emitter(), 200))).status == 200
    assert not children(service.pid)
    assert service.send(many_spans(), "/v1/traces", JSON).status == 200
    [child] = children(service.pid)
    told = Path(f"/proc/{child}/environ").read_bytes() + Path(f"/proc/{child}/cmdline").read_bytes()
    assert b"TALLYSTICK" not in told
    assert (
        b"tallystick_intake_processes 1.0"
        in service.ask("GET", "/metrics", headers=service.authorization).body
    )
    assert service.stop() == 0


def test_no_more_processes_than_there_may_be() -> None:
    readers = BodyReaders(2)
    data, at_once = body(many_spans()), threading.Barrier(2)

    def work(reader: BodyReader) -> int:
        at_once.wait(PATIENCE_S)
        return len(reader.read(data, KEY, NOBODY)[0].spans)

    assert [one.result() for one in [readers.submit(work) for _ in range(6)]] == [60] * 6
    assert readers.count == 2
    readers.close()
    assert readers.count == 0


def test_a_process_that_cannot_be_begun_is_a_request_to_send_again(
    reader: BodyReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick_ingest.workers.pool._COMMAND", ("/nowhere/python",))
    with pytest.raises(BusyError, match="send it again"):
        reader.read(body(many_spans()), KEY, NOBODY)
    assert not reader.is_running
