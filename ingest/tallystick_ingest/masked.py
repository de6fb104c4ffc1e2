"""What others sent, masked: as it goes to admission."""

from dataclasses import dataclass

from tallystick_ingest.prepared import Prepared
from tallystick_store.rows import SpanRow


@dataclass(frozen=True, slots=True)
class MaskedLog:
    """One foreign log record, masked."""

    digest: str
    """What tells a repetition: the keyed digest of all that the record said."""
    derived: Prepared


@dataclass(frozen=True, slots=True)
class MaskedSpan:
    """One foreign span, masked, and the event that it amounts to, if any."""

    row: SpanRow
    derived: Prepared | None
