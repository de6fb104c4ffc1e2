"""Run the measurements named on the command line, or all that are short."""

import signal
import sys
from collections.abc import Callable
from typing import Final

from bench import (
    backends,
    caller,
    endurance,
    garbage,
    ingest,
    machine,
    masking,
    peers,
    questions,
    sessions,
    soak,
    startup,
    verify,
)

MEASUREMENTS: Final[dict[str, Callable[[], list[str]]]] = {
    "startup": startup.measure,
    "masking": masking.measure,
    "caller": caller.measure,
    "peers": peers.measure,
    "ingest": ingest.measure,
    "sessions": sessions.measure,
    "garbage": garbage.measure,
    "backends": backends.measure,
    "verify": verify.measure,
    "short-questions": questions.measure_shortly,
    "questions": questions.measure,
    "large-questions": questions.measure_largely,
    "short-endurance": endurance.measure_shortly,
    "short-soak": soak.measure_shortly,
    "endurance": endurance.measure,
    "soak": soak.measure,
}
ON_REQUEST: Final = ("backends", "endurance", "large-questions", "questions", "soak")
"""Left out unless named: each takes minutes, and has a short form; `backends` needs 850 MB for each peer."""
BESIDE_PEERS: Final = "--peers"
"""`ingest --peers`: `backends` behind it."""


def main() -> int:
    """Print the machine, then each measurement under its name."""
    named = [name for name in sys.argv[1:] if name != BESIDE_PEERS]
    names = named or [name for name in MEASUREMENTS if name not in ON_REQUEST]
    names += ["backends"] * (BESIDE_PEERS in sys.argv[1:])
    unknown = set(names) - set(MEASUREMENTS)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    print(machine.description())
    print(f"calibration: sum(range(1000)) takes {machine.calibration_us():.1f} µs")
    for name in names:
        print(f"\n{name}", flush=True)
        for line in MEASUREMENTS[name]():
            print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
