"""How long people wait for answers: the questions of the pages, over a store with a long history.

Each question is asked of the store itself, in one process, as the routes ask it: the median, the 95th percentile and
the best of warm runs, by the clock and by processor time, and the first run after the store was opened. The clock also
counts what else the machine does; the processor time of a query is that of its thread, for it has one.
`python -m bench questions` takes a million events, `large-questions` 50 million: 35 GB of disk, 4 GB of memory and
45 minutes of processor time to make them, and every row is looked at before the first question. For each event that
is 690 bytes and 52 µs. TALLYSTICK_BENCH_EVENTS takes another number, and TALLYSTICK_BENCH_STORE keeps the store for
the next time.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import machine
from bench.asked import Question, questions
from bench.grown import grow
from bench.history import History
from tallystick_store.checkpoints import LogSigner
from tallystick_store.store import Store

EVENTS: Final = 1_000_000
SHORT_EVENTS: Final = 200_000
LARGE_EVENTS: Final = 50_000_000
ROUNDS: Final = 20
ORIGIN: Final = "bench.example/log"
START_S: Final = 10
"""A killed store is there again within that: "in seconds"."""


def measure() -> list[str]:
    """Give the report's lines."""
    return _measured(int(os.environ.get("TALLYSTICK_BENCH_EVENTS", str(EVENTS))))


def measure_largely() -> list[str]:
    """Give the lines for a store as large as any that budgets are stated for."""
    return _measured(int(os.environ.get("TALLYSTICK_BENCH_EVENTS", str(LARGE_EVENTS))))


def measure_shortly() -> list[str]:
    """Give the lines for a smaller store."""
    return _measured(SHORT_EVENTS)


def _measured(events: int) -> list[str]:
    kept = os.environ.get("TALLYSTICK_BENCH_STORE")
    with tempfile.TemporaryDirectory() as place:
        directory = Path(kept) if kept else Path(place) / "data"
        made = [] if directory.exists() else list(_made(directory, events))
        return [*made, *_started_again(directory), *_asked(directory)]


def _made(directory: Path, events: int) -> Iterator[str]:
    start, cpu = time.perf_counter(), time.process_time()
    growth = grow(History(events, time.time_ns() // 1000), directory, _signer())
    spent_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    yield f"{events:,} events, made in {spent_s:.0f} s; processor {cpu_s:.0f} s"
    yield (
        f"  of it {growth.rows_s:.0f} s rows, {growth.log_s:.0f} s log,"
        f" {growth.projections_s:.0f} s {growth.windows} windows of projections"
    )


def _signer() -> LogSigner:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    return LogSigner(ORIGIN, key.public_key().public_bytes_raw(), key.sign)


def _open(directory: Path) -> Store:
    return Store.open(directory, _signer(), publish_interval_s=None)


def _started_again(directory: Path) -> Iterator[str]:
    """Kill a process that holds the store, and open it."""
    context = multiprocessing.get_context("spawn")
    is_open = context.Event()
    holder = context.Process(target=_hold, args=(directory, is_open))
    holder.start()
    while holder.is_alive() and not is_open.wait(1):
        pass
    holder.kill()
    holder.join()
    start, cpu = time.perf_counter(), time.process_time()
    store = _open(directory)
    spent_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    store.close()
    missed = " MISSED" if spent_s > START_S else ""
    yield (
        f"opened after a kill: {spent_s:.1f} s (budget {START_S}){missed}; processor {cpu_s:.1f} s"
    )


def _hold(directory: Path, is_open: Event) -> None:
    _open(directory)
    is_open.set()
    time.sleep(3600)


def _asked(directory: Path) -> Iterator[str]:
    store = _open(directory)
    try:
        size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        yield f"{store.size:,} log entries, {size / store.size:.0f} bytes on disk each"
        yield f"memory of the process, open: {machine.memory_mb():.0f} MB"
        start = time.perf_counter()
        store.wait_for_audit()
        yield f"every row looked at behind that: {time.perf_counter() - start:.0f} s"
        for question in questions(store):
            yield _line(question)
        yield f"memory of the process, behind the questions: {machine.memory_mb():.0f} MB"
    finally:
        store.close()
    yield f"afterwards: {machine.description()}, calibration {machine.calibration_us():.1f} µs"


def _line(question: Question) -> str:
    (first_ms, _), *warm = [_ask_ms(question) for _ in range(ROUNDS + 1)]
    wall_ms, cpu_ms = (sorted(one[place] for one in warm) for place in (0, 1))
    wall, cpu = statistics.median(wall_ms), statistics.median(cpu_ms)
    return (
        f"{question.name}: {wall:.0f} ms, p95 {_p95(wall_ms):.0f}, best {wall_ms[0]:.0f}, first {first_ms:.0f};"
        f" processor {cpu:.0f}, p95 {_p95(cpu_ms):.0f}{_verdict(question.budget_ms, wall, cpu)}"
    )


def _p95(ordered: list[float]) -> float:
    return ordered[-(-len(ordered) * 95 // 100) - 1]


def _verdict(budget_ms: int | None, wall_ms: float, cpu_ms: float) -> str:
    """Say whether the median is within the budget; a busy machine can miss it by the clock alone."""
    if budget_ms is None:
        return ""
    if wall_ms <= budget_ms:
        return f" (budget {budget_ms})"
    kept = ", kept by processor time" if cpu_ms <= budget_ms else ""
    return f" (budget {budget_ms}: MISSED{kept})"


def _ask_ms(question: Question) -> tuple[float, float]:
    """Return the time that an answer took, and this thread's processor time: all of it, with one thread a query."""
    start, cpu = time.perf_counter(), time.thread_time()
    question.ask()
    return (time.perf_counter() - start) * 1000, (time.thread_time() - cpu) * 1000
