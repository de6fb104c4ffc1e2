"""Admission: duplicates are counted, conflicts kept, and what contradicts is refused and recorded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tallystick.event import Record, Statement
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.testing import FakeClock
from tallystick.tlog.seal import make_seal, parse_seal
from tallystick.tlog.tree import Frontier
from tallystick_ingest.admission import (
    Admission,
    NativeRequest,
    Origin,
    Request,
    ServiceRequest,
    SpanRequest,
)
from tallystick_ingest.drafts import Drafts
from tallystick_ingest.masked import MaskedLog, MaskedSpan
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.screening import Candidate, SealCandidate
from tallystick_ingest.service_session import SERVICE_SENDER, ServiceSession, Signer
from tallystick_ingest.verdict import Refusal, Verdict, message
from tallystick_store.events import StoredEvent, read_events
from tallystick_store.rows import EventRow, SealRow, SpanRow
from tallystick_store.store import Store
from tests.keys import key_pair
from tests.requirements import requirement
from tests.stores import EMITTER, START_US, Emitter, open_store, span

SENDER = "key-one"
DRAFTS = Drafts(Masking.of(TokenKey("test", b"k" * 32)), FakeClock())
SERVICE = key_pair("log.example/tenant/service")


def new_session() -> ServiceSession:
    signer = Signer(SERVICE.key, SERVICE.sign)
    return ServiceSession(signer, DRAFTS.opening("1"), lambda: START_US)


class Desk:
    """Admission over a real store: each request is a commit of its own."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.session = new_session()
        self.admission = Admission(self.session, DRAFTS.reject)

    def decide(self, *requests: Request) -> list[Verdict]:
        """Decide requests of one group and commit it."""
        group = self.store.group()
        verdicts = []
        for request in requests:
            admitted = self.admission.admit(request, group.view)
            group.add(admitted, START_US)
            verdicts.append(admitted.verdict)
        self.store.commit(group)
        for verdict in verdicts:
            self.session.confirm(verdict.service_size)
        return verdicts

    def send(self, *rows: EventRow | SealRow, sender: str = SENDER) -> Verdict:
        [verdict] = self.decide(native(*rows, sender=sender))
        return verdict

    def events(self, condition: str = "true", *parameters: object) -> tuple[StoredEvent, ...]:
        return read_events(self.store.database, condition, parameters)

    def rejects(self) -> list[Statement]:
        return [one.statement for one in self.events("type = 'log.reject'")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = open_store(tmp_path / "data")
    yield Desk(store)
    store.close()


def candidate(row: EventRow | SealRow, emitter: Emitter | None = None) -> Candidate:
    if isinstance(row, EventRow):
        return row.record
    key = key_pair(f"tallystick.session/{row.session}").key.vkey
    return SealCandidate(row.body, row.seal, row.session, key)


def native(
    *rows: EventRow | SealRow, sender: str = SENDER, refusals: tuple[Refusal, ...] = ()
) -> NativeRequest:
    origin = Origin(sender, "/v1/logs", "ab" * 32)
    return NativeRequest(origin, tuple(candidate(row) for row in rows), refusals)


def opened(name: str = "one") -> tuple[Emitter, tuple[EventRow | SealRow, ...]]:
    emitter = Emitter(name)
    return emitter, (emitter.opened(), emitter.seal())


def test_a_session_is_kept_with_its_seals(desk: Desk) -> None:
    emitter, opening = opened()
    assert desk.send(*opening, emitter.call(), emitter.call(1), emitter.seal()).kept == 5
    [first, second] = desk.events("type = 'tool.completed'")
    assert (first.sender, first.sealing) == (SENDER, "sealed")
    assert second.disclosures["principal.id"] == "person-1"


@requirement("admit.duplicate-and-conflict")
def test_the_same_request_again_is_all_duplicates_and_keeps_nothing(desk: Desk) -> None:
    emitter, opening = opened()
    rows = (*opening, emitter.call(), emitter.seal())
    desk.send(*rows)
    size = desk.store.size
    verdict = desk.send(*rows)
    assert (verdict.kept, verdict.duplicates, verdict.conflicts) == (0, 4, 0)
    assert desk.store.size == size


@requirement("admit.duplicate-and-conflict")
def test_a_record_that_stands_twice_in_one_request_or_group_is_kept_once(desk: Desk) -> None:
    emitter, opening = opened()
    call, seal = emitter.call(), emitter.seal()
    verdict = desk.send(*opening, call, call, seal, seal)
    assert (verdict.kept, verdict.duplicates) == (4, 2)
    other = emitter.call(1)
    first, second = desk.decide(native(other), native(other))
    assert (first.kept, second.kept, second.duplicates) == (1, 0, 1)


def bare(row: EventRow) -> EventRow:
    return EventRow(Record(row.record.line, row.record.statement, ()))


def only(row: EventRow, field: str) -> EventRow:
    kept = tuple(one for one in row.record.disclosures if one.field == field)
    return EventRow(Record(row.record.line, row.record.statement, kept))


@requirement("admit.duplicate-and-conflict")
def test_disclosures_that_were_missing_are_added_by_a_repetition(desk: Desk) -> None:
    emitter, opening = opened()
    call = emitter.call()
    desk.send(*opening, only(call, "params"))
    assert desk.send(only(call, "params")).duplicates == 1
    assert set(desk.events("type = 'tool.completed'")[0].disclosures) == {"params"}
    desk.send(call)
    assert set(desk.events("type = 'tool.completed'")[0].disclosures) == {"params", "principal.id"}
    size = desk.store.size
    desk.send(call)
    assert desk.store.size == size
    assert desk.store.database.rows("SELECT count(*) FROM late_disclosures") == [(1,)]


def test_two_halves_of_a_record_in_one_request_become_one(desk: Desk) -> None:
    emitter, opening = opened()
    call = emitter.call()
    desk.send(*opening, only(call, "params"), only(call, "principal.id"))
    [kept] = desk.events("type = 'tool.completed'")
    assert set(kept.disclosures) == {"params", "principal.id"}


def rival(name: str, seq: int) -> EventRow:
    """Another record of the same session under the same number."""
    twin = Emitter(name)
    twin.opened()
    twin.seal()
    twin.seq = seq
    return EventRow(twin.record("tool.completed", tool__name="forged", outcome="failure"))


@requirement("admit.duplicate-and-conflict")
def test_other_bytes_under_a_used_number_are_kept_and_counted_as_a_conflict(desk: Desk) -> None:
    emitter, opening = opened()
    desk.send(*opening, emitter.call(), emitter.seal())
    verdict = desk.send(rival("one", 1))
    assert (verdict.kept, verdict.conflicts, verdict.refusals) == (1, 1, ())
    names = [one.statement["tool.name"] for one in desk.events("seq = 1 AND sender = ?", SENDER)]
    assert names == ["lookup", "forged"]
    [sealed, unsealed] = [one.sealing for one in desk.events("seq = 1 AND sender = ?", SENDER)]
    assert (sealed, unsealed) == ("sealed", "unsealed")


def test_rivals_in_one_request_are_both_kept(desk: Desk) -> None:
    emitter, opening = opened()
    verdict = desk.send(*opening, emitter.call(), rival("one", 1))
    assert (verdict.kept, verdict.conflicts) == (4, 1)


@requirement("admit.forged-refused")
def test_a_record_of_a_session_that_was_never_opened_is_refused(desk: Desk) -> None:
    emitter, _ = opened()
    verdict = desk.send(emitter.call(), emitter.seal())
    assert [one.reason for one in verdict.refusals] == ["unknown_session", "unknown_session"]
    assert desk.events("sender = ?", SENDER) == ()


@requirement("admit.forged-refused")
def test_a_session_belongs_to_the_sender_of_its_opening(desk: Desk) -> None:
    emitter, opening = opened()
    desk.send(*opening)
    call, seal = emitter.call(), emitter.seal()
    verdict = desk.send(*opening, call, seal, sender="key-two")
    assert {one.reason for one in verdict.refusals} == {"wrong_sender"}
    assert len(verdict.refusals) == 4
    assert desk.send(call, seal).kept == 2


@requirement("admit.forged-refused")
def test_a_second_opening_does_not_change_the_key_of_a_session(desk: Desk) -> None:
    emitter, opening = opened()
    desk.send(*opening)
    impostor = key_pair(emitter.keys.name, "impostor")
    statement = {**opening[0].record.statement, "session.key": impostor.key.vkey}  # type: ignore[union-attr]  # an event
    second = Record(b"{}", statement, ())
    call = emitter.call()
    body, _ = make_seal(
        Frontier(), [call.record.leaf_hash], impostor.name, impostor.sign, impostor.public_key
    )
    forged = SealCandidate(body, parse_seal(body), emitter.session, impostor.key.vkey)
    request = NativeRequest(Origin(SENDER, "/v1/logs"), (second, call.record, forged))
    [verdict] = desk.decide(request)
    assert [one.reason for one in verdict.refusals] == ["seal_signature"]
    assert verdict.conflicts == 1


@requirement("admit.forged-refused")
@pytest.mark.parametrize("is_kept_before", [True, False])
def test_a_seal_that_contradicts_a_known_event_is_refused(
    desk: Desk, *, is_kept_before: bool
) -> None:
    emitter, opening = opened()
    desk.send(*opening)
    emitter.call()
    seal = emitter.seal()
    wrong = rival("one", 1)
    if is_kept_before:
        desk.send(wrong)
    verdict = desk.send(seal) if is_kept_before else desk.send(wrong, seal)
    assert [one.reason for one in verdict.refusals] == ["seal_mismatch"]
    assert "leaf 1" in verdict.refusals[0].detail


def test_a_seal_may_come_before_its_events(desk: Desk) -> None:
    emitter, opening = opened()
    call, seal = emitter.call(), emitter.seal()
    assert desk.send(*opening, seal).refusals == ()
    assert desk.send(call).refusals == ()
    assert desk.events("type = 'tool.completed'")[0].sealing == "sealed"


def test_a_seal_of_one_of_two_rivals_is_kept(desk: Desk) -> None:
    emitter, opening = opened()
    desk.send(*opening)
    call, seal = emitter.call(), emitter.seal()
    desk.send(rival("one", 1))
    verdict = desk.send(call, seal)
    assert (verdict.refusals, verdict.conflicts) == ((), 1)


def test_another_seal_at_a_sealed_size_is_kept_as_a_conflict(desk: Desk) -> None:
    emitter, opening = opened()
    call = emitter.call()
    desk.send(*opening, call, emitter.seal())
    before = Frontier(1, [opening[0].record.leaf_hash])  # type: ignore[union-attr]  # an event
    other = make_seal(
        Frontier(),
        [before.hashes[0], call.record.leaf_hash],
        emitter.keys.name,
        emitter.keys.sign,
        emitter.keys.public_key,
    )[0]
    verdict = desk.send(SealRow(other, parse_seal(other), emitter.session))
    assert (verdict.kept, verdict.conflicts) == (1, 1)


def recovery(adopter: Emitter, dead: str) -> EventRow:
    fields: dict[str, Any] = {"recovered__session": dead, "recovered__first_seq": 1}
    return EventRow(adopter.record("session.recovered", recovered__leaves=[], **fields))


@requirement("admit.forged-refused")
def test_the_tail_of_a_session_is_adopted_by_its_own_emitter_alone(desk: Desk) -> None:
    dead, dead_opening = opened("dead")
    desk.send(*dead_opening)
    living, opening = opened("living")
    assert desk.send(*opening, recovery(living, dead.session)).refusals == ()
    assert desk.send(recovery(living, "0" * 32)).refusals == ()
    stranger, stranger_opening = opened("stranger")
    record = stranger_opening[0].record  # type: ignore[union-attr]  # an event
    statement = {**record.statement, "emitter.name": "agents.example/stranger"}
    request = NativeRequest(
        Origin(SENDER, "/v1/logs"),
        (Record(record.line, statement, ()), recovery(stranger, dead.session).record),
    )
    [verdict] = desk.decide(request)
    assert [one.reason for one in verdict.refusals] == ["wrong_sender"]


@requirement("admit.forged-refused", "otlp.partial-success")
def test_what_is_refused_is_recorded_in_the_commit_of_what_is_kept(desk: Desk) -> None:
    _, opening = opened()
    early = (Refusal("statement_invalid", "secret detail"), Refusal("too_large", "x"))
    stranger = Emitter("never opened")
    stranger.seq = 5
    request = native(*opening, stranger.call(), refusals=early)
    size = desk.store.size
    [verdict] = desk.decide(request)
    assert verdict.kept == 2
    [reject] = desk.rejects()
    assert reject["reject.counts"] == {
        "statement_invalid": 1,
        "too_large": 1,
        "unknown_session": 1,
    }
    assert reject["reject.sender"] == SENDER
    assert reject["reject.path"] == "/v1/logs"
    assert reject["reject.body_digest"] == "ab" * 32
    assert "secret detail" not in str(reject)
    assert desk.store.size == size + 2 + 4  # the two; the service's open, its seal, reject, seal
    [event] = desk.events("type = 'log.reject'")
    assert (event.sender, event.sealing) == (SERVICE_SENDER, "sealed")


def test_the_message_counts_by_reason_and_quotes_the_first() -> None:
    refusals = [Refusal("b", "first"), Refusal("a", "second"), Refusal("b", "third")]
    assert message(refusals) == "3 refused: a x1, b x2 (first: first)"
    assert message([]) == ""


DERIVED = Prepared(
    {"type": "tool.completed", "time_us": START_US, "origin": "derived", "signed": False}
)


def spans(*numbers: int, derived: Prepared | None = DERIVED) -> SpanRequest:
    made = tuple(MaskedSpan(SpanRow.of(span(number)), derived) for number in numbers)
    return SpanRequest(Origin(SENDER, "/v1/traces", "cd" * 32), made)


@requirement("otlp.foreign-client")
def test_spans_are_kept_with_the_events_that_they_amount_to_in_one_commit(desk: Desk) -> None:
    [verdict] = desk.decide(spans(1, 2))
    assert (verdict.kept, verdict.duplicates) == (2, 0)
    derived = desk.events("origin = 'derived'")
    assert [one.sender for one in derived] == [SERVICE_SENDER, SERVICE_SENDER]
    assert {one.sealing for one in derived} == {"sealed"}
    assert all(one.statement["signed"] is False for one in derived)
    assert desk.store.database.rows("SELECT count(*), min(sender) FROM spans") == [(2, SENDER)]


@requirement("admit.duplicate-and-conflict")
def test_spans_that_come_again_are_counted_and_read_once(desk: Desk) -> None:
    desk.decide(spans(1, 2))
    [verdict] = desk.decide(spans(2, 3, 3))
    assert (verdict.kept, verdict.duplicates) == (1, 2)
    assert len(desk.events("origin = 'derived'")) == 3
    [again] = desk.decide(spans(1, 2, 3))
    assert (again.kept, again.duplicates, again.service_size) == (0, 3, 0)


def logs(*numbers: int) -> NativeRequest:
    made = tuple(
        MaskedLog(
            f"{number:032x}",
            Prepared(
                {
                    "type": "otlp.log",
                    "time_us": START_US,
                    "origin": "derived",
                    "otlp.digest": f"{number:032x}",
                }
            ),
        )
        for number in numbers
    )
    return NativeRequest(Origin(SENDER, "/v1/logs", "cd" * 32), (), (), made)


@requirement("admit.duplicate-and-conflict")
def test_foreign_logs_that_come_again_are_counted_also_after_a_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path / "again")
    desk = Desk(store)
    [first, second] = desk.decide(logs(1, 2), logs(2, 3, 3))
    assert (first.kept, first.duplicates) == (2, 0)
    assert (second.kept, second.duplicates) == (1, 2)
    [third] = desk.decide(logs(1, 2, 3))
    assert (third.kept, third.duplicates, third.service_size) == (0, 3, 0)
    store.close()
    desk = Desk(open_store(tmp_path / "again"))
    [fourth] = desk.decide(logs(3, 4))
    assert (fourth.kept, fourth.duplicates) == (1, 1)
    kept = desk.events("type = 'otlp.log'")
    assert [one.sealing for one in kept] == ["sealed"] * 4
    assert {one.sender for one in kept} == {SERVICE_SENDER}
    desk.store.close()


