"""The head of the log: only a checkpoint that extends the one that is held takes its place."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tallystick.errors import ShipError
from tallystick.shipping.client import Answer
from tallystick.shipping.head import MAX_ALARMS, Head, HeadKeeper
from tallystick.testing import FakeClock, SmallLog
from tallystick.tlog.note import parse_vkey
from tallystick.tlog.proofs import consistency_proof


class Prover:
    """Serves consistency proofs of a log, or whatever else it is told to."""

    def __init__(self, log: SmallLog) -> None:
        self.log = log
        self.answer: Answer | None = None
        self.is_down = False
        self.asked: list[str] = []

    def get(self, path: str) -> Answer:
        self.asked.append(path)
        if self.is_down:
            raise ShipError("away")
        if self.answer is not None:
            return self.answer
        old_size, new_size = (int(part.rpartition("=")[2]) for part in path.split("&"))
        proof = consistency_proof(self.log.leaves[:new_size], old_size)
        return proof_answer([base64.b64encode(one).decode() for one in proof])

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        raise AssertionError("a head is never posted by itself")


def proof_answer(proof: object) -> Answer:
    return Answer(200, {}, json.dumps({"proof": proof}).encode())


class Bench:
    """A log, and a keeper of its head whose clock stands still."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = SmallLog.create()
        self.prover = Prover(self.log)
        self.clock = FakeClock()
        self.told: list[Head] = []
        self.keeper = self.another()

    def another(self) -> HeadKeeper:
        """Give the keeper of the next process."""
        return HeadKeeper(self.home, parse_vkey(self.log.vkey), self.clock, self.told.append)

    def grow(self, entries: int) -> None:
        for number in range(entries):
            self.log.append(b"entry %d" % (len(self.log.leaves) + number))

    def see(self, header: str | None = None) -> HeadKeeper:
        self.clock.advance(1)
        self.keeper.observe(self.log.header() if header is None else header, self.prover)
        return self.keeper

    @property
    def size(self) -> int | None:
        return self.keeper.head.checkpoint.size if self.keeper.head else None


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_first_checkpoint_is_taken_by_its_signature(bench: Bench) -> None:
    bench.grow(3)
    bench.see()
    assert (bench.size, bench.prover.asked) == (3, [])
    head = bench.told[0].statement()
    assert (head["log.origin"], head["log.size"]) == ("sink.example/default", 3)
    assert len(base64.b64decode(str(head["log.root"]))) == 32


def test_a_larger_one_is_taken_by_its_proof(bench: Bench) -> None:
    bench.grow(3)
    bench.see()
    bench.grow(4)
    bench.see()
    assert bench.size == 7
    assert bench.prover.asked == ["/api/v1/log/consistency?old=3&new=7"]
    assert [head.checkpoint.size for head in bench.told] == [3, 7]
    assert bench.keeper.alarms == []


def test_the_head_outlives_the_process(bench: Bench) -> None:
    bench.grow(3)
    bench.see()
    later = bench.another()
    assert later.head == bench.keeper.head
    assert len(bench.told) == 2
    (path,) = (bench.home / "log-head").iterdir()
    assert path.read_text() == bench.log.note()
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_log_grows_from_the_empty_one(bench: Bench) -> None:
    bench.see()
    bench.grow(2)
    bench.see()
    assert (bench.size, bench.prover.asked, bench.keeper.alarms) == (2, [], [])


def test_the_same_checkpoint_costs_nothing(bench: Bench) -> None:
    bench.grow(1)
    bench.see()
    bench.see()
    assert len(bench.told) == 1


def test_a_busy_service_is_followed_once_a_second(bench: Bench) -> None:
    bench.grow(1)
    bench.see()
    bench.grow(1)
    bench.keeper.observe(bench.log.header(), bench.prover)
    assert bench.size == 1
    bench.see()
    assert bench.size == 2


def alarm(bench: Bench) -> str:
    (text,) = bench.keeper.alarms
    return text


def test_a_log_that_shrank_is_an_alarm_and_no_new_anchor(bench: Bench) -> None:
    bench.grow(5)
    bench.see()
    del bench.log.leaves[3:]
    bench.see()
    assert "shrunk from 5 to 3" in alarm(bench)
    assert bench.size == 5


def test_another_root_at_the_same_size_is_an_alarm(bench: Bench) -> None:
    bench.grow(5)
    bench.see()
    bench.log.leaves[2] = bytes(32)
    bench.see()
    assert "two roots at size 5" in alarm(bench)


def test_a_log_that_was_rewritten_is_an_alarm(bench: Bench) -> None:
    bench.grow(5)
    bench.see()
    bench.log.leaves[2] = bytes(32)
    bench.grow(2)
    bench.see()
    assert "does not extend what it was at size 5" in alarm(bench)
    assert bench.size == 5


