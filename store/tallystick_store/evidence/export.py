"""Export a period with a report: records out of the store, an appraisal apart from it, one signed zip.

    records       the files of the package, into a folder
    verification  the verifier over these files, packed and signed as a package of their own
    tables, checks, report   in the other process (appraisal.py)
    package       everything into the zip, signed

Memory stays that of one window of records, whatever the period. The same store, period, card and
regime give the same bytes but for the time in the manifest, and what follows from that.
"""

import json
import logging
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TextIO

from tallystick.errors import StoreError, VerificationError
from tallystick.profile import JsonValue
from tallystick.tlog.checkpoint import read_checkpoint
from tallystick.tlog.encoding import to_base64
from tallystick.tlog.entry import parse_entry
from tallystick.verify.manifest import (
    BLOBS_FILE,
    CONTENT_FILES,
    DELETION_FILES,
    REPORT_FILES,
    print_public_key,
)
from tallystick_store.checkpoints import LogSigner
from tallystick_store.evidence.appraisal import (
    CORE_FILE,
    FILES_FOLDER,
    REQUEST_FILE,
    AppraisalRequest,
    Progress,
)
from tallystick_store.evidence.card import parse_card
from tallystick_store.evidence.files import FolderWriter, ZipWriter, pack, seal_package
from tallystick_store.evidence.package import write_contents
from tallystick_store.evidence.parameters import Period, require_known_checks
from tallystick_store.evidence.reader import EvidenceReader
from tallystick_store.evidence.readme import README, README_REPORT
from tallystick_store.evidence.regime import load_regime

_MAX_LOG_CHARS: Final = 2_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is asked for; `check_request` says whether it makes sense."""

    from_us: int
    to_us: int
    regime: str
    card: str = ""
    """Text of the system card; empty for none."""


def check_request(request: ExportRequest) -> None:
    """Raise ConfigError for an unknown regime, an empty period, or a card that is not one."""
    regime = load_regime(request.regime)
    require_known_checks(parse_card(request.card), regime)


def export_report(  # noqa: PLR0913 - what to export, from where, to where
    reader: EvidenceReader,
    request: ExportRequest,
    signer: LogSigner,
    out: BinaryIO,
    *,
    place: Path,
    created_us: int,
    progress: Progress,
    appraise: Callable[[Path, Progress], None],
) -> dict[str, JsonValue]:
    """Write the package of a period with its report into `out`; return its manifest.

    `place` is an empty directory of the caller's, who removes it whatever happens. Raises StoreError,
    ConfigError for a request that makes no sense, OSError when there is no room.
    """
    check_request(request)
    folder = place / FILES_FOLDER
    folder.mkdir(mode=0o700)
    start, stop = reader.received_between(request.from_us, request.to_us)
    lines = 2 * (stop - start)
    writer = FolderWriter(folder, lambda done: progress("records", min(done, lines), lines))
    manifest = write_contents(
        reader, request.from_us, request.to_us, writer, readme=README + README_REPORT
    )
    with (place / CORE_FILE).open("xb") as core, zipfile.ZipFile(core, "w") as archive:
        packed = ZipWriter(archive, zipfile.ZIP_STORED)
        further = [one for one in (BLOBS_FILE, *DELETION_FILES) if one in writer.digests]
        pack(folder, (*CONTENT_FILES, *further), packed)
        seal_package(packed, {**manifest, "created_us": created_us}, signer)
    asked = AppraisalRequest(
        regime=request.regime,
        card=request.card,
        period=_period(reader, manifest),
        counts=manifest["counts"],
        software=manifest["software"],
        longest_line_bytes=writer.longest_line_bytes,
        log_key_pem=print_public_key(signer.public_key),
    )
    (place / REQUEST_FILE).write_bytes(asked.encoded())
    appraise(place, progress)
    progress("package", 0, 1)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        final = ZipWriter(archive)
        pack(folder, (*CONTENT_FILES, *further, *REPORT_FILES), final)
        return seal_package(final, {**manifest, "created_us": created_us}, signer)


class Appraiser:
    """Runs appraisals in processes of their own, one at a time; `stop` ends the one that runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._is_stopped = False

    def __call__(self, place: Path, progress: Progress) -> None:
        """Appraise a place. Raises StoreError with the reason when it did not end well."""
        with (place / "appraisal.log").open("x") as log, self._start(place, log) as process:
            try:
                error = self._follow(process, progress)
            finally:
                process.kill()
                with self._lock:
                    self._process = None
        code = process.returncode
        if error is not None:
            raise StoreError(error)
        if code != 0 or not (place / FILES_FOLDER / "report.html").exists():
            tail = (place / "appraisal.log").read_text(errors="replace")[-_MAX_LOG_CHARS:]
            _log.error("an appraisal ended with %d: %s", code, tail)
            raise StoreError(f"the report was not finished: its process ended with {code}")

    def stop(self) -> None:
        """End what runs; nothing starts any more."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def _start(self, place: Path, log: TextIO) -> "subprocess.Popen[str]":
        command = [sys.executable, "-P", "-m", "tallystick_store.evidence.appraisal", str(place)]
        with self._lock:
            if self._is_stopped:
                raise StoreError("the service is stopping: ask again when it runs")
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter and our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
            return self._process

    def _follow(self, process: "subprocess.Popen[str]", progress: Progress) -> str | None:
        """Pass on what the process says; return the error that it ends with."""
        error = None
        for line in process.stdout or ():
            said = json.loads(line)
            if "error" in said:
                error = str(said["error"])
            else:
                progress(said["stage"], said["done"], said["total"])
        process.wait()
        return error


def _period(reader: EvidenceReader, manifest: dict[str, JsonValue]) -> Period:
    """Return what the manifest and the checkpoint say of the period."""
    newest_us = _newest_us(reader, manifest["to_us"])
    return Period(
        from_us=manifest["from_us"],
        to_us=manifest["to_us"],
        from_index=manifest["from_index"],
        to_index=manifest["to_index"],
        tree_size=manifest["tree_size"],
        origin=manifest["origin"],
        root=to_base64(read_checkpoint(reader.checkpoint).root),
        as_of_us=min(manifest["to_us"], newest_us),
    )


def _newest_us(reader: EvidenceReader, otherwise_us: int) -> int:
    """Return when the newest entry of the tree was received."""
    entry = next(iter(reader.entries(reader.tree_size - 1, reader.tree_size)), b"")
    try:
        return parse_entry(entry).rx_us
    except VerificationError:
        return otherwise_us  # a row that was changed from outside: the verifier names it
