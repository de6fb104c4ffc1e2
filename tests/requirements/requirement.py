"""One obligation, and the mark of the tests that hold it."""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Requirement:
    """One obligation."""

    source: str
    """Article, RFC section, specification or promise of ours that asks for it."""

    behaviour: str
    """What the product does, as a sentence that a test can refute."""

    untested_reason: str | None = None
    """Why no test holds it; None when one does."""


def requirement(*ids: str) -> pytest.MarkDecorator:
    """Mark a test, a class or a module (`pytestmark`) with the requirements it holds."""
    return pytest.mark.requirement(*ids)