def test_a_checkpoint_by_another_key_is_an_alarm(bench: Bench) -> None:
    bench.grow(2)
    bench.see()
    other = SmallLog.create()
    other.leaves = [*bench.log.leaves, bytes(32)]
    bench.see(other.header())
    assert "no known key signed" in alarm(bench)
    assert bench.size == 2


@pytest.mark.parametrize("header", ["%%%", "AAAA", "QQ", "A" * 20_000, ""])
def test_garbage_in_the_header_is_an_alarm(bench: Bench, header: str) -> None:
    bench.grow(2)
    bench.see()
    bench.see(header)
    assert len(bench.keeper.alarms) == 1
    assert bench.size == 2


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}, b"<html>"),
        Answer(200, {}, b"[]"),
        proof_answer(["not base64!"]),
        proof_answer([]),
        proof_answer([7]),
        proof_answer([base64.b64encode(bytes(32)).decode()] * 3),
    ],
)
def test_a_proof_that_proves_nothing_is_an_alarm(bench: Bench, answer: Answer) -> None:
    bench.grow(5)
    bench.see()
    bench.grow(2)
    bench.prover.answer = answer
    bench.see()
    assert len(bench.keeper.alarms) == 1
    assert bench.size == 5


def test_a_proof_that_cannot_be_fetched_is_no_alarm_and_no_new_anchor(bench: Bench) -> None:
    bench.grow(5)
    bench.see()
    bench.grow(2)
    bench.prover.is_down = True
    bench.see()
    bench.prover.is_down = False
    bench.prover.answer = Answer(503, {}, b"")
    bench.see()
    assert (bench.size, bench.keeper.alarms) == (5, [])
    bench.prover.answer = None
    bench.see()
    assert bench.size == 7


def test_an_alarm_stays_after_the_process_and_keeps_both_checkpoints(bench: Bench) -> None:
    bench.grow(5)
    bench.see()
    held = bench.log.header()
    del bench.log.leaves[3:]
    bench.see()
    bench.see()
    later = bench.another()
    assert later.alarms == bench.keeper.alarms
    (path,) = (bench.home / "log-head").glob("*.alarm")
    (line,) = path.read_text().splitlines()
    kept = json.loads(line)
    assert (kept["held"], kept["shown"]) == (held, bench.log.header())


def test_alarms_are_bounded(bench: Bench) -> None:
    bench.grow(100)
    bench.see()
    for size in range(99, 50, -1):
        del bench.log.leaves[size:]
        bench.see()
    assert len(bench.keeper.alarms) == MAX_ALARMS


def test_a_head_on_disk_that_was_altered_is_an_alarm(bench: Bench) -> None:
    bench.grow(5)
    bench.see()
    (path,) = (bench.home / "log-head").iterdir()
    path.write_text(path.read_text().replace("\n5\n", "\n6\n"))
    later = bench.another()
    assert later.head is None
    assert "cannot be used" in later.alarms[0]


def test_alarms_that_cannot_be_read_are_an_alarm(bench: Bench) -> None:
    bench.grow(5)
    bench.see()
    del bench.log.leaves[3:]
    bench.see()
    (path,) = (bench.home / "log-head").glob("*.alarm")
    path.write_text("not json\n")
    assert "cannot be read" in bench.another().alarms[0]


def test_a_smaller_head_does_not_replace_what_another_process_wrote(bench: Bench) -> None:
    bench.grow(3)
    bench.see()
    slow = bench.another()
    bench.grow(4)
    bench.see()
    newest = bench.log.note()
    del bench.log.leaves[5:]
    bench.clock.advance(1)
    slow.observe(bench.log.header(), bench.prover)
    assert slow.head is not None
    assert slow.head.checkpoint.size == 5
    (path,) = (bench.home / "log-head").iterdir()
    assert path.read_text() == newest


def test_what_another_process_wrote_since_is_noticed(bench: Bench) -> None:
    bench.grow(3)
    bench.see()
    other = bench.another()
    bench.grow(4)
    bench.clock.advance(1)
    other.observe(bench.log.header(), bench.prover)
    newest = bench.log.note()
    (path,) = (bench.home / "log-head").iterdir()
    assert path.read_text() == newest
    del bench.log.leaves[5:]
    bench.see()
    assert bench.size == 5
    assert path.read_text() == newest


def test_a_home_that_cannot_be_written_still_has_its_head_in_memory(bench: Bench) -> None:
    (bench.home / "log-head").write_text("a file in the way")
    bench.grow(2)
    bench.see()
    assert bench.size == 2
    del bench.log.leaves[1:]
    bench.see()
    assert "shrunk" in bench.keeper.alarms[-1]
