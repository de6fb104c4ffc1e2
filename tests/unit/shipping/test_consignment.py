"""Consignments: a stated tail and its statement share a request, and nothing else waits for that."""

from pathlib import Path

import pytest

from tallystick.event import Draft
from tallystick.keys import load_emitter_key
from tallystick.recording.session import Session
from tallystick.shipping.consignment import Part, consign
from tallystick.shipping.log_request import statement_of
from tallystick.shipping.recovery import Recovery
from tallystick.spool.frame import EVENT, SEAL
from tallystick.spool.outbox import Outbox
from tallystick.spool.rejected import Rejected
from tallystick.testing import FakeClock
from tests.emitters import new_session, printer, record
from tests.requirements import requirement

pytestmark = requirement("recovery.no-window")


class Bench:
    """A process with a session of its own, among dead ones."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.session = new_session(home)
        self.own = self.outbox_of(self.session)
        opening = self.own.next_batch()
        assert opening is not None
        self.own.acknowledge(opening)
        key = load_emitter_key(home, "emitter.example/tests")
        rejected = Rejected(home / "spool", FakeClock())
        self.recovery = Recovery(
            home / "spool", rejected, lambda: (key.name, key.key_id), self.state
        )

    def outbox_of(self, session: Session) -> Outbox:
        return Outbox(self.home / "spool", session.id, lambda: session.sealed_end)

    def state(self, draft: Draft) -> str:
        self.session.append(printer().print_record(draft, 1, self.session.id, self.session.size))
        while self.session.waiting:
            self.session.seal()
        return self.session.id

    def dead(self, *, sealed: int = 0, unsealed: int = 1) -> Session:
        session = new_session(self.home)
        for _ in range(sealed):
            session.append(record())
        session.seal()
        for _ in range(unsealed):
            session.append(record())
        session.release()
        return session

    def next(self, limit_bytes: int = 1_000_000) -> tuple[Part, ...]:
        return consign(self.recovery.bound(), self.own, limit_bytes)

    def send(self, parts: tuple[Part, ...]) -> list[str]:
        """Acknowledge a consignment; return the types of its records, a seal as such."""
        for part in parts:
            part.outbox.acknowledge(part.batch)
        return [
            str(statement_of(frame)["type"]) if frame.kind == EVENT else "seal"
            for part in parts
            for frame in part.batch.frames
        ]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_nothing_dead_binds_nothing(bench: Bench) -> None:
    assert bench.next() == ()


def test_a_dead_session_without_a_tail_binds_nothing(bench: Bench) -> None:
    bench.dead(sealed=2, unsealed=0)
    bench.recovery.adopt()
    assert bench.next() == ()


def test_tails_and_what_states_them_share_a_request(bench: Bench) -> None:
    tails = [bench.dead(unsealed=count) for count in (1, 3)]
    bench.recovery.adopt()
    sent = bench.send(bench.next())
    assert sent.count("tool.completed") == 4
    assert sent[-2 * len(tails) :] == ["session.recovered", "seal"] * len(tails)
    assert bench.next() == ()
    assert bench.own.next_batch() is None


def test_our_own_records_before_the_statement_go_ahead(bench: Bench) -> None:
    for _ in range(20):
        bench.session.append(record())
        bench.session.seal()
    bench.dead()
    bench.recovery.adopt()
    (first,) = bench.next(limit_bytes=5000)
    assert first.outbox is bench.own
    kinds: list[str] = []
    while "session.recovered" not in kinds:
        kinds = bench.send(bench.next(limit_bytes=5000))
    assert kinds.index("tool.completed") < kinds.index("session.recovered")


def test_sealed_records_of_the_dead_go_ahead_where_all_is_too_much(bench: Bench) -> None:
    dead = bench.dead(sealed=30, unsealed=1)
    bench.recovery.adopt()
    (first,) = bench.next(limit_bytes=8000)
    assert (first.outbox.session, first.batch.frames[-1].kind) == (dead.id, SEAL)
    bench.send((first,))
    while len(parts := bench.next(limit_bytes=8000)) == 1:
        bench.send(parts)
    assert bench.send(parts)[-2:] == ["session.recovered", "seal"]


def test_a_tail_that_alone_is_too_much_is_left_to_go_by_itself(bench: Bench) -> None:
    bench.dead(unsealed=30)
    bench.recovery.adopt()
    while parts := bench.next(limit_bytes=3000):
        assert parts[0].batch.frames[-1].kind == SEAL
        bench.send(parts)
    assert bench.recovery.bound()


def test_a_dead_adopter_brings_the_tail_that_it_stated(bench: Bench) -> None:
    first = bench.dead()
    bench.recovery.adopt()
    bench.recovery.release()
    bench.session.append(record())
    bench.session.release()
    later = Bench(bench.home)
    later.recovery.adopt()
    parts = later.next()
    assert [part.outbox.session for part in parts] == [
        first.id,
        bench.session.id,
        later.session.id,
    ]
    assert later.send(parts).count("session.recovered") == 2
    assert later.next() == ()
    assert not later.recovery.sweep()
    assert later.recovery.finished == 2


def test_tails_of_which_some_were_stated_by_an_adopter_that_died_go_with_it(bench: Bench) -> None:
    first = bench.dead()
    bench.recovery.adopt()
    bench.recovery.release()
    bench.session.release()  # all of it is sealed: nobody has to state anything of it
    later = Bench(bench.home)
    second = later.dead()
    later.recovery.adopt()
    parts = later.next()
    assert {part.outbox.session for part in parts} == {
        first.id,
        second.id,
        bench.session.id,
        later.session.id,
    }
    assert later.send(parts).count("session.recovered") == 2


def test_a_statement_that_was_delivered_before_binds_no_longer(bench: Bench) -> None:
    bench.dead()
    bench.recovery.adopt()
    batch = bench.own.next_batch()
    assert batch is not None
    bench.own.acknowledge(batch)
    (tail,) = bench.next()
    assert [frame.kind for frame in tail.batch.frames][-1] == EVENT
