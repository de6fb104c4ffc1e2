"""Shifts the clock of a program: by SHIFT_S seconds, from its start or once the file SHIFT_WHEN is there."""

import os
import time

_SHIFT_NS = int(os.environ.get("SHIFT_S", "0")) * 1_000_000_000
_WHEN = os.environ.get("SHIFT_WHEN")
_time_ns = time.time_ns


def _shifted_ns() -> int:
    is_shifted = _WHEN is None or os.path.exists(_WHEN)  # noqa: PTH110 - light, in every program
    return _time_ns() + (_SHIFT_NS if is_shifted else 0)


time.time_ns = _shifted_ns
time.time = lambda: _shifted_ns() / 1_000_000_000
