"""What `import tallystick` costs: time and memory over the bare process."""

import json
import statistics
import subprocess
import sys
from typing import Final

RUNS: Final = 7
IMPORT_BUDGET_MS: Final = 200
MEMORY_BUDGET_MB: Final = 60
_PROBE: Final = """
import json, sys, time
start = time.perf_counter()
{work}
spent = time.perf_counter() - start
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([spent * 1000, int(status["VmRSS"].split()[0]) / 1024]))
"""


def measure() -> list[str]:
    """Give the report's lines."""
    bare = _probe("pass")
    imported = _probe("import tallystick")
    running = _probe("import tallystick, tempfile; tallystick.instrument(home=tempfile.mkdtemp())")
    return [
        f"import tallystick: {imported[0]:.0f} ms (budget {IMPORT_BUDGET_MS})",
        f"instrument(), first time: {running[0]:.0f} ms",
        f"memory over the bare process: import {imported[1] - bare[1]:.0f} MB",
        f"... running: {running[1] - bare[1]:.0f} MB (budget {MEMORY_BUDGET_MB})",
    ]


def _probe(work: str) -> tuple[float, float]:
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", _PROBE.format(work=work)],
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        for _ in range(RUNS)
    ]
    milliseconds, megabytes = zip(*runs, strict=True)
    return statistics.median(milliseconds), statistics.median(megabytes)
