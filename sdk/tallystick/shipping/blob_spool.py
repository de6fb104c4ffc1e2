"""Blobs that wait for the service: files beside the spool, each named by its digest.

A blob is on disk before the record that names it, as durable as that record, and uploaded before it. A file
is whole or absent, and removed once the service has it and a record that names it: the service keeps a blob that no
record names for some time only, and a record may wait. Several processes may share the directory.
"""

import contextlib
import hashlib
import logging
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from tallystick.blob import BLOB_FIELDS, BLOB_MEDIA_TYPE, BlobRef, parse_blob
from tallystick.clock import Clock
from tallystick.errors import RecordError, ShipError
from tallystick.event import parse_disclosure
from tallystick.private_file import sync_directory
from tallystick.shipping.client import Answer
from tallystick.shipping.shipment import refusal
from tallystick.spool.frame import EVENT, Frame

FOLDER: Final = "blobs"
PATH: Final = "/api/v1/blobs/"
REFUSED: Final = ".refused"
"""Ending of a file that the service will never take; kept for a person to look at."""

LEFTOVER_AGE_S: Final = 3600
"""Longer than any write takes: an unfinished file that is older belongs to nobody any more."""
FORGOTTEN_AGE_S: Final = 24 * 3600
"""A blob waits for its record for milliseconds, and with it for the service: after a day it may be nobody's."""
UPLOAD_HOLDS_S: Final = 3600.0
"""A blob whose record still waits is uploaded anew after this time, so that the service takes it for a new one."""
_SHA_256: Final = re.compile(r"[0-9a-f]{64}")
_TEMPORARY: Final = ".tmp"
_TAKEN: Final = 200
_NO_SUCH_ADDRESS: Final = frozenset((404, 405, 501))
"""A receiver of OTLP that keeps no blobs: they stay here, and the records go."""
_NEVER: Final = frozenset((400, 413, 415))
_HEADERS: Final = {"Content-Type": BLOB_MEDIA_TYPE}
_NAMES: Final = tuple(f'","{field}","' for field in BLOB_FIELDS)
_ENDINGS: Final = tuple({f'.{field.rpartition(".")[2]}","'.encode() for field in BLOB_FIELDS})
"""Bytes of which every record that names a blob holds one, to tell most records apart without reading them."""
_SALT_END: Final = 34
"""A disclosure line is `["`, 32 hex digits, and then its field."""

_log = logging.getLogger("tallystick")


