"""Which blobs records name, and the sweep of those that none does, with what cut-short writes left behind.

A blob is kept before the record that names it. So it is an orphan only where nobody sent it for ORPHAN_AGE_S and
no disclosure of any record holds its digest: a record that was never written, or one whose disclosure was erased.
"""

from dataclasses import dataclass
from typing import Final

from tallystick_store.blobs import BlobFiles
from tallystick_store.engine.duckdb import Database, Reader

ORPHAN_AGE_S: Final = 30 * 24 * 3600
"""An emitter sends a blob within the hour before its record, and anew where the record waits for longer."""
LEFTOVER_AGE_S: Final = 3600
"""Longer than any write takes."""
_NAMED: Final = """
    SELECT DISTINCT unnest(regexp_extract_all(disclosures, 'sha256:([0-9a-f]{64})', 1))
    FROM (SELECT disclosures FROM events UNION ALL SELECT line AS disclosures FROM late_disclosures)
    WHERE contains(disclosures, '.blob","')
"""
"""Every digest in the disclosures of records that name a blob, wherever it stands: one too many does no harm."""


_NAMES: Final = """
    SELECT 1 FROM (SELECT disclosures FROM events UNION ALL SELECT line AS disclosures FROM late_disclosures)
    WHERE contains(disclosures, '.blob","') AND contains(disclosures, 'sha256:' || ?) LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Swept:
    """How many files were removed."""

    orphans: int
    leftovers: int


def is_named(reader: Reader, sha256: str) -> bool:
    """Whether a record that a reader sees names a blob; looks at every row."""
    return bool(reader.rows(_NAMES, [sha256]))


def sweep_blobs(blobs: BlobFiles, database: Database, now_us: int) -> Swept:
    """Remove what is left over and old enough; the database is asked only where a blob is.

    Reads every row of events then. Raises StoreError and OSError, and what was not removed stays.
    """
    now_s = now_us / 1_000_000
    leftovers = blobs.remove_leftovers(now_s - LEFTOVER_AGE_S)
    orphaned_s = now_s - ORPHAN_AGE_S
    old = set(blobs.untouched_since(orphaned_s))
    if old:
        old.difference_update(name for (name,) in database.rows(_NAMED))
    return Swept(sum(blobs.remove_untouched(one, orphaned_s) for one in old), leftovers)
