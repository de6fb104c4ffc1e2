"""What an erasure means: which values a person, a session, a trace or one record has in the store.

A person's values are those of the records that name them, and, in the traces where they acted, the spans and the
records that name nobody: those tell of the same calls. Whoever logs in here, by an account or at the issuer, is
named by the service's own records of what they did; the id that these state is the account's, or begins as the
pseudonym does. Decisions of the log itself (`log.*`, `access.delete`) keep
their reasons.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from tallystick.errors import AdmissionError
from tallystick.verify.erased import Erased
from tallystick_store.archive.split import subject_of
from tallystick_store.archive.subject_keys import Subject
from tallystick_store.engine.duckdb import Database, Row

FILTERS: Final = ("principal", "session", "trace", "log_index")
"""What an erasure is asked for by: exactly one of these."""
BELOW: Final = "below"
"""Beside it in a request: the size of the log when it was asked, behind which nothing goes."""

ISSUED_CHARS: Final = 16
"""So much of the pseudonym of somebody whom the issuer vouches for stands in the id that they have here."""
_STAYS: Final = "type NOT LIKE 'log.%' AND type != 'access.delete'"
_TRACES: Final = "SELECT trace_id FROM events WHERE principal_ref = $1 AND trace_id IS NOT NULL AND log_index < $2"
_OWN: Final = f"sender = 'service' AND client_id IN ($1, 'oidc-' || left($1, {ISSUED_CHARS}))"
_EVENTS: Final = {
    "principal": f"principal_ref = $1 OR ({_OWN}) OR (principal_ref IS NULL AND trace_id IN ({_TRACES}))",
    "session": "session = $1",
    "trace": "trace_id = $1",
    "log_index": "log_index = CAST($1 AS BIGINT)",
}
_SPANS: Final = {
    "principal": f"trace_id IN ({_TRACES})",
    "session": "(trace_id, span_id) IN (SELECT (trace_id, span_id) FROM events WHERE session = $1)",
    "trace": "trace_id = $1",
    "log_index": "log_index = CAST($1 AS BIGINT)",
}
_BLOBS: Final = """
    SELECT DISTINCT unnest(regexp_extract_all(line, 'sha256:([0-9a-f]{64})', 1))
    FROM (SELECT log_index, disclosures AS line FROM events UNION ALL FROM late_disclosures)
    WHERE contains(line, '.blob","') AND log_index IN (SELECT unnest($1))
"""
_OF_SUBJECTS: Final = """
    SELECT log_index, principal_ref, session, origin, trace_id FROM events
    WHERE log_index IN (SELECT unnest($1))
"""
_LIVING: Final = """
    SELECT log_index, principal_ref, session, origin, trace_id FROM events
    WHERE (disclosures IS NOT NULL OR log_index IN (SELECT log_index FROM late_disclosures))
    AND coalesce(principal_ref, '') = $1
    AND (session = $2 OR (origin = 'derived' AND trace_id = $2))
"""
_LIVING_SPANS: Final = """
    SELECT log_index, position FROM spans WHERE record IS NOT NULL AND trace_id = $1
"""


def select_values(database: Database, wanted: Mapping[str, str]) -> Erased:
    """Return the places of the values that a request means. Raises AdmissionError for a filter that is none."""
    kind, value, below = _read(wanted)
    events = database.rows(
        f"SELECT log_index FROM events WHERE ({_EVENTS[kind]}) AND {_STAYS} AND log_index < $2",  # noqa: S608 - own words
        [value, below],
    )
    spans = database.rows(
        f"SELECT log_index, position FROM spans WHERE ({_SPANS[kind]}) AND log_index < $2",  # noqa: S608 - own words
        [value, below],
    )
    return Erased((index for (index,) in events), ((row[0], row[1]) for row in spans))


def named_blobs(database: Database, erased: Erased) -> tuple[str, ...]:
    """Return the digests of the blobs that the values of these events name, sorted."""
    rows = database.rows(_BLOBS, [list(erased.events())])
    return tuple(sorted(str(name) for (name,) in rows))


def subjects_of(
    database: Database, erased: Erased
) -> tuple[frozenset[Subject], frozenset[Subject]]:
    """Return the subjects of these values: those of which nothing else is left, and the others."""
    rows = database.rows_at_once(_OF_SUBJECTS, [list(erased.events())])
    found = {subject_of(*row[1:]) for row in rows}
    traces = database.rows_at_once(
        "SELECT DISTINCT trace_id FROM spans WHERE log_index IN (SELECT unnest($1))",
        [sorted({index for index, _ in erased.spans()})],
    )
    found |= {Subject("", str(trace)) for (trace,) in traces}
    living = frozenset(one for one in found if _lives(database, one, erased))
    return frozenset(found) - living, living


def _lives(database: Database, subject: Subject, erased: Erased) -> bool:
    """Whether a subject has a value that stays."""
    events = database.rows_at_once(_LIVING, list(subject))
    if any(_is_of(row, subject) and not erased.covers(row[0]) for row in events):
        return True
    if subject.principal:
        return False
    spans = database.rows_at_once(_LIVING_SPANS, [subject.context])
    return any(not erased.covers_span(*place) for place in spans)


def _is_of(row: Row, subject: Subject) -> bool:
    return subject_of(*row[1:]) == subject


def _read(wanted: Mapping[str, str]) -> tuple[str, str, int]:
    kinds = [name for name in wanted if name != BELOW]
    if len(kinds) != 1 or kinds[0] not in FILTERS:
        raise AdmissionError(f"an erasure is asked for by one of {', '.join(FILTERS)}")
    kind, value, below = kinds[0], wanted[kinds[0]], wanted.get(BELOW, "")
    if not _is_number(below) or (kind == "log_index" and not _is_number(value)):
        raise AdmissionError("log indexes are decimal numbers")
    return kind, value, int(below)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 16  # noqa: PLR2004 - 2^53 has 16 digits


def still_named(database: Database, blobs: Iterable[str]) -> frozenset[str]:
    """Return those of some blobs that a record names still."""
    found = database.rows(
        "SELECT DISTINCT unnest(regexp_extract_all(line, 'sha256:([0-9a-f]{64})', 1))"
        " FROM (SELECT disclosures AS line FROM events UNION ALL SELECT line FROM late_disclosures)"
        " WHERE contains(line, '.blob\",\"')"
    )
    return frozenset(blobs) & {str(name) for (name,) in found}
