"""What machine measured, and how fast it is: the figures that every other one stands beside."""

import contextlib
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tallystick.masking.compiled import form

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
    python = f"Python {platform.python_version()}, masking {form()}"
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}, {python}"


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


def tree_cpu_s(root: int) -> float:
    """Return the processor time of a process, what it has waited for, and all below it."""
    below, spent = _below(root), 0.0
    for pid in below:
        with contextlib.suppress(OSError):  # it has ended
            fields = _stat(pid)
            spent += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return spent


def tree_peak_mb(root: int) -> int:
    """Return the most memory that each of a process and those below it has had, in all."""
    peak = 0
    for pid in _below(root):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            peak += int(status.partition("VmHWM:")[2].split()[0]) // 1024
    return peak


def _below(root: int) -> list[int]:
    """Return a process and all below it."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            children.setdefault(int(_stat(int(path.name))[1]), []).append(int(path.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid: int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return text.rpartition(")")[2].split()


def memory_mb() -> float:
    """Give what this process holds of the machine's memory, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024
