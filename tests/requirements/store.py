"""What the service admits and keeps."""

from typing import Final

from tests.requirements.requirement import Requirement

STORE: Final = {
    "store.blob-sweep": Requirement(
        "our promise",
        "A blob that no record names is removed after 30 days, an unfinished file after an hour; one that a record"
        " names, or that was sent again, stays.",
    ),
    "admit.forged-refused": Requirement(
        "promise: every forgery is named",
        "An unknown key, a forged seal or a wrong root is refused, with a reason, and recorded.",
    ),
    "admit.duplicate-and-conflict": Requirement(
        "OTLP 1.11, retries; RFC 9162 section 11.3",
        "The same line 1 again is a duplicate; another line 1 at the same place is kept and is an"
        " alarm.",
    ),
    "store.append-only": Requirement(
        "AI Act article 19(1)",
        "A stored event is never updated, and survives kill -9 of the service after its 200.",
    ),
    "store.archive": Requirement(
        "promise: the database can be lost",
        "Archive and journal give every row and the same tree again; no erasable value stands in the archive"
        " in clear.",
    ),
    "store.columns-follow-statements": Requirement(
        "promise: every column is a function of signed bytes",
        "Recomputing any column of any row from its statement gives the stored value.",
    ),
    "store.private": Requirement(
        "our promise",
        "Whatever the umask, data directory, backups and snapshots are for the user of the service alone; a data"
        " directory that is open to others is closed, or refused where it holds other things.",
    ),
    "store.format": Requirement(
        "promise: schema migrations",
        "A database of a newer or older version is left as it is, with what to do; an older one is made anew from the"
        " archive beside it, held against the newest checkpoint, and the old file is kept.",
    ),
}
