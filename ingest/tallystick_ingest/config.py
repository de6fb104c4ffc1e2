"""The service's settings: one table, one frozen object, built once at the edge."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tallystick.errors import ConfigError
from tallystick_ingest.otlp.limits import MAX_OBJECTS, MAX_RECORDS, Limits

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 4318
"""OTLP 1.11: the default port of OTLP over HTTP."""
DEFAULT_GRPC_PORT: Final = 4317
"""OTLP 1.11: the default port of OTLP over gRPC."""
DEFAULT_DASHBOARD_PORT: Final = 8501
"""Streamlit's own default."""
_PORT_END: Final = 65_536
_LIMIT_END: Final = 1 << 40


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Every setting of `tallystick up`, checked; SETTINGS says what each means."""

    home: Path
    host: str
    port: int
    grpc_port: int | None
    data: Path
    secrets: Path
    name: str | None
    max_body_bytes: int
    max_records: int
    max_objects: int
    max_waiting_bytes: int
    request_timeout_s: int
    cors_origins: tuple[str, ...]
    verify_every_s: int
    dashboard_port: int | None
    dashboard_host: str
    dashboard_hosts: tuple[str, ...]

    @property
    def otlp_limits(self) -> Limits:
        """What one OTLP request may hold."""
        return Limits(self.max_body_bytes, self.max_records, self.max_objects)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table; `field` is its name in ServiceConfig and, with dashes, its option."""

    field: str
    env: str
    parse: Callable[[str], Any]
    default: str | None
    sentence: str


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("text")
    return value.strip()


def _path(value: str) -> Path:
    if not value:
        raise ValueError("a path")
    return Path(value).expanduser().absolute()


def _whole(low: int, end: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if value.isascii() and value.isdecimal() and low <= int(value) < end:
            return int(value)
        raise ValueError(f"a whole number from {low} to {end - 1}")

    return parse


def _port_or_off(value: str) -> int | None:
    if value.strip().lower() == "off":
        return None
    try:
        return _whole(0, _PORT_END)(value)
    except ValueError as expected:
        raise ValueError(f"{expected}, or off") from None


def _names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in value.split(",") if name.strip())
    if "*" in names or any("/" in name for name in names):
        raise ValueError("names of hosts, separated by commas")
    return names


def _origins(value: str) -> tuple[str, ...]:
    origins = tuple(origin.strip().lower() for origin in value.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or origin != f"{parts.scheme}://{parts.netloc}":
            raise ValueError("origins such as https://app.example.com, separated by commas")
    return origins


SETTINGS: Final = (
    Setting(
        "home", "TALLYSTICK_HOME", _path, "~/.tallystick", "Directory of credentials and secrets."
    ),
    Setting("host", "TALLYSTICK_HOST", _text, DEFAULT_HOST, "Address to listen on."),
    Setting(
        "port",
        "TALLYSTICK_PORT",
        _whole(0, _PORT_END),
        str(DEFAULT_PORT),
        "Port to listen on; 0: any.",
    ),
    Setting(
        "grpc_port",
        "TALLYSTICK_GRPC_PORT",
        _port_or_off,
        str(DEFAULT_GRPC_PORT),
        "Port of OTLP over gRPC; 0: any; off: none.",
    ),
    Setting("data", "TALLYSTICK_DATA", _path, None, "Data directory; unset: data in the home."),
    Setting(
        "secrets",
        "TALLYSTICK_SECRETS",
        _path,
        None,
        "Directory of the service's keys; unset: server in the home.",
    ),
    Setting(
        "name",
        "TALLYSTICK_NAME",
        _text,
        None,
        "Name of the log, such as agents.example/default, fixed by the first start; unset: a random one.",
    ),
    Setting(
        "max_body_bytes",
        "TALLYSTICK_MAX_BODY_BYTES",
        _whole(1024, _LIMIT_END),
        str(64 * 1024 * 1024),
        "Largest body of one request, also inflated.",
    ),
    Setting(
        "max_records",
        "TALLYSTICK_MAX_RECORDS",
        _whole(1, _LIMIT_END),
        str(MAX_RECORDS),
        "Most spans, log records or data points in one request.",
    ),
    Setting(
        "max_objects",
        "TALLYSTICK_MAX_OBJECTS",
        _whole(1, _LIMIT_END),
        str(MAX_OBJECTS),
        "Most objects in one request: records, events, links, attributes and their values.",
    ),
    Setting(
        "max_waiting_bytes",
        "TALLYSTICK_MAX_WAITING_BYTES",
        _whole(1024, _LIMIT_END),
        str(256 * 1024 * 1024),
        "Bytes of requests in progress above which further ones get 503; half of it for one sender.",
    ),
    Setting(
        "request_timeout_s",
        "TALLYSTICK_REQUEST_TIMEOUT_S",
        _whole(1, 86_400),
        "60",
        "Seconds in which the head of a request must come, and then its body.",
    ),
    Setting(
        "cors_origins",
        "TALLYSTICK_CORS_ORIGINS",
        _origins,
        None,
        "Origins of web pages that may send OTLP, such as https://app.example.com, separated by commas; unset: none.",
    ),
    Setting(
        "verify_every_s",
        "TALLYSTICK_VERIFY_EVERY_S",
        _whole(0, 7 * 86_400),
        "300",
        "Seconds between verifications of the own log, if that takes no more than 5 % of a core; 0: only when asked.",
    ),
    Setting(
        "dashboard_port",
        "TALLYSTICK_DASHBOARD_PORT",
        _port_or_off,
        str(DEFAULT_DASHBOARD_PORT),
        "Port of the dashboard; 0: any; off: none.",
    ),
    Setting(
        "dashboard_host",
        "TALLYSTICK_DASHBOARD_HOST",
        _text,
        DEFAULT_HOST,
        "Address on which the dashboard listens.",
    ),
    Setting(
        "dashboard_hosts",
        "TALLYSTICK_DASHBOARD_HOSTS",
        _names,
        None,
        "Names under which browsers reach the dashboard, separated by commas; needed where others reach it.",
    ),
)
"""The table: `tallystick up --help` prints it."""


def load_service_config(
    given: Mapping[str, str | None], environ: Mapping[str, str] | None = None
) -> ServiceConfig:
    """Build the settings: an option in `given` wins over the environment, that over the default.

    Raises ConfigError for a value that does not fit.
    """
    env = os.environ if environ is None else environ
    values = {setting.field: _value(setting, given, env) for setting in SETTINGS}
    values["data"] = values["data"] or values["home"] / "data"
    values["secrets"] = values["secrets"] or values["home"] / "server"
    values["cors_origins"] = values["cors_origins"] or ()
    values["dashboard_hosts"] = values["dashboard_hosts"] or ()
    return ServiceConfig(**values)


def _value(setting: Setting, given: Mapping[str, str | None], env: Mapping[str, str]) -> Any:  # noqa: ANN401 - the type is that of the field
    option = given.get(setting.field)
    text = option if option is not None else env.get(setting.env) or setting.default
    if text is None:
        return None
    try:
        return setting.parse(text)
    except ValueError as expected:
        source = f"--{setting.field.replace('_', '-')}" if option is not None else setting.env
        raise ConfigError(f"{source}: expected {expected}, got {text[:80]!r}") from None
