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
    "retention.hold": Requirement(
        "our promise; check EUAIA-19-4",
        "A record on hold stays, also one that comes later; a hold ends by another person or an administrator.",
    ),
}
