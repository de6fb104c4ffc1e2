"""How long people wait for answers: the questions of the pages, over a store with a long history.

Each question is asked of the store itself, in one process, as the routes ask it; p50 and p95 of warm runs,
and the first run after the store was opened. `python -m bench questions` takes a million events;
TALLYSTICK_BENCH_EVENTS takes another number, and TALLYSTICK_BENCH_STORE keeps the store for the next time.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.history import History
from tallystick_store.actions import ActionFilter
from tallystick_store.checkpoints import LogSigner
from tallystick_store.overview import read_overview
from tallystick_store.query import Query
from tallystick_store.store import Store
from tallystick_store.trace_index import TracePlace

EVENTS: Final = 1_000_000
SHORT_EVENTS: Final = 200_000
ROUNDS: Final = 9
ORIGIN: Final = "bench.example/log"
DAY_US: Final = 24 * 3_600_000_000
TRACE_MS: Final = 50
PAGE_MS: Final = 100
OVERVIEW_MS: Final = 500


@dataclass(frozen=True, slots=True)
class Question:
    """One question and the budget for its answer, None where none is stated."""

    name: str
    budget_ms: int | None
    ask: Callable[[], object]


def measure() -> list[str]:
    """Give the report's lines."""
    return _measured(int(os.environ.get("TALLYSTICK_BENCH_EVENTS", str(EVENTS))))


def measure_shortly() -> list[str]:
    """Give the lines for a smaller store."""
    return _measured(SHORT_EVENTS)


def _measured(events: int) -> list[str]:
    kept = os.environ.get("TALLYSTICK_BENCH_STORE")
    with tempfile.TemporaryDirectory() as place:
        directory = Path(kept) if kept else Path(place) / "data"
        made_s = 0.0
        if not directory.exists():
            start = time.perf_counter()
            History(events, time.time_ns() // 1000).write(directory, ORIGIN)
            made_s = time.perf_counter() - start
        return [f"{events:,} events, made in {made_s:.0f} s", *_asked(directory)]


def _asked(directory: Path) -> list[str]:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    signer = LogSigner(ORIGIN, key.public_key().public_bytes_raw(), key.sign)
    start = time.perf_counter()
    store = Store.open(directory, signer, publish_interval_s=None)
    store.publisher.publish_now()
    lines = [f"opened in {time.perf_counter() - start:.1f} s"]
    try:
        store.wait_for_audit()
        start = time.perf_counter()
        windows = store.projector.catch_up()
        lines.append(f"{windows} windows projected in {time.perf_counter() - start:.1f} s")
        size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
        lines.append(f"{store.size:,} log entries, {size / store.size:.0f} bytes on disk each")
        lines += [_line(question) for question in _questions(store)]
    finally:
        store.close()
    return lines


def _line(question: Question) -> str:
    (first_ms, _), *warm = [_ask_ms(question.ask) for _ in range(ROUNDS + 1)]
    warm_ms = sorted(wall for wall, _ in warm)
    cpu_ms = statistics.median(cpu for _, cpu in warm)
    budget = "" if question.budget_ms is None else f" (budget {question.budget_ms})"
    over = question.budget_ms is not None and statistics.median(warm_ms) > question.budget_ms
    return (
        f"{question.name}: p50 {statistics.median(warm_ms):.0f} ms, p95 {warm_ms[-1]:.0f} ms,"
        f" first {first_ms:.0f} ms{budget}{' MISSED' if over else ''}; processor {cpu_ms:.0f} ms"
    )


def _ask_ms(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the time that an answer took, and this thread's processor time: all of it, with one thread a query."""
    start, cpu = time.perf_counter(), time.thread_time()
    ask()
    return (time.perf_counter() - start) * 1000, (time.thread_time() - cpu) * 1000


def _questions(store: Store) -> list[Question]:
    query, database = Query(store.database, store.published), store.database
    ((now_us,),) = database.rows("SELECT max(time_us) FROM events")
    middle = store.size // 2
    named = "SELECT trace_id, agent_name, tool_name, principal_id, session, action_id FROM events"
    where = "WHERE log_index >= ? AND type = 'tool.completed' ORDER BY log_index LIMIT 1"
    ((trace, agent, tool, person, session, action),) = database.rows(f"{named} {where}", [middle])
    return [
        Question("trace by id", TRACE_MS, lambda: query.trace(trace)),
        Question("action by id", PAGE_MS, lambda: query.action(action)),
        Question("newest 50 actions", PAGE_MS, lambda: query.actions(ActionFilter())),
        Question("newest of an agent", PAGE_MS, lambda: query.actions(ActionFilter(agent=agent))),
        Question(
            "newest of an agent and tool",
            PAGE_MS,
            lambda: query.actions(ActionFilter(agent=agent, tool=tool)),
        ),
        Question(
            "newest of a person", PAGE_MS, lambda: query.actions(ActionFilter(principal=person))
        ),
        Question(
            "newest of a session", PAGE_MS, lambda: query.actions(ActionFilter(session=session))
        ),
        Question("page of actions", PAGE_MS, lambda: query.actions(ActionFilter(), before=middle)),
        Question("page of traces", PAGE_MS, lambda: query.traces(None, None, 50, None)),
        Question(
            "page of traces, older",
            PAGE_MS,
            lambda: query.traces(None, None, 50, TracePlace(middle, "")),
        ),
        Question("sessions", PAGE_MS, query.sessions),
        Question("counts of /status", PAGE_MS, query.counts),
        Question(
            "overview of a day",
            OVERVIEW_MS,
            lambda: read_overview(database, now_us - DAY_US, now_us),
        ),
        Question(
            "overview of 30 days",
            OVERVIEW_MS,
            lambda: read_overview(database, now_us - 30 * DAY_US, now_us + 1),
        ),
    ]
