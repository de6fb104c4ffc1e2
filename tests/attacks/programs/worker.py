"""Call tools without end: `worker.py LEDGER NAME PAUSE_MS [CALLS [AWAITED]]`.

Each call that was acknowledged is written down, durably, in the file LEDGER: what the store must hold.
Half way through its calls it waits for the file AWAITED.
"""

import os
import sys
import time
from pathlib import Path

import tallystick


def main() -> None:
    ledger = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    name, pause_ms = sys.argv[2], int(sys.argv[3])
    calls = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    awaited = Path(sys.argv[5]) if len(sys.argv) > 5 else None
    number = 0
    while not calls or number < calls:
        while awaited and number == calls // 2 and not awaited.exists():
            time.sleep(0.02)
        label = f"{name}-n{number}"
        with tallystick.tool_call(
            "step", {"number": number}, call_id=label, read_only=bool(number % 2)
        ) as call:
            call.result({"text": "done " * (number % 7)})
        os.write(ledger, f"{label}\n".encode())
        os.fsync(ledger)
        number += 1
        time.sleep(pause_ms / 1000)
    print(tallystick.flush(200))


if __name__ == "__main__":
    main()
