"""The format of the database: which one this version knows, and what becomes of a file of another one.

The database follows from archive and journal (docs/adr/0022). So no statement ever changes an old file: the
database is made anew beside it, held against the newest checkpoint, and put in its place; the old file stays
(archive/database.py, `tallystick rebuild`). A file of a newer version is left alone.
"""

from typing import Final

from tallystick.errors import StoreError
from tallystick_store.schema import SCHEMA_VERSION

KNOWN: Final = int(SCHEMA_VERSION)
"""Whole numbers from 1; each change of a released format takes the next one."""
MAX_CHARS: Final = 9


class FormatError(StoreError):
    """The file is of another version's format."""


def require_format(found: str) -> None:
    """Raise FormatError, which says what to do, unless `found` is the format that this version writes."""
    if not (found.isascii() and found.isdecimal() and len(found) <= MAX_CHARS):
        raise FormatError(
            f"the database states no format: expected a whole number, got {found[:32]!r}; "
            "`tallystick rebuild` makes it anew from the archive"
        )
    if int(found) > KNOWN:
        raise FormatError(
            f"the database was written by a newer version: format {found}, and this version knows {KNOWN}; "
            "install that version again, or restore a backup from before; nothing was changed"
        )
    if int(found) < KNOWN:
        raise FormatError(
            f"the database was written by an older version: format {found}, and this version writes {KNOWN}; "
            "run `tallystick rebuild`, which makes it anew from the archive and keeps the old file"
        )
