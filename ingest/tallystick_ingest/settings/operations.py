"""What whoever runs the service sees of it."""

from dataclasses import dataclass
from typing import Final

from tallystick_ingest.settings.setting import Setting, one_of


@dataclass(frozen=True, slots=True)
class OperationsSettings:
    """SETTINGS says what each means."""

    metrics: str


SETTINGS: Final = (
    Setting(
        "metrics",
        one_of("off", "local", "key"),
        "key",
        "Who may read /metrics: off, nobody; local, whoever asks from this machine, but not through a proxy; "
        "key, who has the scope metrics.",
    ),
)
