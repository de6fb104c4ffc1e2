"""The projector: brings the projections up to the log, window by window, in a thread of its own.

Nobody waits for it: what is not projected yet is read as rows. A store that was made before has its whole log
projected this way, oldest window first, with pauses as long as the work, so that others get their turn.
A failure is tried again later.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from tallystick.errors import StoreError
from tallystick_store.engine.duckdb import Database
from tallystick_store.projections.tables import PROJECTED
from tallystick_store.projections.windows import WINDOW, project, projected_end

RETRY_S: Final = 30.0
LOOK_EVERY_S: Final = 5.0

_ANY: Final = f"SELECT 1 FROM {PROJECTED.name} LIMIT 1"  # noqa: S608 - own words

_log = logging.getLogger(__name__)


class Projector:
    """Owns the tables of projections."""

    def __init__(self, database: Database, size: Callable[[], int], window: int = WINDOW) -> None:
        """Begin; `size` tells how many log entries were committed."""
        self._database = database
        self._size = size
        self._window = window
        self._closing = threading.Event()
        self._working = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="tallystick-projector", daemon=True)
        self._thread.start()

    def catch_up(self) -> int:
        """Project every complete window now; return how many there were. Raises StoreError."""
        count = 0
        while self._step():
            count += 1
        return count

    def close(self) -> None:
        """End; what is not projected is at the next start."""
        self._closing.set()
        self._thread.join()

    def _step(self) -> bool:
        """Project the next window, if it is complete."""
        with self._working:
            number = self._database.file_number
            start = projected_end(self._database)
            if start == 0 and self._database.rows(_ANY):
                raise StoreError(
                    "the projections have a hole: stop the service and drop their tables, it makes them again"
                )
            upto = start + self._window
            if upto > self._size():
                return False
            self._database.insert(project(self._database, start, upto), number)
            return True

    def _run(self) -> None:
        wait_s = 0.0
        while not self._closing.wait(wait_s):
            begun = time.monotonic()
            try:
                wait_s = time.monotonic() - begun if self._step() else LOOK_EVERY_S
            except StoreError as error:
                _log.warning("the log could not be projected, and is read as it is: %s", error)
                wait_s = RETRY_S
