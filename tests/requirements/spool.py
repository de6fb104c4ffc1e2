"""From the record to the service: spool, recovery, seals, sessions."""

from typing import Final

from tests.requirements.requirement import Requirement

SPOOL: Final = {
    "spool.survives-kill": Requirement(
        "promise: nothing acknowledged is lost",
        "After SIGKILL at any moment, every record appended before it is read back whole.",
    ),
    "spool.forgets-what-a-200-covered": Requirement(
        "OTLP 1.11, response handling",
        "A record leaves the spool for a 200 that covers it; a rejected one is kept with its"
        " reason.",
    ),
    "spool.full-is-counted": Requirement(
        "promise: never silent",
        "A spool at its cap or unwritable follows `spool_full`, and what is given up is stated exactly,"
        " also when the process that gave it up is killed.",
    ),
    "spool.sync-never-lies": Requirement(
        "promise: nothing acknowledged is lost; fsyncgate",
        "After a failed fsync nothing is added to the session and no later sync claims what it held.",
    ),
    "recovery.no-window": Requirement(
        "promise: no false alarm",
        "The log gets a dead session's unsealed tail and the record that states it as recovered in"
        " one request, or neither.",
    ),
    "seal.every-record": Requirement(
        "promise: only sealed counts as signed",
        "Each record is sealed, recovered or unsealed; the verifier says which, and a missing seal"
        " is a failure.",
    ),
    "session.silence-is-a-gap": Requirement(
        "DORA RTS 2024/1774 article 12",
        "A session that ends without its closing leaf, and a hole in a sequence, are reported.",
    ),
}
