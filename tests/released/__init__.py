"""Homes of services as versions before this one left them: one archive each, and what it has to read as.

`python -m tests.released NAME` makes one with the code that is here. One is made for each release, under its
version, and for each format of the database, as `format-N`; none is ever made anew.
"""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any, Final

from tallystick.testing import FakeClock
from tallystick.tlog.checkpoint import read_checkpoint
from tallystick_ingest.service import Service
from tallystick_ingest.service_session import SERVICE_SENDER
from tallystick_ingest.settings import load_service_config

FOLDER: Final = Path(__file__).parent
ARCHIVE_END: Final = ".tar.xz"
MAX_BYTES: Final = 300_000
AFTER_S: Final = 86_400
"""A day after the fixture was made: what is opened must not go back in time."""
_OTHERS: Final = f"sender <> '{SERVICE_SENDER}'"
_READ: Final = {
    "events": f"SELECT log_index, rx_us, sender, type, statement, action_id, tool_name FROM events WHERE {_OTHERS}",  # noqa: S608 - ours
    "disclosures": f"SELECT log_index, disclosures FROM events WHERE {_OTHERS}",  # noqa: S608 - ours
    "seals": f"SELECT log_index, session, size FROM seals WHERE {_OTHERS}",  # noqa: S608 - ours
    "spans": "SELECT log_index, trace_id, span_id, name, start_ns, end_ns FROM spans",
}
"""Of the rows, what any later format has to be able to tell."""


def names() -> list[str]:
    """Return the names of the fixtures."""
    return sorted(one.name.removesuffix(ARCHIVE_END) for one in FOLDER.glob(f"*{ARCHIVE_END}"))


def unpacked(name: str, directory: Path) -> Path:
    """Unpack a fixture below `directory`; return its home."""
    with tarfile.open(FOLDER / f"{name}{ARCHIVE_END}") as archive:
        archive.extractall(directory, filter="data")
    return directory / "home"


def expected(name: str) -> Any:
    """Return what a fixture has to read as."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def opened(home: Path) -> Service:
    """Open the service of a home with the code that is here, some time later."""
    clock = FakeClock()
    clock.advance(AFTER_S)
    return Service.open(load_service_config({"home": str(home)}, {}), clock)


def told(service: Service) -> Any:
    """Tell what others' records say and who is let in, in a form that no version changes."""
    rows = {
        name: service.store.database.rows(f"SELECT * FROM ({query}) ORDER BY ALL")  # noqa: S608 - ours
        for name, query in _READ.items()
    }
    stated = {
        "rows": {name: [len(found), _digest(found)] for name, found in rows.items()},
        "keys": [[key.name, key.scopes, key.revoked_us is not None] for key in service.ring.keys],
        "accounts": [[one.name, one.role] for one in service.accounts.accounts],
    }
    return json.loads(json.dumps(stated))


def newest(home: Path) -> list[object]:
    """Return the size and the root of the newest signed checkpoint of a stopped service."""
    checkpoint = read_checkpoint((home / "data" / "log" / "checkpoint").read_text("utf-8"))
    return [checkpoint.size, checkpoint.root.hex()]


def _digest(rows: list[Any]) -> str:
    return hashlib.sha256("\n".join(map(repr, rows)).encode()).hexdigest()
