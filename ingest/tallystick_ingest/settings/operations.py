"""What whoever runs the service sees of it."""

from dataclasses import dataclass
from typing import Final

from tallystick.log_lines import FORMS, LEVELS, Form
from tallystick_ingest.settings.setting import NETWORKS, Setting, one_of


@dataclass(frozen=True, slots=True)
class OperationsSettings:
    """SETTINGS says what each means."""

    metrics: str
    trusted_proxies: tuple[str, ...]
    log_format: Form
    log_level: str


SETTINGS: Final = (
    Setting(
        "metrics",
        one_of("off", "local", "key"),
        "key",
        "Who may read /metrics: off, nobody; local, whoever asks from this machine, but not through a proxy; "
        "key, who has the scope metrics.",
    ),
    Setting(
        "trusted_proxies",
        NETWORKS,
        None,
        "Addresses of proxies, separated by commas, whose word counts for who asks (X-Forwarded-For) and whether over "
        "https (X-Forwarded-Proto), at the service and its dashboard; unset: nobody's.",
    ),
    Setting(
        "log_format",
        one_of(*FORMS),
        "text",
        "How log lines on standard error are written: text, or one JSON object each.",
    ),
    Setting("log_level", one_of(*LEVELS), "warning", "Log lines below this level are not written."),
)
