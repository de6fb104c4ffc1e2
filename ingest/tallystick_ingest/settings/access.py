"""Who may do what, and how often."""

from dataclasses import dataclass
from typing import Final

from tallystick_ingest.settings.setting import Setting, whole

_RATE: Final = whole(0, 1_000_001)


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """SETTINGS says what each means."""

    max_requests_per_s: int
    max_questions_per_s: int


SETTINGS: Final = (
    Setting(
        "max_requests_per_s",
        _RATE,
        "0",
        "OTLP requests a second of one sender, above which further ones get 503; 0: any number.",
    ),
    Setting(
        "max_questions_per_s",
        _RATE,
        "100",
        "Requests a second of one caller to the query API, above which further ones get 429; 0: any number.",
    ),
)
