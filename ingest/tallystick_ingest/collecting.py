"""How often the cyclic collector runs in a process that makes records."""

import gc
from typing import Final

COLLECT_EVERY: Final = 50_000
"""New containers between two runs of the cyclic collector; the default of 700 costs a tenth of the
CPU of each event, and records hold no cycles."""


def collect_seldom() -> None:
    """Leave what is there now to the end of the process, and look for cycles seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)
