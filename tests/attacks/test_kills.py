"""Processes that are killed at random moments: nothing acknowledged is lost, and no alarm is false."""

import itertools
import json
import os
import random
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.attacks.world import SETTLED_WITHIN_S, World, a_world, until
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

KILLS: Final = int(os.environ.get("TALLYSTICK_TEST_KILLS", "25"))
"""Of each kind; a hundred take about ten minutes."""
SEED: Final = 20261122
VERIFIED_EVERY: Final = 8
"""Rounds of a killed service between two verifications of what it left on disk."""


@requirement("spool.survives-kill", "seal.every-record", "session.silence-is-a-gap")
def test_nothing_that_an_agent_recorded_is_lost_when_it_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    chance, ledger = random.Random(SEED), tmp_path / "ledger"
    with a_world(tmp_path / "world") as world:
        world.start()
        for number in range(KILLS):
            before_bytes = size_bytes(ledger)
            agent = world.spawn("worker.py", ledger, f"k{number}", 2)
            if number % 5:  # each fifth one in the middle of its start
                until_it_grows(ledger, before_bytes)
            time.sleep(chance.uniform(0.0, 0.4))
            agent.kill()
            if number % VERIFIED_EVERY == 0:
                verdict = world.verify_live()
                assert verdict.code == 0, verdict.out
        settled = json.loads(world.run("settle.py", SETTLED_WITHIN_S).out)
        assert settled["left"] == []
        assert (settled["alarms"], settled["lost"], settled["rejected"]) == ([], {}, 0)
        stored = world.statements()
        world.stop()
        assert_all_kept(ledger, stored)
        adopted = [one for one in stored if one["type"] == "session.recovered"]
        assert adopted, "no kill left an unsealed tail: the test kills at the wrong moments"
        verdict = world.verify_data(world.policy())
        assert verdict.code == 0, verdict.out
        assert "recovered" in verdict.out


@requirement("seal.every-record")
def test_a_short_lived_adopter_never_leaves_a_statement_without_its_records(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    with a_world(tmp_path / "world") as world:
        world.start()
        for number in range(5):
            before_bytes = size_bytes(ledger)
            agent = world.spawn("worker.py", ledger, f"k{number}", 0)
            until_it_grows(ledger, before_bytes)
            agent.kill()
            assert world.run("adopt.py").code == 0
            verdict = world.verify_live()
            assert verdict.code == 0, verdict.out
        assert world.statements(type="session.recovered")


@requirement("otlp.success-after-commit", "store.append-only", "spool.forgets-what-a-200-covered")
def test_nothing_acknowledged_is_lost_when_the_service_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    chance, ledger = random.Random(SEED + 1), tmp_path / "ledger"
    with a_world(tmp_path / "world") as world:
        world.start()
        agent = world.spawn("worker.py", ledger, "s", 10)
        client = RawClient(world)
        client.start()
        until(
            lambda: size_bytes(ledger) > 0 and bool(client.acknowledged),
            PATIENCE_S,
            lambda: agent,
        )
        policy = world.policy()
        for number in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.5))
            world.kill()
            if number % VERIFIED_EVERY == 0:
                verdict = world.verify_data(policy)
                assert verdict.code == 0, verdict.out
            world.start()
        client.stop()
        assert agent.process.poll() is None, "the agent did not go on"
        agent.kill()
        settled = json.loads(world.run("settle.py", SETTLED_WITHIN_S).out)
        assert settled["left"] == []
        assert (settled["alarms"], settled["lost"], settled["rejected"]) == ([], {}, 0)
        stored = world.statements()
        spans = {
            json.loads(span)["span_id"]
            for one in world.records()
            for span in one.get("records", [])
        }
        world.stop()
        assert_all_kept(ledger, stored)
        assert set(client.acknowledged) <= spans
        verdict = world.verify_data(policy)
        assert verdict.code == 0, verdict.out


def until_it_grows(ledger: Path, before_bytes: int) -> None:
    until(
        lambda: size_bytes(ledger) > before_bytes,
        PATIENCE_S,
        lambda: "no call was acknowledged",
    )


def size_bytes(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def assert_all_kept(ledger: Path, stored: list[dict[str, object]]) -> None:
    """Every acknowledged call is in the store, once."""
    acknowledged = ledger.read_text(encoding="ascii").split()
    kept = Counter(one.get("tool.call_id") for one in stored if one["type"] == "tool.completed")
    assert len(acknowledged) > KILLS, "the agents hardly ran"
    assert [label for label in acknowledged if kept[label] != 1] == []


class RawClient(threading.Thread):
    """Sends spans over a bare socket, one a request; what got a whole 200 is acknowledged."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self._world = world
        self._key = world.api_key()
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        self._is_stopped.set()
        self.join(PATIENCE_S)
        assert not self.is_alive()

    def run(self) -> None:
        while not self._is_stopped.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._world.port), 20) as connection:
                    self._send_all(connection)
            except OSError:
                time.sleep(0.02)

    def _send_all(self, connection: socket.socket) -> None:
        answers = connection.makefile("rb")
        for number in itertools.count():
            if self._is_stopped.is_set():
                return
            span_id = secrets.token_hex(8)
            connection.sendall(self._request(span_id, number))
            if not _is_whole_200(answers.readline(), answers.readline, answers.read):
                return
            self.acknowledged.append(span_id)
            time.sleep(0.01)

    def _request(self, span_id: str, number: int) -> bytes:
        now_ns = time.time_ns()
        span = {
            "traceId": secrets.token_hex(16),
            "spanId": span_id,
            "name": f"look up {number}",
            "startTimeUnixNano": str(now_ns),
            "endTimeUnixNano": str(now_ns + 1000),
        }
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
        head = (
            f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self._key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _is_whole_200(
    status: bytes, read_line: Callable[[], bytes], read: Callable[[int], bytes]
) -> bool:
    size_bytes = None
    while (line := read_line().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size_bytes = int(value)
    is_whole = size_bytes is not None and len(read(size_bytes)) == size_bytes
    return is_whole and status.startswith(b"HTTP/1.1 200")
