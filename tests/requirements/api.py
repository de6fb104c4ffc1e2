"""What the query API owes to those who ask it."""

from typing import Final

from tests.requirements.requirement import Requirement

API: Final[dict[str, Requirement]] = {
    "api.described": Requirement(
        "OpenAPI 3.1",
        "docs/openapi.json is what the routes say, and each answer of the integration tests is as described.",
    ),
    "api.whole-or-said": Requirement(
        "Tallystick", "An answer that is shorter than what was asked for says so: incomplete."
    ),
    "api.arrow": Requirement(
        "Apache Arrow IPC",
        "Each list is an Arrow stream for whoever accepts that, with the columns of the JSON.",
    ),
    "api.cursor": Requirement(
        "Tallystick",
        "A cursor holds for the question that gave it, and pages are whole while records arrive.",
    ),
}
