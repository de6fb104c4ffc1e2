"""What whoever runs the service can rely on."""

from typing import Final

from tests.requirements.requirement import Requirement

OPERATIONS: Final = {
    "operations.settings": Requirement(
        "promise: config by file and environment with clear errors",
        "An option wins over the environment, that over the file, that over the default; what does not fit is refused"
        " with file and key, and what is in force can be printed as a file that gives the same.",
    ),
    "operations.readiness": Requirement(
        "promise: health and readiness",
        "`/readyz` says whether records are taken, and which of journal, database, log and disk is not as it should be,"
        " without a reason's text; a log that was restored to be read is never ready.",
    ),
    "operations.logs": Requirement(
        "promise: no secret, token or unmasked value in a log line",
        "A log line is one line of text or JSON, masked, and holds nothing that a request brought: no path, query,"
        " header or body, nor what an exception says.",
    ),
    "operations.packaging": Requirement(
        "promise: a systemd unit and a container file",
        "systemd finds no fault in the unit and calls it little exposed, is told when the service is ready and when it"
        " stops; `tallystick health` says in its exit code what `/readyz` says.",
    ),
    "operations.separate": Requirement(
        "promise: one process and separate ones",
        "The dashboard runs alone beside a service that starts none, and a proxy before both is believed only where a"
        " setting names it.",
    ),
    "operations.metrics": Requirement(
        "promise: metrics hold nothing of a record",
        "`/metrics` is for those who may read it, counts what came and what became of it, and no label holds what a"
        " sender chose.",
    ),
}
