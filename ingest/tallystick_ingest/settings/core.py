"""Where the service lives: its directories, its name, and the addresses on which it listens."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick_ingest.settings.setting import (
    PATH,
    PORT,
    PORT_OR_OFF,
    TEXT,
    Setting,
    area,
    whole,
)

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 4318
"""OTLP 1.11: the default port of OTLP over HTTP."""
DEFAULT_GRPC_PORT: Final = 4317
"""OTLP 1.11: the default port of OTLP over gRPC."""


@dataclass(frozen=True, slots=True)
class CoreSettings:
    """SETTINGS says what each means."""

    home: Path
    host: str
    port: int
    grpc_port: int | None
    data: Path
    secrets: Path
    name: str | None
    request_timeout_s: int


SETTINGS: Final = (
    Setting("home", PATH, "~/.tallystick", "Directory of credentials and secrets."),
    Setting("host", TEXT, DEFAULT_HOST, "Address to listen on."),
    Setting("port", PORT, str(DEFAULT_PORT), "Port to listen on; 0: any."),
    Setting(
        "grpc_port",
        PORT_OR_OFF,
        str(DEFAULT_GRPC_PORT),
        "Port of OTLP over gRPC; 0: any; off: none.",
    ),
    Setting("data", PATH, None, "Data directory; unset: data in the home."),
    Setting("secrets", PATH, None, "Directory of the service's keys; unset: server in the home."),
    Setting(
        "name",
        TEXT,
        None,
        "Name of the log, such as agents.example/default, fixed by the first start; unset: a random one.",
    ),
    Setting(
        "request_timeout_s",
        whole(1, 86_400),
        "60",
        "Seconds in which the head of a request must come, and then its body.",
    ),
)


def core_settings(values: Mapping[str, object]) -> CoreSettings:
    """Make the area's object; the directories that are unset lie in the home."""
    home = values["home"]
    assert isinstance(home, Path)  # noqa: S101 - what its kind makes, tells the type checker
    inside = {"data": home / "data", "secrets": home / "server"}
    given = {name: values[name] or place for name, place in inside.items()}
    return area(CoreSettings, SETTINGS, {**values, **given})
