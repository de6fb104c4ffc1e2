"""The dashboard beside the service."""

from dataclasses import dataclass
from typing import Final

from tallystick_ingest.settings.core import DEFAULT_HOST
from tallystick_ingest.settings.setting import HOST_NAMES, PORT_OR_OFF, TEXT, Setting

DEFAULT_PORT: Final = 8501
"""Streamlit's own default."""


@dataclass(frozen=True, slots=True)
class DashboardSettings:
    """SETTINGS says what each means."""

    port: int | None
    host: str
    hosts: tuple[str, ...]


SETTINGS: Final = (
    Setting(
        "dashboard_port",
        PORT_OR_OFF,
        str(DEFAULT_PORT),
        "Port of the dashboard; 0: any; off: none.",
        "port",
    ),
    Setting(
        "dashboard_host", TEXT, DEFAULT_HOST, "Address on which the dashboard listens.", "host"
    ),
    Setting(
        "dashboard_hosts",
        HOST_NAMES,
        None,
        "Names under which browsers reach the dashboard, separated by commas; needed where others reach it.",
        "hosts",
    ),
)
