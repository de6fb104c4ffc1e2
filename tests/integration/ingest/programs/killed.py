"""Run a command and end it as a lost power supply would, at a stage of its deletion: STAGE COMMAND ARGUMENT..."""

import os
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any

from tallystick_ingest.composition import Composition
from tallystick_ingest.erasing import Erasures
from tallystick_ingest.two_people import TwoPeople
from tallystick_store.archive.archive import Archive
from tallystick_store.archive.archiver import Archiver
from tallystick_store.engine import rewrite
from tallystick_store.engine.duckdb import Database
from tallystick_store.governance import deletion, erasing
from tallystick_store.governance.deletion import Deletions
from tallystick_store.store import Store

BEFORE, AFTER = True, False
Stages = dict[str, tuple[Any, str, bool]]
STAGES: Stages = {
    "the set is kept": (Deletions, "keep_set", AFTER),
    "the confirmation is recorded": (TwoPeople, "confirm", AFTER),
    "one tombstone is written": (Composition, "_bury", AFTER),
    "the tombstones are written": (Archiver, "drop", BEFORE),
    "one part of the archive is written anew": (Archive, "_drop", AFTER),
    "the archive is written anew": (Archiver, "drop", AFTER),
    "the blobs are removed": (Deletions, "_remove_blobs", AFTER),
    "the new file is written": (rewrite, "sync_whole", AFTER),
    "the file is exchanged": (Database, "_replace_by", AFTER),
    "the rows are gone": (deletion, "rewrite", AFTER),
}
STAGES_OF_ERASING: Stages = {
    "the erasure is stated": (Erasures, "_stated", AFTER),
    "the erasure is in the ledger": (Store, "forget", AFTER),
    "the keys are destroyed": (erasing, "_destroy_keys", AFTER),
    "the database is written anew": (erasing, "rewrite", AFTER),
    "the large values are removed": (erasing, "_remove_blobs", AFTER),
}


def cut(owner: Any, name: str, *, is_before: bool) -> None:
    """Let the process end before or after this is called."""
    done: Callable[..., Any] = getattr(owner, name)

    def ended(*arguments: Any, **named: Any) -> None:
        if not is_before:
            done(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, ended)


if __name__ == "__main__":
    stage, command = sys.argv[1:3]
    deletion.TOMBSTONES_AT_ONCE = 1  # type: ignore[misc]  # so that one of several can be written
    owner, name, is_before = {**STAGES, **STAGES_OF_ERASING}[stage]
    cut(owner, name, is_before=is_before)
    del sys.argv[:2]
    runpy.run_path(command, run_name="__main__")
