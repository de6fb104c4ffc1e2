"""An emitter of the soak: `python -m bench.soak_emitter LEDGER NAME PAUSE_MS`; it calls tools until it is killed.

Each call that was acknowledged gets a line in LEDGER: its id, when (monotonic seconds) and what it cost the
caller's thread (µs). The line follows the acknowledgement, so a kill between the two takes the line alone.
"""

import os
import sys
import time

import tallystick


def main() -> None:
    """Call tools for ever."""
    path, name, pause_ms = sys.argv[1:]
    ledger = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    tallystick.instrument(frameworks=())
    number = 0
    while True:
        before_ns = time.thread_time_ns()
        with tallystick.tool_call("step", {"number": number}, call_id=f"{name}-{number}") as call:
            call.result({"text": "done " * (number % 7)})
        spent_us = (time.thread_time_ns() - before_ns) / 1000
        os.write(ledger, f"{name}-{number} {time.monotonic():.3f} {spent_us:.1f}\n".encode())
        number += 1
        time.sleep(int(pause_ms) / 1000)


if __name__ == "__main__":
    main()
