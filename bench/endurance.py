"""Whether recording stays as cheap and as small as it began: cost and memory by quarters of a long run.

A real service on this machine takes the records. Every so often the run waits for it, so that each quarter
pays for all that its events cost: masking, sealing, syncing, sending, acknowledging, deleting.
"""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.caller import call, flush
from bench.service import Service
from tallystick.config import load_config
from tallystick.runtime import Runtime

EVENTS: Final = 1_000_000
SHORT_EVENTS: Final = 20_000
QUARTERS: Final = 4
EVENTS_PER_FLUSH: Final = 5_000
WARM_UP_EVENTS: Final = 5_000
MOST_GROWTH: Final = 1.25
"""The last quarter's cost in times of the first's; more is not flat."""
MOST_MORE_MB: Final = 8.0
"""Growth of the process from the first quarter's end to the last's; more is not flat."""
_EVENTS_PER_CALL: Final = 2


@dataclass(frozen=True, slots=True)
class Quarter:
    """What one quarter cost per event, and what stood at its end."""

    caller_us: float
    background_us: float
    rss_mb: float
    spool_mb: float


def measure() -> list[str]:
    """Record a million events."""
    return endure(EVENTS)


def measure_shortly() -> list[str]:
    """Record some thousand events: enough to see a leak of a kilobyte each."""
    return endure(SHORT_EVENTS)


def endure(events: int) -> list[str]:
    """Give the report's lines. Raises SystemExit where cost or memory grew."""
    with tempfile.TemporaryDirectory() as place:
        service = Service(Path(place))
        runtime = Runtime(load_config(home=service.home))
        runtime.start()
        _record(runtime, WARM_UP_EVENTS)
        quarters = [_quarter(runtime, events // QUARTERS) for _ in range(QUARTERS)]
        status = runtime.status()
        runtime.shutdown(5)
        service.stop()
    lines = [
        f"{events:,} events, {status.acked:,} records and seals acknowledged, lost: {len(status.lost)}",
        f"caller's thread per event: {_shown(quarters, 'caller_us')} µs CPU by quarters",
        f"background per event: {_shown(quarters, 'background_us')} µs CPU",
        f"resident memory at their ends: {_shown(quarters, 'rss_mb')} MB",
        f"spool on disk at their ends: {_shown(quarters, 'spool_mb')} MB",
    ]
    faults = _growth(quarters)
    if faults or status.lost:
        raise SystemExit("\n".join([*lines, *faults]))
    return lines


def _quarter(runtime: Runtime, events: int) -> Quarter:
    process_ns, thread_ns = time.process_time_ns(), time.thread_time_ns()
    _record(runtime, events)
    caller_ns = time.thread_time_ns() - thread_ns
    background_ns = time.process_time_ns() - process_ns - caller_ns
    spool = sum(one.stat().st_size for one in runtime.config.spool_dir.glob("*.spool"))
    return Quarter(
        caller_ns / events / 1000, background_ns / events / 1000, _rss_mb(), spool / 2**20
    )


def _record(runtime: Runtime, events: int) -> None:
    for first in range(0, events, EVENTS_PER_FLUSH):
        for _ in range(min(EVENTS_PER_FLUSH, events - first) // _EVENTS_PER_CALL):
            call(runtime)
        flush(runtime)


def _growth(quarters: list[Quarter]) -> list[str]:
    first, last = quarters[0], quarters[-1]
    faults = [
        f"NOT FLAT: the {what} grew {after / before:.2f} times"
        for what, before, after in (
            ("caller's cost", first.caller_us, last.caller_us),
            ("background's cost", first.background_us, last.background_us),
        )
        if after > before * MOST_GROWTH
    ]
    more = last.rss_mb - first.rss_mb
    return faults + ([f"NOT FLAT: memory grew by {more:.0f} MB"] if more > MOST_MORE_MB else [])


def _shown(quarters: list[Quarter], name: str) -> str:
    return ", ".join(f"{getattr(one, name):.1f}" for one in quarters)


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