def test_a_span_that_is_no_action_says_nothing_in_the_service_session(desk: Desk) -> None:
    [verdict] = desk.decide(spans(1, derived=None))
    assert verdict.service_size == 0
    assert desk.events() == ()


def test_the_session_of_the_service_opens_once_and_has_no_holes(desk: Desk) -> None:
    for _ in range(3):
        desk.decide(ServiceRequest((DRAFTS.heartbeat(),)), ServiceRequest((DRAFTS.heartbeat(),)))
    events = desk.events("session = ?", desk.session.session)
    assert [one.statement["seq"] for one in events] == list(range(7))
    assert [one.statement["type"] for one in events] == ["session.open"] + ["session.heartbeat"] * 6
    assert {one.sealing for one in events} == {"sealed"}
    sizes = [one.statement["session.size"] for one in events[1:]]
    assert sizes == list(range(1, 7))


def test_what_a_failed_commit_lost_is_said_again_with_the_next(desk: Desk) -> None:
    desk.decide(ServiceRequest((DRAFTS.heartbeat(),)))
    lost = desk.store.group()
    lost.add(desk.admission.admit(ServiceRequest((DRAFTS.pause("lost"),)), lost.view), START_US)
    desk.decide(ServiceRequest((DRAFTS.heartbeat(),)))
    events = desk.events("session = ?", desk.session.session)
    assert [one.statement["type"] for one in events] == [
        "session.open",
        "session.heartbeat",
        "log.pause",
        "session.heartbeat",
    ]
    assert [one.statement["seq"] for one in events] == [0, 1, 2, 3]
    assert {one.sealing for one in events} == {"sealed"}


def test_more_drafts_than_a_seal_may_cover_get_several_seals(desk: Desk) -> None:
    [verdict] = desk.decide(ServiceRequest((DRAFTS.heartbeat(),) * 5_000))
    assert verdict.service_size == 5_001
    assert desk.store.database.rows("SELECT size FROM seals ORDER BY size") == [
        (1,),
        (4_097,),
        (5_001,),
    ]


def test_the_service_delegates_like_any_emitter(desk: Desk) -> None:
    from tallystick_ingest.otlp.signals import LogItem
    from tallystick_ingest.screening import KeyBook, screen

    desk.decide(ServiceRequest(()))
    [row] = desk.store.database.rows("SELECT statement FROM events")
    book = KeyBook(lambda _: None, lambda name, _: SERVICE.key if name == SERVICE.name else None)
    screened = screen([LogItem("tallystick.event", row[0])], book)
    assert screened.refusals == ()
    assert EMITTER.name not in row[0]
