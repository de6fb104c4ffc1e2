"""What the query API owes to those who ask it."""

from typing import Final

from tests.requirements.requirement import Requirement

API: Final[dict[str, Requirement]] = {
    "api.described": Requirement(
        "OpenAPI 3.1",
        "docs/openapi.json is what the routes say, and each answer of the integration tests is as described.",
    ),
    "api.properties": Requirement(
        "Tallystick",
        "Generated requests, good and bad, never get a 500, an undescribed answer, or data without a credential.",
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
    "api.live": Requirement(
        "WHATWG HTML section 9.2",
        "A live tail gives each action once and in order, also across a break and a restart; it is bounded,"
        " and ends with its credential and with the service.",
    ),
    "api.sql": Requirement(
        "Promise: read-only SQL",
        "SQL sees what its caller may read and nothing else, within limits, and cannot harm the service.",
    ),
}
