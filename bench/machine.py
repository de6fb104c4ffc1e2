"""What machine measured, and how fast it is: the figures that every other one stands beside."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

CALIBRATION_ROUNDS = 2000


def description() -> str:
    """Say what machine this is, in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"


def calibration_us() -> float:
    """Give the processor time of `sum(range(1000))`, in µs: the yardstick for slow machines."""
    return cpu_us(lambda: sum(range(1000)), CALIBRATION_ROUNDS)


def cpu_us(work: Callable[[], object], rounds: int, repeats: int = 5) -> float:
    """Give this thread's processor time per call of `work`, in µs: the median of `repeats` runs."""
    return statistics.median(_thread_us(work, rounds) for _ in range(repeats))


def _thread_us(work: Callable[[], object], rounds: int) -> float:
    start = time.thread_time_ns()
    for _ in range(rounds):
        work()
    return (time.thread_time_ns() - start) / rounds / 1000
