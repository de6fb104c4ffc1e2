"""The look at every row and file of a large log, behind its start: see `rebuild.look_at_all`.

What it finds has the consequences that it would have had before the start: a row that was changed stops
signing, a damaged file is written again, and a notice says so.
"""

import logging
import threading
from collections.abc import Callable
from typing import Final

from tallystick_store.engine.duckdb import Database
from tallystick_store.publisher import Publisher
from tallystick_store.rebuild import Rebuilt, look_at_all
from tallystick_store.tilestore import TileStore

PAUSE_S: Final = 0.05
"""Between two windows of 16,384 entries, so that the service has the processor too."""

_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """The store closes before the look is over."""


class AuditBehind:
    """One look, in a thread of its own; `close` ends it early."""

    def __init__(
        self,
        database: Database,
        tiles: TileStore,
        publisher: Publisher,
        begun: Rebuilt,
        notify: Callable[[str], None],
    ) -> None:
        """Begin; `notify(notice)` is told of what was found and put right."""
        self._database, self._tiles, self._publisher = database, tiles, publisher
        self._begun = begun
        self._notify = notify
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tallystick-audit", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the look is over."""
        self._thread.join()

    def close(self) -> None:
        """End it."""
        self._is_ending.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._look()
        except _EndedError:
            return
        except Exception as error:  # noqa: BLE001 - a look that ends early must never look like one that found nothing
            self._notify(f"the look at every row was not finished: {error!r}; restart the service")

    def _look(self) -> None:
        reason, damages = look_at_all(self._database, self._tiles, self._begun, self._pause)
        if reason is not None:
            self._publisher.stop_signing(reason)
            return
        if damages:
            with self._publisher.paused():
                self._tiles.repair(damages, self._begun.ledger)
        for damage in damages:
            self._notify(f"log/{damage.path} {damage.reason}")

    def _pause(self) -> None:
        if self._is_ending.wait(PAUSE_S):
            raise _EndedError
