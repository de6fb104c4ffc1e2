"""What a package is made from: one tree size of one log, and look-ups by session.

A reader stands still: everything that it gives lies below `tree_size`, also while the store goes on
growing. `tests/builder.py` has one in memory; `store_reader.py` reads an open store.
"""

from collections.abc import Collection, Iterator
from typing import Protocol

from tallystick.verify.source import DeletedText, EventText, SealText, SpansText


class EvidenceReader(Protocol):
    """A log up to its newest checkpoint."""

    @property
    def checkpoint(self) -> str:
        """The signed note of the newest checkpoint."""

    @property
    def tree_size(self) -> int:
        """The size that it states."""

    @property
    def claimed_keys(self) -> str:
        """The service's own keys and those that it has enrolled, as lines of a trust policy."""

    def received_between(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return the log indexes [start, stop) that were received in [from_us, to_us)."""

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the exact entries of [start, stop)."""

    def stored_events(self, start: int, stop: int) -> Iterator[EventText]:
        """Yield the events of [start, stop), in order."""

    def stored_seals(self, start: int, stop: int) -> Iterator[SealText]:
        """Yield the seals of [start, stop), in order."""

    def stored_spans(self, start: int, stop: int) -> Iterator[SpansText]:
        """Yield the span batches of [start, stop), in order."""

    def deleted(self, start: int, stop: int) -> Iterator[DeletedText]:
        """Yield the tombstones of entries of [start, stop) whose content is gone, in order."""

    def deleted_of(self, session: str, first_seq: int, last_seq: int) -> list[DeletedText]:
        """Return the tombstones of a session's events with these sequence numbers, in log order."""

    def deletion_sets(self, authorised_by: Collection[int]) -> dict[int, list[int]]:
        """Return every entry that was deleted by these confirmations, in order."""

    def authority(self) -> list[EventText]:
        """Return the service's records that ask, confirm, hold and release, in log order."""

    def blob(self, sha256: str) -> bytes | None:
        """Return a blob that a disclosure names, None where it is missing."""

    def events(self, session: str, first_seq: int, last_seq: int) -> list[EventText]:
        """Return the events of a session with these sequence numbers, in log order."""

    def seals(self, session: str, first_seq: int, last_seq: int) -> list[SealText]:
        """Return the seals of a session that cover any of these leaves, in log order."""

    def recoveries(self, session: str) -> list[EventText]:
        """Return the `session.recovered` that adopt leaves of a session, in log order."""

    def checkpoints(self, above: int, up_to: int) -> Iterator[str]:
        """Yield the stored checkpoints with a size in (above, up_to], smallest first."""

    def inclusion_proof(self, log_index: int) -> list[bytes]:
        """Return the audit path of an entry in the tree of `tree_size`."""

    def consistency_proof(self, size: int) -> list[bytes]:
        """Return the proof that the tree of `tree_size` extends that of `size`, which is not 0."""

    def range_proof(self, start: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        """Return the hashes that complete [start, stop) to the tree of `tree_size`."""
