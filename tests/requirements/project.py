"""The repository itself."""

from typing import Final

from tests.requirements.requirement import Requirement

PROJECT: Final = {
    "project.layers": Requirement(
        "promise: imports run one way",
        "No package imports one above it; database and screens stay in their rooms.",
    ),
    "project.locks": Requirement(
        "promise: exact versions, checked hashes",
        "Every locked package has hashes, and no lock names an index.",
    ),
}
