"""Start once, in good health, and wait until nothing of an earlier process is left in the spool.

`settle.py WITHIN_S` prints its status as JSON.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import tallystick


def main() -> None:
    end_s = time.monotonic() + float(sys.argv[1])
    tallystick.record("config.changed", note="a process that starts after the others died")
    is_delivered = tallystick.flush(200)
    while time.monotonic() < end_s and others():
        time.sleep(0.05)
    shown = {"left": sorted(others()), "is_delivered": is_delivered} | asdict(tallystick.status())
    print(json.dumps(shown, default=dict))


def others() -> set[str]:
    """Sessions in the spool that are not this process's own."""
    status = tallystick.status()
    names = {path.name.partition(".")[0] for path in Path(status.spool_dir).glob("*.spool")}
    return names - {status.session or ""}


if __name__ == "__main__":
    main()
