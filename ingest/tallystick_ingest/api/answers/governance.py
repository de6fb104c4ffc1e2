"""Answers about what goes and what is kept elsewhere: erasures and backups."""

from tallystick_ingest.api.answers.form import Answer, Count, Index, Microseconds
from tallystick_ingest.api.answers.retention import DoneShape, WordsShape
from tallystick_ingest.standing import RequestStanding


class ErasureCount(Answer):
    """What an erasure would take. Nothing of it is asked for yet."""

    filter: dict[str, str]
    digest: str
    """SHA-256, hex, of exactly what would go."""
    entries: Count
    """Entries of the log that are touched."""
    events: Count
    spans: Count
    blobs: Count


class ErasureRequest(Answer):
    """One request and where it stands."""

    id: str
    state: RequestStanding
    filter: dict[str, str]
    digest: str
    """What a second person confirms."""
    entries: Count
    requested_by: str
    requested_index: Index
    expires_us: Microseconds
    confirmed_by: str | None
    confirmed_index: Index | None
    done: DoneShape | None
    """Null until it is carried out."""
    asked: WordsShape | None
    confirmed: WordsShape | None
    withdrawn: WordsShape | None


class ErasureList(Answer):
    """Every request, oldest first."""

    erasures: list[ErasureRequest]
    failure: str | None
    """Why one is not carried out for now; it is tried again every minute."""


class BackupMade(Answer):
    """Where a backup stands, and what is in it."""

    directory: str
    entries: Count
    blobs_left: Count
    """Large values that no record names yet: they are not in it."""
