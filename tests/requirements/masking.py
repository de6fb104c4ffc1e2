"""Masking, before anything is written."""

from typing import Final

from tests.requirements.requirement import Requirement

MASKING: Final = {
    "mask.before-writing": Requirement(
        "GDPR article 25",
        "No canary byte of personal data or secrets reaches spool, store, tiles, logs or package.",
    ),
    "mask.fails-closed": Requirement(
        "promise: cannot mask means withheld",
        "A value that cannot be masked is withheld, and the record says so.",
    ),
    "mask.either-form": Requirement(
        "promise: one engine",
        "Compiled or in Python, masking makes the same bytes of the same values.",
    ),
    "mask.detectors-validate": Requirement(
        "GDPR article 5(1)(c)",
        "E-mail, phone, UK national insurance number, card, IBAN, API keys and JWTs are found, also"
        " when written with other Unicode digits, and look-alikes that fail their check sum stay.",
    ),
    "mask.own-pipeline": Requirement(
        "promise: spans of a host's own OpenTelemetry pipeline are masked as records are",
        "Behind the masking exporter no text field of a span that leaves the process holds a canary; what"
        " cannot be masked is withheld and counted, and the host's own spans stay as they are.",
    ),
    "mask.ledger": Requirement(
        "AI Act article 19(1); GDPR article 5(2)",
        "Each record states the digest of the masking policy and the hits by type.",
    ),
}
