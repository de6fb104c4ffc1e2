"""How far what was confirmed is carried out, by tombstones, rows and the log's own word (`access.delete`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.verify.authority import AUTHORITY_SENDER
from tallystick.verify.erasures import ERASURE_TYPE
from tallystick_store.engine.duckdb import Reader

_STATED: Final = f"""
    WITH said AS (
        SELECT log_index, rx_us, TRY(json_extract_string(statement, '$."request.id"')) AS request,
               TRY(CAST(json_extract(statement, '$."access.rows"') AS BIGINT)) AS entries
        FROM events WHERE type = '{ERASURE_TYPE}' AND sender = ?
    )
    SELECT request, min(log_index), max(rx_us), coalesce(max(entries), 0) FROM said
    WHERE request IS NOT NULL GROUP BY request
"""  # noqa: S608 - own words


_PROGRESS: Final = """
    WITH buried AS (
        SELECT authorised_by, log_index FROM tombstones WHERE authorised_by IN (SELECT unnest($1))
    ),
    still AS (
        SELECT log_index FROM events UNION SELECT log_index FROM spans
        UNION SELECT log_index FROM late_disclosures
    )
    SELECT authorised_by, count(*), count(still.log_index)
    FROM buried LEFT JOIN still USING (log_index) GROUP BY authorised_by
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one deletion is."""

    buried: int = 0
    """Entries that have their tombstones."""
    left: int = 0
    """Those of them whose content is there still: it goes next, or a hold or an erasure keeps it."""


@dataclass(frozen=True, slots=True)
class Stated:
    """One request of which the log says that it was carried out."""

    log_index: int
    """The first record that says so: a long list of values takes several."""
    at_us: int
    """When it was said."""
    entries: int
    """Entries of the log that it touched."""


def stated_requests(database: Reader) -> dict[str, Stated]:
    """Return what the service's own records (`access.delete`) state, by the id of the request. Raises StoreError."""
    rows = database.rows(_STATED, [AUTHORITY_SENDER])
    return {str(request): Stated(*map(int, rest)) for request, *rest in rows}


def deletion_progress(database: Reader, confirmations: Sequence[int]) -> dict[int, Progress]:
    """Return how far the deletions are that these records confirm, by their log index; none for one with no tombstone.

    Looks at the log index of every row, as carrying out does. Raises StoreError.
    """
    rows = database.rows(_PROGRESS, [list(confirmations)]) if confirmations else []
    return {int(index): Progress(int(buried), int(left)) for index, buried, left in rows}
