"""For how long records are kept, who may end that, and what remains as proof."""

from typing import Final

from tests.requirements.requirement import Requirement

RETENTION: Final = {
    "retention.bytes-gone": Requirement(
        "our promise; GDPR article 17",
        "What was deleted stands in no file of the data directory any more.",
    ),
    "retention.calendar": Requirement(
        "AI Act articles 19(1), 26(6); Regulation 1182/71 article 3(2)(c)",
        "A duration is counted in calendar months and days, UTC, to the end of its last day; six months are"
        " never 180 days.",
    ),
    "retention.two-people": Requirement(
        "our promise; checks EUAIA-19-3, ACC-2",
        "What cannot be undone is asked for by one person and confirmed by another, for exactly what was"
        " asked and before it expires; records of the log say both, and one that breaks a rule has no effect.",
    ),
    "erasure.bytes": Requirement(
        "GDPR article 17",
        "The values of a person stand in no file of the data directory any more, compressed or not; those of"
        " others stay, and every proof holds.",
    ),
    "erasure.two-people": Requirement(
        "our promise",
        "Values are erased when one person asked and another confirmed exactly these; the verifier says by which"
        " record, and names what is missing without one.",
    ),
    "erasure.resumes": Requirement(
        "our promise",
        "An erasure that was killed at any step is carried out to the end, and nothing brings a value back.",
    ),
    "backup.restore": Requirement(
        "our promise",
        "A backup holds every record and no erasable value in clear; a restored one is the same log and goes on.",
    ),
    "backup.fork": Requirement(
        "DESIGN, a restored backup is a fork",
        "A log that went on after a backup does not go on from it.",
    ),
    "backup.erased": Requirement(
        "GDPR article 17",
        "What was erased after a backup does not come back by restoring it.",
    ),
    "retention.hold": Requirement(
        "our promise; check EUAIA-19-4",
        "A record on hold stays, also one that comes later; a hold ends by another person or an administrator.",
    ),
}
