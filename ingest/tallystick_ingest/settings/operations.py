"""What whoever runs the service sees of it."""

from dataclasses import dataclass
from typing import Final

from tallystick_ingest.settings.setting import Setting


@dataclass(frozen=True, slots=True)
class OperationsSettings:
    """SETTINGS says what each means."""


SETTINGS: Final[tuple[Setting, ...]] = ()
