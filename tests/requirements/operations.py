"""What whoever runs the service can rely on."""

from typing import Final

from tests.requirements.requirement import Requirement

OPERATIONS: Final = {
    "operations.settings": Requirement(
        "promise: config by file and environment with clear errors",
        "An option wins over the environment, that over the file, that over the default; what does not fit is refused"
        " with file and key, and what is in force can be printed as a file that gives the same.",
    ),
}
