"""For how long records are kept, who may end that, and what remains as proof."""

from typing import Final

from tests.requirements.requirement import Requirement

RETENTION: Final = {
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
