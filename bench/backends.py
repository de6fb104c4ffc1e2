"""The service beside two widely used backends for agents' traces: the same load, one after the other, in one run.

Each peer runs as its documentation says, in an environment of its own (`.venv-phoenix`, `.venv-mlflow`), with
its own database of one file. What counts is what is stored: a peer that answers from memory is waited for.
Neither masks, signs or seals; the service does all of it.
"""

import os
import signal
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import foreign, spans
from bench.machine import tree_cpu_s
from bench.sending import Address, send
from bench.service import free_port
from bench.spans import Reached

REQUESTS: Final = 40
"""20,480 spans: seconds for the service and for MLflow, two minutes for Phoenix."""
READY_WITHIN_S: Final = 300
SETTLED_AFTER_S: Final = 20
"""A count that has not grown for so long does not grow any more."""
STORED_WITHIN_S: Final = 900
BUDGETS: Final = {"phoenix": 15, "mlflow": 2}
"""Times what the peer has queryable in a second of the same run: docs/adr/0029-what-a-foreign-span-costs.md."""
GOALS: Final = {"phoenix": 30, "mlflow": 8}
"""The same, of the design."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One backend: how it is started, and where its spans end."""

    name: str
    command: tuple[str, ...]
    """{port} and {place} stand for a free port and its own directory."""
    ready: str
    database: str
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def programs(self) -> Path:
        """Where its programs are."""
        return Path(f".venv-{self.name}/bin").absolute()

    @property
    def version(self) -> str:
        """Its name and version."""
        distribution = {"phoenix": "arize-phoenix"}.get(self.name, self.name)
        code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
        command = [str(self.programs / "python"), "-c", code]
        found = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
        return f"{distribution} {found.stdout.strip()}"


PEERS: Final = (
    Peer(
        "phoenix",
        ("phoenix", "serve"),
        "/healthz",
        "phoenix.db",
        environment={
            "PHOENIX_WORKING_DIR": "{place}",
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": "{port}",
            "PHOENIX_GRPC_PORT": "{other_port}",
            "PHOENIX_TELEMETRY_ENABLED": "false",
        },
    ),
    Peer(
        "mlflow",
        (
            *("mlflow", "server", "--host", "127.0.0.1", "--port", "{port}", "--workers", "2"),
            *("--backend-store-uri", "sqlite:///{place}/mlflow.db"),
        ),
        "/health",
        "mlflow.db",
        headers={"x-mlflow-experiment-id": "0"},
        environment={"MLFLOW_DISABLE_TELEMETRY": "true"},
    ),
)


def measure() -> list[str]:
    """Give the report's lines."""
    missing = [peer.name for peer in PEERS if not peer.programs.is_dir()]
    if missing:
        raise SystemExit(
            f"build them first: make {' '.join(f'.venv-{one}/ready' for one in missing)}"
        )
    load = foreign.load(REQUESTS)
    with tempfile.TemporaryDirectory() as place:
        ours, said = spans.run(Path(place), load)
    report = [said, _line("tallystick", ours)]
    for peer in PEERS:
        theirs = _run(peer, load)
        report.append(_line(peer.version, theirs))
        report.append(
            f"tallystick is {ours.queryable_per_s / theirs.queryable_per_s:.1f} x {peer.name} by queryable spans/s "
            f"(budget {BUDGETS[peer.name]}, goal {GOALS[peer.name]}), "
            f"{theirs.cpu_us / ours.cpu_us:.1f} x by processor time"
        )
    return report


def _line(name: str, reached: Reached) -> str:
    answers = reached.answers
    return (
        f"{name}: {reached.spans / answers.spent_s:,.0f} accepted/s, {reached.queryable_per_s:,.0f} queryable/s, "
        f"{reached.cpu_us:,.0f} µs of processor time a span, answer p50 {answers.p50_ms:.0f} ms, "
        f"p99 {answers.p99_ms:.0f} ms, {reached.spans - reached.stored} not stored, "
        f"{reached.size_bytes / max(1, reached.stored):,.0f} bytes a span on disk"
    )


def _run(peer: Peer, load: foreign.Load) -> Reached:
    with tempfile.TemporaryDirectory() as directory, _serving(peer, Path(directory)) as (pid, port):
        database, address = (
            Path(directory) / peer.database,
            Address(port, "/v1/traces", peer.headers),
        )
        send(address, foreign.load(1, 64, seed=5).bodies)
        before, _ = _settled(database)
        cpu, start = tree_cpu_s(pid), time.perf_counter()
        answers = send(address, load.bodies)
        stored, grown = _settled(database)
        cpu = tree_cpu_s(pid) - cpu
        queryable_s = max(answers.spent_s, grown - start)
        size = sum(path.stat().st_size for path in database.parent.glob(f"{database.name}*"))
        return Reached(load.spans, answers, queryable_s, cpu, stored - before, size)


@contextmanager
def _serving(peer: Peer, place: Path) -> Iterator[tuple[int, int]]:
    """Start a peer in a process group of its own; give its process id and port, and end all of it."""
    port = free_port()
    words = {"port": port, "other_port": free_port(), "place": place}
    command = [one.format(**words) for one in peer.command]
    environment = {name: text.format(**words) for name, text in peer.environment.items()}
    path = f"{peer.programs}{os.pathsep}{os.environ['PATH']}"
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [str(peer.programs / command[0]), *command[1:]],
            cwd=place,
            env={**os.environ, **environment, "PATH": path},
            start_new_session=True,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}{peer.ready}", process, place / "log")
        yield process.pid, port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"a peer does not answer at {url}:\n{log.read_text(errors='replace')[-2000:]}")


def _settled(database: Path) -> tuple[int, float]:
    """Wait until the number of stored spans grows no more; return it, and when it grew last."""
    end = time.monotonic() + STORED_WITHIN_S
    found, grown = -1, time.perf_counter()
    while time.monotonic() < end and time.perf_counter() - grown < SETTLED_AFTER_S:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)) as reader:
            [(now,)] = reader.execute("SELECT count(*) FROM spans").fetchall()
        if now != found:
            found, grown = now, time.perf_counter()
        time.sleep(0.5)
    return found, grown
