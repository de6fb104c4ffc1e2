"""The ledger of erasures: a file beside the database that says which values must never come back.

    DIR/erasures.ndjson     one line for each erasure, and one when it was carried out; only ever appended, synced

The log says the same in its own records (`access.delete`), but a backup holds the log as it was: the ledger is kept
outside of backups too, so that a restore takes out again what was erased since.
"""

import itertools
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from tallystick.errors import StoreError, VerificationError
from tallystick.private_file import sync_directory
from tallystick.verify.erased import Erased, parse_erased

LEDGER_NAME: Final = "erasures.ndjson"

_NOTHING: Final = Erased()
_ENTRY_KEYS: Final = {"request": str, "log_index": int, "values": str, "blobs": list}


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure that was decided."""

    request: str
    """Id of the request that two people stand behind."""
    log_index: int
    """Where the log says so."""
    values: str
    """What went, as `Erased.text` prints it."""
    blobs: tuple[str, ...] = ()
    """SHA-256, hex, of the large values that these records named."""

    @property
    def erased(self) -> Erased:
        """The places."""
        return parse_erased(self.values)


class ErasureLedger:
    """The file; one thread writes at a time."""

    def __init__(self, path: Path) -> None:
        """Read the file, if there is one. A line that was cut short is dropped: nobody was told of it.

        Raises StoreError for anything else that is no line of ours.
        """
        self.path = path
        self._entries: dict[str, Erasure] = {}
        self._sets: dict[str, Erased] = {}
        self._done: set[str] = set()
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        whole, end, _ = content.rpartition(b"\n")
        for number, line in enumerate(filter(None, whole.split(b"\n")), 1):
            self._take(line, number)
        self._size = len(whole) + len(end)
        """Bytes of the lines that count: what stands behind them was cut short."""
        each = self._sets.values()
        self.erased = Erased(
            itertools.chain.from_iterable(one.events() for one in each),
            itertools.chain.from_iterable(one.spans() for one in each),
        )
        """Everything that was erased, or has to be."""

    @property
    def entries(self) -> tuple[Erasure, ...]:
        """Every erasure, in the order in which they were decided."""
        return tuple(self._entries.values())

    @property
    def unfinished(self) -> tuple[Erasure, ...]:
        """The erasures that are not carried out to the end."""
        return tuple(one for one in self._entries.values() if one.request not in self._done)

    def __contains__(self, request: object) -> bool:
        """Whether the erasure of this request is in the ledger."""
        return request in self._entries

    def taken_by(self, request: str) -> Erased:
        """Return what the erasure of a request took; nothing for one that is not in the ledger."""
        return self._sets.get(request, _NOTHING)

    def erasure_of(self, log_index: int) -> Erasure | None:
        """Return the first erasure that took the values of an event; None where none did."""
        return self._first(self.erased.covers(log_index), lambda one: one.covers(log_index))

    def erasure_of_span(self, log_index: int, position: int) -> Erasure | None:
        """Return the first erasure that took a span record; None where none did."""
        is_gone = self.erased.covers_span(log_index, position)
        return self._first(is_gone, lambda one: one.covers_span(log_index, position))

    def _first(self, is_any: bool, covers: Callable[[Erased], bool]) -> Erasure | None:
        sets = list(self._sets.items()) if is_any else []
        return next((self._entries[request] for request, one in sets if covers(one)), None)

    def add(self, erasure: Erasure) -> None:
        """Write an erasure down, durably; once only. Raises StoreError."""
        if erasure.request in self._entries:
            return
        self._append(asdict(erasure))
        self._entries[erasure.request] = erasure
        self._sets[erasure.request] = erasure.erased
        self.erased |= self._sets[erasure.request]

    def finish(self, request: str) -> None:
        """Write down that an erasure was carried out. Raises StoreError."""
        if request not in self._done:
            self._append({"done": request})
            self._done.add(request)

    def begin_again(self, erasures: Iterable[Erasure]) -> None:
        """Take over the erasures of another ledger, to be carried out here. Raises StoreError."""
        for one in erasures:
            self.add(one)

    def _append(self, value: Mapping[str, object]) -> None:
        line = orjson.dumps(value) + b"\n"
        try:
            is_new = not self.path.exists()
            fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with open(fd, "ab") as file:  # noqa: PTH123 - a descriptor
                if file.tell() < self._size:
                    raise StoreError(f"{self.path} is shorter than it was: restore it from a copy")
                file.truncate(self._size)
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_directory(self.path.parent)
            self._size += len(line)
        except OSError as error:
            raise StoreError(f"{self.path} cannot be written: {error.strerror or error}") from error

    def _take(self, line: bytes, number: int) -> None:
        try:
            value = orjson.loads(line)
            if value.keys() == {"done"}:
                self._done.add(value["done"])
                return
            if {key: type(one) for key, one in value.items()} != _ENTRY_KEYS:
                raise ValueError("other keys")  # noqa: TRY301 - said once below
            entry = Erasure(**{**value, "blobs": tuple(value["blobs"])})
            self._sets[entry.request] = parse_erased(entry.values)
        except (ValueError, AttributeError, TypeError, VerificationError) as error:
            raise StoreError(
                f"{self.path}: line {number} is none of the ledger's ({error}); restore it from a copy"
            ) from error
        self._entries[entry.request] = entry
