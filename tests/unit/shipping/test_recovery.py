"""Recovery: what a dead process left is shipped, its unsealed tail stated first, by one adopter alone."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick.errors import SpoolError
from tallystick.event import Draft
from tallystick.keys import load_emitter_key
from tallystick.recording.session import Session
from tallystick.shipping.recovery import MAX_LEAVES, Recovery, recovered_drafts, take_dead_sessions
from tallystick.spool.files import Position, SessionLock, segment_path, sessions
from tallystick.spool.frame import encode_frame
from tallystick.spool.outbox import Outbox
from tallystick.spool.rejected import Rejected
from tallystick.spool.tally import WAITED, Tally
from tallystick.testing import CountingIds, FakeClock
from tests.emitters import new_session, printer, record
from tests.requirements import requirement

ADOPTER = "f" * 32


class Bench:
    """A spool with dead sessions in it, and an adopter."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.spool = home / "spool"
        self.stated: list[Draft] = []
        self.rejected = Rejected(self.spool, FakeClock())
        self.recovery = self.another()

    def another(self, state: Callable[[Draft], str] | None = None) -> Recovery:
        return Recovery(
            self.spool,
            self.rejected,
            lambda: (self.key.name, self.key.key_id),
            state or self.state,
        )

    def state(self, draft: Draft) -> str:
        self.stated.append(draft)
        return ADOPTER

    @property
    def key(self):  # type: ignore[no-untyped-def]
        return load_emitter_key(self.home, "emitter.example/tests")

    def dead(self, sealed: int = 2, unsealed: int = 0) -> tuple[Session, list[bytes]]:
        """Leave a session as a killed process does; return it and the hashes of its unsealed tail."""
        session = new_session(self.home)
        for _ in range(sealed):
            session.append(record())
        while session.seal():
            pass
        tail = [session.append(record()).leaf_hash for _ in range(unsealed)]
        session.release()
        return session, tail

    def write(self, session: Session, draft: Draft) -> str:
        """Record a draft in a session and seal it, as an adopter does."""
        self.stated.append(draft)
        session.append(printer().print_record(draft, 1, session.id, session.size))
        while session.waiting:
            session.seal()
        return session.id

    def leaves(self) -> list[tuple[str, int, list[bytes]]]:
        return [
            (
                str(one.statement["recovered.session"]),
                one.statement["recovered.first_seq"],
                [base64.b64decode(leaf) for leaf in one.statement["recovered.leaves"]],
            )
            for one in self.stated
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def recovered_draft(session: str, leaf: str) -> Draft:
    stated = {
        "recovered.session": session,
        "recovered.first_seq": 1,
        "recovered.leaves": [leaf],
    }
    return Draft("session.recovered", stated)


def ship(outbox: Outbox) -> list[bytes]:
    sent: list[bytes] = []
    while (batch := outbox.next_batch()) is not None:
        sent += [frame.payload for frame in batch.frames]
        outbox.acknowledge(batch)
    return sent


@requirement("spool.survives-kill")
def test_a_dead_session_is_shipped_to_its_last_record_and_then_deleted(bench: Bench) -> None:
    session, tail = bench.dead(sealed=2, unsealed=3)
    bench.recovery.adopt()
    (outbox,) = bench.recovery.outboxes()
    assert len(ship(outbox)) == 1 + 1 + 2 + 1 + 3
    assert not bench.recovery.sweep()
    assert bench.recovery.outboxes() == []
    assert sessions(bench.spool) == []
    assert bench.recovery.finished == 1
    assert bench.leaves() == [(session.id, 3, tail)]


@requirement("seal.every-record")
def test_the_unsealed_tail_is_stated_before_any_of_it_can_be_shipped(bench: Bench) -> None:
    bench.dead(unsealed=1)

    def state(draft: Draft) -> str:
        assert bench.recovery.outboxes() == []
        return bench.state(draft)

    bench.recovery = bench.another(state)
    bench.recovery.adopt()
    assert len(bench.stated) == 1
    assert len(bench.recovery.outboxes()) == 1


def test_a_session_without_a_tail_needs_no_statement(bench: Bench) -> None:
    bench.dead(sealed=3)
    bench.recovery.adopt()
    assert bench.stated == []
    assert len(bench.recovery.outboxes()) == 1


def test_an_opening_that_was_never_sealed_is_part_of_the_tail(bench: Bench) -> None:
    session, _ = bench.dead(sealed=0)
    first = segment_path(bench.spool, session.id, 0)
    opened = first.read_bytes()
    length = int.from_bytes(opened[:4], "big") + 9
    first.write_bytes(opened[:length])
    bench.recovery.adopt()
    ((_, first_seq, leaves),) = bench.leaves()
    assert (first_seq, len(leaves)) == (0, 1)


def test_a_long_tail_is_stated_in_parts(bench: Bench) -> None:
    session, tail = bench.dead(unsealed=MAX_LEAVES + 5)
    bench.recovery.adopt()
    assert bench.leaves() == [
        (session.id, 3, tail[:MAX_LEAVES]),
        (session.id, 3 + MAX_LEAVES, tail[MAX_LEAVES:]),
    ]


def test_a_living_session_is_left_alone(bench: Bench) -> None:
    living = new_session(bench.home)
    bench.recovery.adopt()
    assert bench.recovery.outboxes() == []
    assert sessions(bench.spool) == [living.id]


def test_two_processes_never_adopt_the_same_session(bench: Bench) -> None:
    bench.dead(unsealed=1)
    bench.recovery.adopt()
    other = bench.another()
    other.adopt()
    assert other.outboxes() == []
    assert len(bench.stated) == 1


def test_what_an_adopter_stated_is_not_stated_again_by_the_next(bench: Bench) -> None:
    bench.dead(unsealed=2)
    bench.recovery.adopt()
    bench.recovery.release()
    later = bench.another()
    later.adopt()
    assert len(bench.stated) == 1
    assert len(later.outboxes()) == 1


def test_a_tail_that_cannot_be_stated_now_is_adopted_later(bench: Bench) -> None:
    bench.dead(unsealed=2)

    def refuse(_: Draft) -> str:
        raise SpoolError("the disk is full")

    with pytest.raises(SpoolError):
        bench.another(refuse).adopt()
    bench.recovery.adopt()
    assert len(bench.stated) == 1


def test_the_tail_of_another_emitter_is_shipped_and_not_vouched_for(bench: Bench) -> None:
    bench.dead(unsealed=2)
    (bench.home / "emitter.key").unlink()
    bench.recovery.adopt()
    assert bench.stated == []
    (outbox,) = bench.recovery.outboxes()
    assert len(ship(outbox)) == 1 + 1 + 2 + 1 + 2


def test_a_lock_without_files_is_swept_away(bench: Bench) -> None:
    session, _ = bench.dead()
    for path in bench.spool.glob("*.spool"):
        path.unlink()
    bench.recovery.adopt()
    (outbox,) = bench.recovery.outboxes()
    assert ship(outbox) == []
    bench.recovery.sweep()
    assert sessions(bench.spool) == []
    assert not (bench.spool / f"{session.id}.lock").exists()


def test_no_spool_at_all_is_nothing_to_recover(bench: Bench) -> None:
    bench.recovery.adopt()
    assert not bench.spool.exists()


def test_a_torn_tail_is_nothing_that_was_ever_acknowledged(bench: Bench) -> None:
    session, tail = bench.dead(unsealed=1)
    path = segment_path(bench.spool, session.id, 1)
    path.write_bytes(path.read_bytes() + encode_frame(ord("e"), b"half a record")[:12])
    bench.recovery.adopt()
    assert bench.leaves() == [(session.id, 3, tail)]
    (outbox,) = bench.recovery.outboxes()
    assert len(ship(outbox)) == 6
    bench.recovery.sweep()
    assert bench.recovery.outboxes() == []
    assert bench.rejected.counts() == {}
    assert sessions(bench.spool) == []


def test_a_damaged_segment_is_kept_for_a_person_and_what_is_behind_it_is_shipped(
    bench: Bench,
) -> None:
    session = new_session(bench.home)
    for _ in range(2):
        session.append(record())
        session.begin_segment()
    session.append(record("behind"))
    session.seal()
    session.release()
    path = segment_path(bench.spool, session.id, 1)
    broken = bytearray(path.read_bytes())
    broken[-1] ^= 1
    path.write_bytes(bytes(broken))
    bench.recovery.adopt()
    (outbox,) = bench.recovery.outboxes()
    sent = ship(outbox)
    assert any(b'"tool.name":"behind"' in payload for payload in sent)
    bench.recovery.sweep()
    assert bench.recovery.outboxes() == []
    assert bench.rejected.counts() == {"damaged_segment": 1}
    (kept,) = bench.rejected.directory.iterdir()
    assert kept.read_bytes() == bytes(broken)


def test_acknowledged_segments_of_a_dead_session_are_not_needed_to_find_its_tail(
    bench: Bench,
) -> None:
    session = new_session(bench.home)
    for _ in range(3):
        session.append(record())
        session.seal()
        session.begin_segment()
    outbox = Outbox(bench.spool, session.id, lambda: session.sealed_end)
    ship(outbox)
    tail = [session.append(record()).leaf_hash]
    session.release()
    bench.recovery.adopt()
    assert bench.leaves() == [(session.id, 4, tail)]


def test_a_seal_that_proves_nothing_covers_nothing(bench: Bench) -> None:
    session, _ = bench.dead(sealed=1)
    path = segment_path(bench.spool, session.id, 1)
    data = path.read_bytes()
    event = data[: int.from_bytes(data[:4], "big") + 9]
    for seal in (b"tallystick.seal/v1\nnonsense", b"\xff\xfe"):
        path.write_bytes(event + encode_frame(ord("s"), seal))
        (dead,) = take_dead_sessions(bench.spool)
        (draft,) = recovered_drafts(dead)
        assert draft.statement["recovered.first_seq"] == 1
        dead.lock.release()


def test_a_record_that_was_written_twice_is_stated_once(bench: Bench) -> None:
    session, tail = bench.dead(unsealed=1)
    path = segment_path(bench.spool, session.id, 1)
    data = path.read_bytes()
    frames, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big") + 9
        frames.append(data[at : at + length])
        at += length
    path.write_bytes(data + frames[-1])
    bench.recovery.adopt()
    assert bench.leaves() == [(session.id, 3, tail)]


def test_a_stated_tail_goes_before_our_own_session_and_what_needs_no_statement_behind(
    bench: Bench,
) -> None:
    whole, _ = bench.dead(sealed=1)
    cut, _ = bench.dead(unsealed=1)
    bench.recovery.adopt()
    own = Outbox(bench.spool, new_session(bench.home).id, lambda: Position(0, 0))
    assert bench.recovery.outboxes(own)[1] is own
    assert [one.session for one in bench.recovery.outboxes()] == [cut.id, whole.id]


@pytest.mark.parametrize("ids", [("1" * 32, "2" * 32), ("2" * 32, "1" * 32)])
def test_a_tail_that_a_dead_adopter_stated_goes_before_that_adopter(
    bench: Bench, ids: tuple[str, str]
) -> None:
    first, adopter = (new_session(bench.home, ids=CountingIds(int(one, 16))) for one in ids)
    first.append(record())
    first.release()
    bench.recovery = bench.another(lambda draft: bench.write(adopter, draft))
    bench.recovery.adopt()
    bench.recovery.release()
    adopter.append(record())
    adopter.release()
    later = bench.another()
    later.adopt()
    own = Outbox(bench.spool, new_session(bench.home).id, lambda: Position(0, 0))
    assert [one.session for one in later.outboxes(own)] == [first.id, adopter.id, own.session]


def test_sessions_that_state_each_other_are_shipped_all_the_same(bench: Bench) -> None:
    one, other = new_session(bench.home), new_session(bench.home)
    for session, stated in ((one, other), (other, one)):
        leaf = base64.b64encode(bytes(32)).decode()
        bench.write(session, recovered_draft(stated.id, leaf))
        session.release()
    bench.recovery.adopt()
    assert {outbox.session for outbox in bench.recovery.outboxes()} == {one.id, other.id}


def test_many_dead_sessions_are_adopted_a_few_at_a_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.shipping.recovery.MOST_ADOPTED", 3)
    for _ in range(7):
        bench.dead(sealed=1)
    rounds = 0
    bench.recovery.adopt()
    while outboxes := bench.recovery.outboxes():
        assert len(outboxes) <= 3
        for outbox in outboxes:
            ship(outbox)
        if bench.recovery.sweep():
            bench.recovery.adopt()
        rounds += 1
    assert rounds == 3
    assert bench.recovery.finished == 7
    assert sessions(bench.spool) == []
    assert not bench.recovery.has_more


@requirement("recovery.no-window")
def test_a_tail_is_not_taken_without_the_session_that_states_it(bench: Bench) -> None:
    first, adopter = new_session(bench.home), new_session(bench.home)
    first.append(record())
    first.release()
    dying = bench.another(lambda draft: bench.write(adopter, draft))
    dying.adopt()
    dying.release()  # the locks of a dying process go one after the other
    later = bench.another()
    later.adopt()
    assert (later.outboxes(), later.must_return) == ([], True)
    adopter.release()
    later.adopt()
    assert {one.session for one in later.outboxes()} == {first.id, adopter.id}
    assert not later.must_return


def test_a_session_that_states_a_tail_is_not_taken_without_that_tail(bench: Bench) -> None:
    first, adopter = new_session(bench.home), new_session(bench.home)
    first.append(record())
    first.release()
    dying = bench.another(lambda draft: bench.write(adopter, draft))
    dying.adopt()
    adopter.release()
    later = bench.another()
    later.adopt()
    assert (later.outboxes(), later.must_return) == ([], True)
    dying.release()
    later.adopt()
    assert len(later.outboxes()) == 2


def test_while_one_process_takes_dead_sessions_another_comes_back_later(bench: Bench) -> None:
    bench.dead(unsealed=1)
    turn = SessionLock.take_adoption(bench.spool)
    assert turn is not None
    bench.recovery.adopt()
    assert (bench.recovery.outboxes(), bench.recovery.must_return) == ([], True)
    turn.release()
    bench.recovery.adopt()
    assert len(bench.recovery.outboxes()) == 1


@requirement("spool.full-is-counted")
def test_what_a_dead_process_lost_is_stated_once_and_names_it(bench: Bench) -> None:
    session = new_session(bench.home)
    session.keep_tally(Tally({"full": 4, WAITED: 2}))
    session.release()
    bench.recovery.adopt()
    bench.recovery.release()
    bench.another().adopt()
    stated = [one.statement for one in bench.stated if one.type == "log.drop"]
    assert stated == [
        {"drop.count": 4, "drop.reason": "full", "drop.session": session.id},
        {"drop.count": 2, "drop.reason": WAITED, "drop.session": session.id},
    ]
