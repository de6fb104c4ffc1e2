"""The signed checkpoints of one tenant log: the key that signs, and the table that keeps them all."""

from collections.abc import Iterator
from dataclasses import dataclass

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import NoteSign, VerifierKey
from tallystick_store.engine.duckdb import Database
from tallystick_store.schema import CHECKPOINTS, row_batch


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The log's key: its origin is the key's name. The private half stays behind `sign`."""

    origin: str
    public_key: bytes
    sign: NoteSign

    @property
    def key(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.origin, self.public_key)

    def signed(self, checkpoint: Checkpoint) -> str:
        """Return the signed note of a checkpoint; about 50 µs."""
        return sign_checkpoint(checkpoint, self.sign, self.public_key)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with the exact note that says so."""

    checkpoint: Checkpoint
    note: str

    @property
    def size(self) -> int:
        """The tree size that was signed."""
        return self.checkpoint.size


class CheckpointLog:
    """The table `checkpoints`."""

    def __init__(self, database: Database, key: VerifierKey) -> None:
        self._database = database
        self._key = key
        self._verify = load_verify()

    def open(self, note: str) -> SignedCheckpoint:
        """Check a note against the log's key; raise VerificationError when it is not the log's."""
        checkpoint = open_checkpoint(note, [self._key], self._verify)
        if checkpoint.origin != self._key.name:
            raise VerificationError(
                f"the checkpoint is of another log: expected {self._key.name}, "
                f"got {checkpoint.origin}"
            )
        return SignedCheckpoint(checkpoint, note)

    def keep(self, signed: SignedCheckpoint) -> None:
        """Store one checkpoint durably. Raises StoreError."""
        row = (signed.size, signed.checkpoint.root, signed.note)
        self._database.insert({CHECKPOINTS.name: row_batch(CHECKPOINTS, [row])})

    def newest(self) -> SignedCheckpoint | None:
        """Return the largest stored checkpoint, None when none is stored.

        Raises VerificationError when its note does not hold.
        """
        rows = self._database.rows("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
        return self.open(rows[0][0] or "") if rows else None

    def holds(self, note: str) -> bool:
        """Whether exactly this note is stored."""
        return bool(self._database.rows("SELECT 1 FROM checkpoints WHERE note = ? LIMIT 1", [note]))

    def notes(self, above: int, up_to: int) -> Iterator[str]:
        """Yield the notes with a size in (above, up_to], smallest first."""
        sql = "SELECT note FROM checkpoints WHERE size > ? AND size <= ? ORDER BY size"
        yield from (str(note) for (note,) in self._database.rows(sql, (above, up_to)))
