"""What good senders notice of one that sends nothing but garbage at full speed, kind by kind.

Two good senders at a steady rate, one of signed events and one of foreign spans; latencies count from the
moment at which a request was due, so that one that had to wait behind another does not look fast.
"""

import http.client
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import foreign, in_force, spans
from bench.emitter import Session, request
from bench.garbage_sender import KINDS
from bench.ingest import EVENTS_KEPT
from bench.sending import PROTOBUF, is_whole, p99
from bench.service import Service

ROUND_S: Final = 8
EVERY_S: Final = 0.1
PER_REQUEST: Final = 20
"""Events, or spans: 200 a second of each."""
CONNECTIONS: Final = 8
TIMEOUT_S: Final = 120
_SPANS_KEPT: Final = "SELECT count(*) FROM spans WHERE scope = 'audit-sdk'"
"""Those of bench.foreign, without the one by which it is seen what is in force."""


@dataclass
class Steady:
    """One good sender, and what it was answered."""

    path: str
    bodies: Iterator[bytes]
    latencies_ms: list[float] = field(default_factory=list)
    taken: int = 0
    asked: int = 0

    def run(self, service: Service, until_s: float) -> None:
        """Send when it is due, over one connection, until a moment of the monotonic clock."""
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=TIMEOUT_S)
        headers = {**PROTOBUF, **service.authorization}
        due_s = time.monotonic()
        while due_s < until_s:
            time.sleep(max(0.0, due_s - time.monotonic()))
            connection.request("POST", self.path, next(self.bodies), headers)
            answer = connection.getresponse()
            said = answer.read()
            self.latencies_ms.append((time.monotonic() - due_s) * 1000)
            self.asked += 1
            self.taken += answer.status == http.HTTPStatus.OK and is_whole(said)
            due_s += EVERY_S
        connection.close()


def measure() -> list[str]:
    """Give the report's lines."""
    rounds = [(), *((kind,) for kind in KINDS), tuple(KINDS)]
    identity = Ed25519PrivateKey.generate()
    requests = round(len(rounds) * ROUND_S / EVERY_S) + len(rounds)
    signed = [request([one]) for one in Session(identity, 5).batches(requests * 20, PER_REQUEST)]
    unsigned = foreign.load(requests, PER_REQUEST)
    with tempfile.TemporaryDirectory() as place:
        service = Service(Path(place))
        lines = [in_force.require(service)]
        service.enrol(identity)
        key = _key_of_another(service, Path(place) / "secrets")
        senders = Steady("/v1/logs", iter(signed)), Steady("/v1/traces", iter(unsigned.bodies))
        lines += [_round(service, senders, kinds, key) for kinds in rounds]
        service.stop(signal.SIGKILL)
        events, kept_spans = spans.count(service, EVENTS_KEPT), spans.count(service, _SPANS_KEPT)
    acknowledged = [one.taken * PER_REQUEST for one in senders]
    acknowledged[0] -= PER_REQUEST if senders[0].taken else 0  # the first holds the opening alone
    lost = acknowledged[0] - events, acknowledged[1] - kept_spans
    return [
        *lines,
        f"after kill -9, counted by another process: {acknowledged[0]:,} events and {acknowledged[1]:,} spans"
        f" acknowledged, {lost[0]} and {lost[1]} lost",
    ]


def _round(service: Service, senders: Sequence[Steady], kinds: Sequence[str], key: str) -> str:
    asked, taken = sum(one.asked for one in senders), sum(one.taken for one in senders)
    for one in senders:
        one.latencies_ms.clear()
    cpu_s, began_s = service.cpu_s(), time.monotonic()
    with _garbage(service, kinds, key) as answered:
        until_s = time.monotonic() + ROUND_S
        threads = [threading.Thread(target=one.run, args=(service, until_s)) for one in senders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent_s, cpu_s = time.monotonic() - began_s, service.cpu_s() - cpu_s
    took = sorted(latency for one in senders for latency in one.latencies_ms)
    asked = sum(one.asked for one in senders) - asked
    taken = sum(one.taken for one in senders) - taken
    garbage = ", ".join(f"{count / spent_s:,.0f}/s {status}" for status, count in answered.items())
    return (
        f"beside {' and '.join(kinds) if len(kinds) < 2 else 'all of these' if kinds else 'nothing'}: "  # noqa: PLR2004
        f"{taken} of {asked} requests acknowledged, p50 {statistics.median(took):.0f} ms, p99 {p99(took):.0f} ms, "
        f"max {took[-1]:.0f} ms; {cpu_s / spent_s:.2f} cores, peak {service.peak_mb()} MB; garbage {garbage or 'none'}"
    )


@contextmanager
def _garbage(service: Service, kinds: Sequence[str], key: str) -> Iterator[dict[str, int]]:
    """Send garbage from processes of their own while the block runs; give the answers by status at its end."""
    answered: dict[str, int] = {}
    processes = [
        _started(service, kind, key, CONNECTIONS // (1 + len(kinds) // 4)) for kind in kinds
    ]
    try:
        yield answered
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=TIMEOUT_S)[0] for process in processes]
    for counts in map(json.loads, said):
        for status, count in counts.items():
            answered[status] = answered.get(status, 0) + count


def _started(service: Service, kind: str, key: str, connections: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "bench.garbage_sender", kind, str(service.port)]
    process = subprocess.Popen(
        [*command, str(connections)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.write(key + "\n")
    process.stdin.flush()
    return process


def _key_of_another(service: Service, secrets: Path) -> str:
    """Make a key for the sender of garbage: what a flood costs is counted by sender."""
    token = (secrets / "operator.token").read_text(encoding="ascii").strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"name": "garbage", "scopes": ["ingest"]}).encode()
    asked = urllib.request.Request(f"{service.url}/api/v1/keys", body, headers)
    with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
        return str(json.load(answer)["api_key"])
