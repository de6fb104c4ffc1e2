"""Who may do what."""

from dataclasses import dataclass
from typing import Final

from tallystick_ingest.settings.setting import Setting


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """SETTINGS says what each means."""


SETTINGS: Final[tuple[Setting, ...]] = ()
