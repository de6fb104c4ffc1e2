"""A running service as a source: its records are streamed over the API and recomputed here.

Reads the whole log up to the newest checkpoint. The service cannot help what was signed before:
records that it holds back, changes or invents contradict the checkpoint or the seals.
"""

import http.client
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from tallystick.blob import MAX_BLOB_BYTES
from tallystick.certificates import OWN_CERTIFICATE, trusted
from tallystick.errors import ShipError, VerificationError
from tallystick.tlog.checkpoint import read_checkpoint
from tallystick.tlog.note import MAX_NOTE_BYTES
from tallystick.verify.finding import Findings
from tallystick.verify.lines import MAX_LINE_BYTES, parse_record_line
from tallystick.verify.source import (
    BlobBlocks,
    CheckpointText,
    ConsistencyText,
    ContextText,
    DeletedText,
    EventText,
    Facts,
    Rows,
    SealText,
)

PAGE_ENTRIES: Final = 50_000
"""Entries of one request; the service records each request as one access."""
LIVE_PIECE_ENTRIES: Final = 2048
TIMEOUT_S: Final = 60.0
_SCHEMES: Final = ("http", "https")
_ASKED: Final = (
    "; does it speak TLS (https://, else http://), is its certificate trusted, does it want a certificate of this"
    f" client ({OWN_CERTIFICATE[0]})?"
)


@dataclass(frozen=True, slots=True)
class LivePiece:
    """Some lines of the record stream, read where the work is done."""

    start: int
    lines: tuple[bytes, ...]

    @property
    def stop(self) -> int:
        """Log index behind the last line."""
        return self.start + len(self.lines)

    def read(self) -> Rows:
        """Parse the lines; one that is not in its one form is a fault of step 1."""
        rows = Rows([], [], [], [])
        for log_index, line in enumerate(self.lines, self.start):
            entry: bytes | None = None
            try:
                entry, content = parse_record_line(line)
                if isinstance(content, EventText):
                    rows.events.append(content)
                elif isinstance(content, SealText):
                    rows.seals.append(content)
                elif isinstance(content, DeletedText):
                    rows.deleted.append(content)
                else:
                    rows.spans.append(content)
            except VerificationError as error:
                rows.findings.fault(1, f"the line of log index {log_index}: {error}")
            rows.entries.append(entry)
        return rows


class LiveSource:
    """Reads one service. Raises VerificationError when it cannot be reached or refuses."""

    def __init__(self, url: str, api_key: str) -> None:
        """Ask for the newest checkpoint; redirects are not followed, so that the key stays here."""
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise VerificationError(f"{url} is no address of a service: expected http://host:port")
        self._connection = _connection(parts)
        self._path = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        note = self._checkpoint_note()
        checkpoint = read_checkpoint(note)
        self._facts = Facts(
            kind="live",
            name=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{self._path}",
            origin=checkpoint.origin,
            checkpoint=note,
            tree_size=checkpoint.size,
            start=0,
            stop=checkpoint.size,
        )

    @property
    def facts(self) -> Facts:
        """What the newest checkpoint claims."""
        return self._facts

    def pieces(self) -> Iterator[LivePiece]:
        """Yield the whole log as the service tells it."""
        lines: list[bytes] = []
        start = 0
        for line in self._lines():
            lines.append(line)
            if len(lines) == LIVE_PIECE_ENTRIES:
                yield LivePiece(start, tuple(lines))
                start, lines = start + len(lines), []
        if lines:
            yield LivePiece(start, tuple(lines))

    def context(self) -> Iterator[ContextText]:
        """Yield nothing: the whole log is here."""
        return iter(())

    def checkpoints(self) -> Iterator[CheckpointText]:
        """Yield nothing: older checkpoints are for `verify --data`."""
        return iter(())

    def consistency(self) -> Iterator[ConsistencyText]:
        """Yield nothing: every root can be computed."""
        return iter(())

    def deletion_sets(self) -> Iterator[tuple[int, str]]:
        """Yield nothing: the whole log is here."""
        return iter(())

    def log_files(self) -> Iterator[str]:
        """Yield nothing: tiles are for `verify --data`."""
        return iter(())

    def log_file(self, _path: str, /) -> bytes | None:
        """Return None: tiles are for `verify --data`."""
        return None

    def blobs(self, wanted: Iterable[str], /) -> Iterator[BlobBlocks]:
        """Fetch each blob."""
        return (BlobBlocks(sha256, self._blob(sha256)) for sha256 in wanted)

    def _blob(self, sha256: str) -> Iterable[bytes] | None:
        with self._request(f"/api/v1/blobs/sha256:{sha256}") as response:
            if response.status == http.client.NOT_FOUND:
                response.read()
                return None
            _require_ok(response, "/api/v1/blobs")
            content = response.read(MAX_BLOB_BYTES + 1)
        return (content,)

    def check_files(self, findings: Findings) -> None:
        """Say what only the service's files could tell."""
        findings.notice(1, "columns, tiles and older checkpoints are not served: see verify --data")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _checkpoint_note(self) -> str:
        with self._get("/api/v1/log/checkpoint") as response:
            content = response.read(MAX_NOTE_BYTES + 1)
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise VerificationError("the service's checkpoint is not UTF-8 text") from error

    def _lines(self) -> Iterator[bytes]:
        start = 0
        while start < self._facts.stop:
            stop = min(start + PAGE_ENTRIES, self._facts.stop)
            count = 0
            for line in self._page(start, stop):
                count += 1
                yield line
            if not count:
                raise VerificationError(f"the service gives no records from log index {start} on")
            start += count

    def _page(self, start: int, stop: int) -> Iterator[bytes]:
        with self._get(f"/api/v1/records?from={start}&to={stop}") as response:
            while line := response.readline(MAX_LINE_BYTES + 1):
                if not line.endswith(b"\n"):
                    raise VerificationError("a line of the record stream was cut, or is too long")
                yield line[:-1]

    @contextmanager
    def _get(self, path: str) -> Iterator[http.client.HTTPResponse]:
        with self._request(path) as response:
            _require_ok(response, path)
            yield response

    @contextmanager
    def _request(self, path: str) -> Iterator[http.client.HTTPResponse]:
        try:
            self._connection.request("GET", self._path + path, headers=self._headers)
            yield self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            asked = _ASKED if isinstance(error, ssl.SSLError | ConnectionResetError) else ""
            raise VerificationError(f"the service cannot be read: {error}{asked}") from error


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    """Return a connection that is not made yet. Raises VerificationError for certificates that cannot be used."""
    host = str(parts.hostname)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
    try:
        context = trusted()
    except ShipError as error:
        raise VerificationError(str(error)) from error
    return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=context)


def _require_ok(response: http.client.HTTPResponse, path: str) -> None:
    if response.status != http.client.OK:
        raise VerificationError(
            f"the service answers {response.status} to {path}: expected 200; "
            "is the API key one that may read?"
        )
