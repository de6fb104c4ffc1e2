"""What the store does by itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick_ingest.settings.setting import PATH, Setting, whole


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """SETTINGS says what each means."""

    verify_every_s: int
    query_timeout_s: int
    retention_file: Path | None


SETTINGS: Final = (
    Setting(
        "verify_every_s",
        whole(0, 7 * 86_400),
        "300",
        "Seconds between verifications of the own log, if that takes no more than 5 % of a core; 0: only when asked.",
    ),
    Setting(
        "query_timeout_s",
        whole(1, 600),
        "30",
        "Seconds after which a query of the database is ended for whoever asked, with a 503 that says so.",
    ),
    Setting(
        "retention_file",
        PATH,
        None,
        "File of retention classes (docs/retention.md); without one everything is kept for ever.",
    ),
)
