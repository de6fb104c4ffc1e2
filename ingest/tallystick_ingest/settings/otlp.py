"""What OTLP requests may be."""

from dataclasses import dataclass
from typing import Final

from tallystick_ingest.otlp.limits import MAX_OBJECTS, MAX_RECORDS, Limits
from tallystick_ingest.settings.setting import LIMIT_END, ORIGINS, Setting, whole

MAX_INTAKE_WORKERS: Final = 64
USUAL_INTAKE_WORKERS: Final = 8
"""Where nobody says how many: a container on a large machine sees all its cores, and may use few."""


@dataclass(frozen=True, slots=True)
class OtlpSettings:
    """SETTINGS says what each means."""

    max_body_bytes: int
    max_records: int
    max_objects: int
    max_waiting_bytes: int
    cors_origins: tuple[str, ...]
    intake_workers: int | None

    @property
    def limits(self) -> Limits:
        """What one OTLP request may hold."""
        return Limits(self.max_body_bytes, self.max_records, self.max_objects)


SETTINGS: Final = (
    Setting(
        "max_body_bytes",
        whole(1024, LIMIT_END),
        str(64 * 1024 * 1024),
        "Largest body of one request, also inflated.",
    ),
    Setting(
        "max_records",
        whole(1, LIMIT_END),
        str(MAX_RECORDS),
        "Most spans, log records or data points in one request.",
    ),
    Setting(
        "max_objects",
        whole(1, LIMIT_END),
        str(MAX_OBJECTS),
        "Most objects in one request: records, events, links, attributes and their values.",
    ),
    Setting(
        "max_waiting_bytes",
        whole(1024, LIMIT_END),
        str(256 * 1024 * 1024),
        "Bytes of requests in progress above which further ones get 503; half of it for one sender.",
    ),
    Setting(
        "cors_origins",
        ORIGINS,
        None,
        "Origins of web pages that may send OTLP, such as https://app.example.com, separated by commas; unset: none.",
    ),
    Setting(
        "intake_workers",
        whole(0, MAX_INTAKE_WORKERS + 1),
        None,
        "Processes that decode and mask larger requests of others, each begun when it is needed; unset: one for each"
        " processor core that the service may run on, 8 at most; 0: none, in the service itself.",
    ),
)