class Uploader(Protocol):
    """What an upload needs of a client."""

    def put(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body`. Raises ShipError when no whole answer came back."""


class BlobSpool:
    """The directory of waiting blobs. Safe for threads and processes."""

    def __init__(
        self, directory: Path, check_room: Callable[[int], None], clock: Clock, *, is_synced: bool
    ) -> None:
        """Keep files in `directory`, made at first use.

        `check_room(size_bytes)` raises SpoolError where the spool has no room; with `is_synced` a blob survives
        a power cut, as records do then.
        """
        self._directory = directory
        self._check_room = check_room
        self._clock = clock
        self._is_synced = is_synced
        self._uploaded_s: dict[str, float] = {}
        """Blobs that the service has and whose records it does not have yet, and when each was uploaded."""
        self._is_told = False
        self._is_swept = False
        self._forgotten: list[str] | None = None
        """Blobs that were here for long when everything was delivered for the first time."""

    def keep(self, content: bytes) -> BlobRef:
        """Put a blob on disk. Raises SpoolError or OSError, and then there is none."""
        ref = BlobRef(hashlib.sha256(content).hexdigest(), len(content))
        path = self._directory / ref.sha256
        if path.exists():
            return ref
        self._check_room(len(content))
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        temporary = path.with_name(f"{ref.sha256}.{secrets.token_hex(4)}{_TEMPORARY}")
        try:
            self._write(temporary, content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        if self._is_synced:
            sync_directory(self._directory)
        return ref

    def upload(self, uploader: Uploader, frames: Sequence[Frame]) -> None:
        """Give the service every blob that these records name and that still waits here.

        Raises ShipError as a post of records does, and then nothing of the records may be sent.
        """
        if not self._directory.is_dir():  # a blob is there before the record that names it
            return
        for sha256 in _named_in(frames):
            if self._is_due(sha256):
                self._upload(uploader, sha256)

    def release(self, frames: Sequence[Frame]) -> None:
        """Remove the blobs that were uploaded for these records, which the service has now."""
        if not self._uploaded_s:
            return
        for sha256 in _named_in(frames):
            self._let_go(sha256)

    def _let_go(self, sha256: str) -> None:
        if self._uploaded_s.pop(sha256, None) is not None:
            with contextlib.suppress(OSError):  # what stays is sent once more at worst
                (self._directory / sha256).unlink()

    def _is_due(self, sha256: str) -> bool:
        uploaded_s = self._uploaded_s.get(sha256)
        return uploaded_s is None or self._clock.monotonic_s() - uploaded_s > UPLOAD_HOLDS_S

    def hand_over(self, uploader: Uploader) -> None:
        """Give the service one blob whose record was never written, perhaps: it removes what nothing names.

        For the time when no record waits, whose blob it could be. Where it fails it stays for the next process.
        """
        if self._forgotten is None:
            self._forgotten = self._old_blobs()
        if not self._forgotten:
            return
        sha256 = self._forgotten.pop()
        try:
            is_taken = self._upload(uploader, sha256)
        except (ShipError, OSError):
            is_taken = False
        if is_taken:
            self._let_go(sha256)
        else:
            self._forgotten.clear()

    def _old_blobs(self) -> list[str]:
        before_s = self._clock.now_us() / 1_000_000 - FORGOTTEN_AGE_S
        names = (one.name for one in self._directory.glob("*") if _SHA_256.fullmatch(one.name))
        return sorted(name for name in names if _is_older(self._directory / name, before_s))

    def _upload(self, uploader: Uploader, sha256: str) -> bool:
        """Send a blob; say whether the service has it. Raises ShipError where it has to wait."""
        path = self._directory / sha256
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # the service has it: let go of before
            return True
        answer = uploader.put(f"{PATH}sha256:{sha256}", content, _HEADERS)
        if answer.status == _TAKEN:
            self._uploaded_s[sha256] = self._clock.monotonic_s()
            return True
        if answer.status in _NO_SUCH_ADDRESS:
            self._tell("the address keeps no blobs: large values stay in %s")
        elif answer.status in _NEVER:
            with contextlib.suppress(FileNotFoundError):
                path.replace(path.with_name(sha256 + REFUSED))
            self._tell("the service refuses blobs: they are kept in %s, with the ending .refused")
        else:
            raise refusal(answer)
        return False

    def _sweep(self) -> None:
        """Remove, once, what processes that were killed in the middle of a write left behind."""
        if self._is_swept:
            return
        self._is_swept = True
        before_s = self._clock.now_us() / 1_000_000 - LEFTOVER_AGE_S
        for path in self._directory.glob(f"*{_TEMPORARY}"):
            if _is_older(path, before_s):
                with contextlib.suppress(OSError):  # another process was first, or it is not ours
                    path.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(content)
            if self._is_synced:
                file.flush()
                os.fsync(file.fileno())

    def _tell(self, text: str) -> None:
        if not self._is_told:
            self._is_told = True
            _log.warning(f"tallystick: {text}", self._directory)


def _named_in(frames: Sequence[Frame]) -> Sequence[str]:
    """Return the digests of the blobs that records name, each once."""
    return [*dict.fromkeys(one for frame in frames for one in _named_by(frame))]


def _named_by(frame: Frame) -> Iterator[str]:
    if frame.kind != EVENT or not any(map(frame.payload.__contains__, _ENDINGS)):
        return
    for line in frame.payload.decode().split("\n")[1:]:
        if line.startswith(_NAMES, _SALT_END):
            with contextlib.suppress(RecordError):  # not ours to judge: the service will
                ref = parse_blob(parse_disclosure(line).value)
                if ref is not None:
                    yield ref.sha256


def _is_older(path: Path, before_s: float) -> bool:
    try:
        return path.stat().st_mtime < before_s
    except OSError:  # another process took it
        return False
