"""Settings that say what may be deleted: the log states them at the start after which they are others."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from tallystick.calendar_span import FLOOR
from tallystick_store.governance.classes import KEEP_ALL, RetentionPolicy

CLASSES: Final = "retention.classes"
"""Value: the classes in order, as JSON text; of a list that is too long its SHA-256."""
FLOOR_SETTING: Final = "retention.floor"
"""Value: an ISO 8601 duration, which comes with the version of the service."""
MAX_VALUE_BYTES: Final = 32_768
"""A statement holds 65,536 bytes."""
_AT_FIRST: Final = {CLASSES: KEEP_ALL.text, FLOOR_SETTING: str(FLOOR)}


def changed_settings(
    policy: RetentionPolicy, stated: Mapping[str, str], mask: Callable[[str], str]
) -> dict[str, str]:
    """Return what the log has to state now, name -> masked value; `stated` is what it said last.

    A log that never said anything means that everything is kept for ever.
    """
    now = {CLASSES: _stated(mask(policy.text)), FLOOR_SETTING: str(FLOOR)}
    return {name: value for name, value in now.items() if value != {**_AT_FIRST, **stated}[name]}


def _stated(text: str) -> str:
    is_short = len(text.encode()) <= MAX_VALUE_BYTES
    return text if is_short else f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
