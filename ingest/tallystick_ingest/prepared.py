"""A prepared event: masked and complete but for its place in the session, which comes with the commit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tallystick.event import Statement

NATIVE: Final = "native"
DERIVED: Final = "derived"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything of a record that can be made outside the writer thread.

    `statement` lacks ``v``, ``n``, ``sd``, ``session`` and ``seq``. Nothing in it is unmasked.
    """

    statement: Statement
    disclosures: Mapping[str, str] = field(default_factory=dict)
