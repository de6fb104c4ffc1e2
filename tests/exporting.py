"""Exports with a report for tests: a store of benign calls, the package of a period, its files."""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tallystick.profile import JsonValue
from tallystick_store.evidence.appraisal import Progress, appraise
from tallystick_store.evidence.export import ExportRequest, export_report
from tallystick_store.evidence.store_reader import StoreReader
from tests.builder import START_US, Session
from tests.store_log import StoreLog

EVER_US = 2**51
CREATED_US = 7


@dataclass(frozen=True, slots=True)
class Exported:
    """The bytes of a package with a report, and its files."""

    content: bytes
    files: dict[str, bytes]

    @property
    def html(self) -> str:
        return self.files["report.html"].decode()

    @property
    def checks(self) -> dict[str, Any]:
        """Every check by its id."""
        return {one["id"]: one for one in json.loads(self.files["checks.json"])["checks"]}

    def state(self, check: str) -> str:
        return str(self.checks[check]["state"])

    def with_state(self, state: str) -> set[str]:
        return {name for name, one in self.checks.items() if one["state"] == state}

    def rows(self, name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.files[name].decode())))

    def unpack(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder


def quiet(stage: str, done: int, total: int) -> None:
    """Take note of nothing."""


def export(
    log: StoreLog,
    card: str = "",
    from_us: int = 0,
    to_us: int = EVER_US,
    progress: Progress = quiet,
    appraiser: Callable[[Path, Progress], None] = appraise,
) -> Exported:
    """Export a period of a store with a report, all in this process."""
    log.store.publisher.publish_now()
    out = io.BytesIO()
    with tempfile.TemporaryDirectory() as place:
        export_report(
            StoreReader(log.store, log.key.key),
            ExportRequest(from_us, to_us, "eu-ai-act", card),
            log.signer(),
            out,
            place=Path(place),
            created_us=CREATED_US,
            progress=progress,
            appraise=appraiser,
        )
    with zipfile.ZipFile(out) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return Exported(out.getvalue(), files)


@contextmanager
def store_log(folder: Path) -> Iterator[StoreLog]:
    """Open a store, and close it."""
    log = StoreLog(folder)
    try:
        yield log
    finally:
        log.store.close()


def benign_call(session: Session, number: int, **changes: JsonValue) -> None:
    """Record start and end of one complete call of an agent."""
    fields: dict[str, JsonValue] = {
        "action__id": f"{number:032x}",
        "agent__basis": "asserted",
        "agent__name": "helper",
        "agent__version": "1.0.0",
        "client__name": "test",
        "mask__policy": "ab" * 32,
        "observer": "agent",
        "params__digest": "cd" * 16,
        "principal__basis": "asserted",
        "principal__ref": "ef" * 16,
        "principal__type": "human",
        "server__name": "shop",
        "span__id": f"{number:016x}",
        "tool__name": "lookup",
        "trace__id": f"{number:032x}",
    }
    end: dict[str, JsonValue] = {
        "outcome": "success",
        "span__end_us": START_US + number + 5,
        "span__kind": "client",
        "span__start_us": START_US + number,
    }
    given = {**fields, **changes}
    started = {name: value for name, value in given.items() if name not in end}
    session.ship(session.record("tool.started", {"params": "{}"}, **started))
    session.ship(session.record("tool.completed", {"params": "{}"}, **{**end, **given}))


def benign(log: StoreLog, calls: int = 30, name: str = "benign", **changes: JsonValue) -> Session:
    """Ship one session of benign calls that ends in order."""
    session = Session(log, name)
    session.open()
    for number in range(1, calls + 1):
        benign_call(session, number, **changes)
    session.ship(
        session.record("session.close", session__size=session.seq, session__reason="it is over")
    )
    session.seal()
    return session
