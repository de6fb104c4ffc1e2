"""The records of two people in a store of their own, and what an archive still gives of them."""

from pathlib import Path

from tallystick_store.archive.archive import ARCHIVE_FOLDER, Archive
from tallystick_store.archive.subject_keys import SubjectKeys
from tallystick_store.governance import erasing
from tallystick_store.governance.erasing import carry_out
from tallystick_store.governance.ledger import Erasure
from tallystick_store.governance.subjects import named_blobs, select_values
from tests.erasable import Records
from tests.stores import ORIGIN, open_archived, subject_keys


class World(Records):
    """Those records in a store of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(open_archived(directory))
        self.is_closed = False

    def close(self) -> None:
        """Close the store, once."""
        if not self.is_closed:
            self.is_closed = True
            self.store.close()

    def erasure(self, **wanted: str) -> Erasure:
        found = select_values(self.store.database, {**wanted, "below": str(self.store.size)})
        blobs = named_blobs(self.store.database, found)
        return Erasure("1" * 32, self.store.size, found.text, blobs)

    def erase(self, **wanted: str) -> erasing.Outcome:
        return carry_out(self.store, self.erasure(**wanted))


def values_in_archive(directory: Path) -> str:
    """Return every value that the archive gives with the keys that are left."""
    archive = Archive(directory / ARCHIVE_FOLDER, ORIGIN, SubjectKeys(subject_keys(directory)))
    return repr(
        [t.to_pylist() for p in archive.parts for r in archive.read(p).tables for t in r.values()]
    )
