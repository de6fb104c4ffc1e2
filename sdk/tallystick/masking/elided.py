"""Values that an error message shows in part: nobody can tell what they were, so they are withheld.

pydantic names the input that it refuses with its middle left out. What is left of a card number or of
`password=...` is recognised by no detector, and gives half of it away.
"""

import re
from collections.abc import Iterator
from typing import Final

from tallystick.masking import kinds
from tallystick.masking.hits import Hit
from tallystick.masking.subject import Subject

_INPUT: Final = re.compile(r"\binput_value=((?s:.){1,512}?), input_type=")
"""pydantic-core shows 50 characters; escapes may stand before many of them."""
_GAPS: Final = ("...", "\u2026")


def find_elided(subject: Subject) -> Iterator[Hit]:
    """Find the inputs that pydantic's errors show with something left out."""
    if "input_value=" not in subject.text:
        return
    for shown in _INPUT.finditer(subject.text):
        if any(gap in shown[1] for gap in _GAPS):
            yield Hit(*shown.span(1), kinds.WITHHELD)
