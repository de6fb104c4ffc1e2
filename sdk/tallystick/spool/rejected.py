"""Records that the service refused: kept with the reason, one file each, and never deleted by itself."""

import contextlib
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tallystick.clock import Clock
from tallystick.private_file import make_private_directory, replace_private_file
from tallystick.spool.frame import EVENT, Frame

DIRECTORY: Final = "rejected"
_NAME: Final = re.compile(r"[0-9a-f]{32}\.[a-z]+\.[0-9a-f]{16}\.([a-z_]+)\.json")


class Rejected:
    """The folder `rejected` below the spool directory, shared by all processes of this user."""

    def __init__(self, spool_directory: Path, clock: Clock) -> None:
        """Look at the folder only when asked."""
        self.directory = spool_directory / DIRECTORY
        self._clock = clock

    def keep(self, session: str, frame: Frame, reason: str, message: str) -> None:
        """Keep a record, durably, before it is acknowledged. The same one again replaces itself. Raises OSError."""
        kind = "event" if frame.kind == EVENT else "seal"
        digest = hashlib.sha256(frame.payload).hexdigest()[:16]
        stated = {
            "body": frame.payload.decode(),
            "kind": kind,
            "message": message,
            "reason": reason,
            "refused_us": self._clock.now_us(),
            "session": session,
        }
        content = json.dumps(stated, ensure_ascii=False, indent=1).encode()
        replace_private_file(self.directory / f"{session}.{kind}.{digest}.{reason}.json", content)

    def keep_segment(self, segment: Path) -> None:
        """Move a damaged segment here whole, for a person to look at. Raises OSError."""
        make_private_directory(self.directory)
        segment.replace(self.directory / f"{segment.name}.damaged")

    def counts(self) -> Mapping[str, int]:
        """Return how many are kept, by reason."""
        names: list[str] = []
        with contextlib.suppress(OSError):
            names = os.listdir(self.directory)  # noqa: PTH208 - names alone
        matches = map(_NAME.fullmatch, names)
        counted = Counter(match[1] for match in matches if match)
        counted["damaged_segment"] = sum(name.endswith(".damaged") for name in names)
        return +counted
