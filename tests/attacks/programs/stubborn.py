"""Work while the spool cannot be written: `stubborn.py NAME CALLS BYTES`.

Prints a JSON line when its calls are done, waits until the spool can be written again, and prints another.
The tool `pay` is to be `required` (by TALLYSTICK_REQUIRED).
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import tallystick

PATIENCE_S = 200.0


def main() -> None:
    name, calls, size_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    worked = [work(f"{name}-n{number}", size_bytes) for number in range(calls)]
    report(results=sum(worked), paid=pay(f"{name}-paid-too-soon"))
    until(lambda: tallystick.status().backlog == 0 and not tallystick.status().spool_error)
    paid = pay(f"{name}-paid")
    report(paid=paid, delivered=tallystick.flush(PATIENCE_S))


def work(label: str, size_bytes: int) -> bool:
    with tallystick.tool_call("step", {"text": "word " * (size_bytes // 5)}, call_id=label) as call:
        call.result("ok")
    return True


def pay(label: str) -> bool:
    """Pay, if that may be done: whether it was."""
    is_paid = False
    try:
        with tallystick.tool_call("pay", {"amount": 1}, call_id=label):
            is_paid = True
    except tallystick.RefusedError:
        assert not is_paid
    return is_paid


def until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and not holds():
        time.sleep(0.02)


def report(**more: object) -> None:
    print(json.dumps({**asdict(tallystick.status()), **more}, default=dict), flush=True)


if __name__ == "__main__":
    main()
