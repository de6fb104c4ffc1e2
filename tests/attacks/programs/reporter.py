"""Make some calls and report: `reporter.py NAME CALLS [WORD]`.

Prints one JSON object: the status, and how long the slowest call took. With WORD it first waits until
that stands in what the status says about shipping or alarms.
"""

import json
import sys
import time
from dataclasses import asdict

import tallystick

PATIENCE_S = 200.0


def main() -> None:
    name, calls = sys.argv[1], int(sys.argv[2])
    slowest_s = 0.0
    for number in range(calls):
        began_s = time.perf_counter()
        with tallystick.tool_call("step", {"number": number}, call_id=f"{name}-n{number}") as call:
            call.result(number)
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
    if sys.argv[3:]:
        wait_for(sys.argv[3])
    report = {"slowest_s": slowest_s, **asdict(tallystick.status())}
    print(json.dumps(report, default=dict), flush=True)


def wait_for(word: str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        status = tallystick.status()
        if word in f"{status.shipping} {status.alarms}":
            return
        time.sleep(0.02)


if __name__ == "__main__":
    main()
