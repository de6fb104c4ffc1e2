"""Evidence packages and reports."""

from typing import Final

from tests.requirements.requirement import Requirement

EXPORT: Final = {
    "export.law-is-data": Requirement(
        "Regulation (EU) 2026/1744",
        "Provisions, their dates and the checks come from one file pinned to a CELEX number.",
    ),
    "export.card": Requirement(
        "AI Act articles 11 and 26",
        "A system card is strict data; errors name line and field; an empty one leaves checks open.",
    ),
    "export.no-verdict-from-counts": Requirement(
        "AI Act article 99(5)",
        "Nothing supports that records cannot show; no activity is never a pass; there is no score.",
    ),
    "export.gate": Requirement(
        "promise: a pass needs every layer",
        "While INT-1, INT-2 or INT-3 does not hold, no check says more than does_not_support.",
    ),
    "export.numbers-are-queries": Requirement(
        "AI Act article 21",
        "Each number of a report is a query that runs over the package and gives the printed hash.",
    ),
    "export.verifiable": Requirement(
        "AI Act article 21",
        "The manifest covers every file of a report; a changed one is named.",
    ),
    "export.inert": Requirement(
        "promise: hostile text is inert and readable",
        "No text of an agent or operator acts, hides or reverses in HTML or CSV of a report.",
    ),
    "export.jobs": Requirement(
        "DORA RTS 2024/1774 article 12",
        "Exports run one at a time, are on record, and leave no file behind after a day or a restart.",
    ),
}
