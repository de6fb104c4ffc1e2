"""Masking: personal data and secrets are found and replaced before anything is written anywhere.

`Masker.mask` takes any Python object and gives a JSON value with markers in place of what was found,
and a ledger of how often. It never raises; what it cannot mask, it withholds.
"""

from tallystick.masking.engine import Masked, Masker
from tallystick.masking.mode import Mode
from tallystick.masking.policy import MaskPolicy, default_policy
from tallystick.masking.sitting import Sitting

__all__ = ["MaskPolicy", "Masked", "Masker", "Mode", "Sitting", "default_policy"]
