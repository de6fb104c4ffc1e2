"""The pieces of a package: some entries, and the lines of the other files that belong to them.

The lines are cut apart without being parsed, and travel to the process that parses them as one bytes
object a file: a million small objects would cost more to hand over than to read.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from tallystick.errors import VerificationError
from tallystick.verify.finding import Findings, Place
from tallystick.verify.lines import (
    parse_deleted_line,
    parse_event_line,
    parse_seal_line,
    parse_spans_line,
)
from tallystick.verify.source import Rows

PIECE_ENTRIES: Final = 2048
PIECE_BYTES: Final = 16 * 1024**2
"""A piece is handed on when it holds so many entries, or so many bytes of content."""
STEP_ENTRIES: Final = 16
"""Entries that are read at once: of the largest records, half a gigabyte."""

_LOG_INDEX_FIRST: Final = b'{"log_index":'
_LOG_INDEX_LATER: Final = b'],"log_index":'
_DELETED_FIRST: Final = b'{"authorised_by":'
_LOG_INDEX_DELETED: Final = b'","log_index":'
"""What stands before the log index of a line; a quote inside a text would follow a backslash."""
_MAX_DIGITS: Final = 17
"""Digits of 2^53, and a comma."""

LineContent = TypeVar("LineContent")


@dataclass(frozen=True, slots=True)
class PackagePiece:
    """Some lines of a package, each with its line feed, read where the work is done."""

    start: int
    stop: int
    entries: bytes
    contents: Mapping[str, bytes]
    """Lines of events.ndjson, seals.ndjson, spans.ndjson and deleted.ndjson, by name without the ending."""

    def read(self) -> Rows:
        """Parse the lines; a line that is not in its one form is a fault of step 1."""
        findings = Findings()
        return Rows(
            entries=list(self.entries.split(b"\n")[:-1]),
            events=list(self._parsed("events", parse_event_line, findings)),
            seals=list(self._parsed("seals", parse_seal_line, findings)),
            spans=list(self._parsed("spans", parse_spans_line, findings)),
            deleted=list(self._parsed("deleted", parse_deleted_line, findings)),
            findings=findings,
        )

    def _parsed(
        self, name: str, parse: Callable[[bytes], LineContent], findings: Findings
    ) -> Iterator[LineContent]:
        for line in self.contents.get(name, b"").split(b"\n")[:-1]:
            try:
                yield parse(line)
            except VerificationError as error:
                place = Place(file=f"{name}.ndjson")
                findings.fault(1, f"{error}, in the line that begins {line[:40]!r}", place)


class LineQueue:
    """The lines of one content file, handed out by log index."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._next: bytes | None = None
        self._log_index = -1
        self._advance()

    def take(self, log_index: int) -> list[bytes]:
        """Return the next lines up to `log_index`, and those that do not say where they belong."""
        taken: list[bytes] = []
        while self._next is not None and self._log_index <= log_index:
            taken.append(self._next)
            self._advance()
        return taken

    def drain(self) -> int:
        """Read the rest and return how many lines it has."""
        rest = sum(1 for _ in self._lines)
        return rest + (self._next is not None)

    def _advance(self) -> None:
        self._next = next(self._lines, None)
        self._log_index = _line_log_index(self._next) if self._next is not None else -1


def cut_pieces(
    entries: Iterator[bytes], contents: Mapping[str, LineQueue], start: int
) -> Iterator[PackagePiece]:
    """Yield the entries from log index `start` on, with the lines that belong to them."""
    taken: dict[str, list[bytes]] = {name: [] for name in contents}
    lines: list[bytes] = []
    size = 0
    while step := list(islice(entries, STEP_ENTRIES)):
        lines += step
        for name, queue in contents.items():
            more = queue.take(start + len(lines) - 1)
            size += sum(map(len, more))
            taken[name] += more
        if len(lines) >= PIECE_ENTRIES or size >= PIECE_BYTES:
            yield _piece(start, lines, taken)
            start, lines, size = start + len(lines), [], 0
            taken = {name: [] for name in contents}
    if lines:
        yield _piece(start, lines, taken)


def _piece(start: int, lines: list[bytes], taken: Mapping[str, list[bytes]]) -> PackagePiece:
    contents = {name: _joined(some) for name, some in taken.items()}
    return PackagePiece(start, start + len(lines), _joined(lines), contents)


def _joined(lines: list[bytes]) -> bytes:
    return b"\n".join([*lines, b""])


def _line_log_index(line: bytes) -> int:
    """Return where a line says that it belongs, -1 where that cannot be read in passing."""
    before = _LOG_INDEX_FIRST if line.startswith(_LOG_INDEX_FIRST) else _LOG_INDEX_LATER
    if line.startswith(_DELETED_FIRST):
        before = _LOG_INDEX_DELETED
    start = line.find(before) + len(before)
    digits = line[start : start + _MAX_DIGITS].partition(b",")[0]
    return int(digits) if digits.isdigit() else -1
