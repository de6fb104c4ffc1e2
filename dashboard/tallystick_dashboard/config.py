"""The dashboard's settings: one frozen object, checked at the edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

from tallystick.errors import ConfigError

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8501
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class DashboardConfig:
    """Where the service is, where the dashboard listens, and under which names it may be reached."""

    service: str
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    hosts: tuple[str, ...] = LOOPBACK_NAMES
    """Names in the `Host` of requests: any other is a page of somebody else that was pointed here."""
    proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count."""


def dashboard_config(
    service: str,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    hosts: Sequence[str] = (),
    proxies: Sequence[str] = (),
) -> DashboardConfig:
    """Check the settings; raise ConfigError for a bind that others reach without a list of names, and no proxies."""
    parts = urlsplit(service)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(
            f"--service: expected http:// or https:// and a host, got {service[:80]!r}"
        )
    named = tuple(name.strip().lower() for name in hosts if name.strip())
    if "*" in named:
        raise ConfigError(
            "--allowed-host: expected names, got '*': any page could then be pointed at this dashboard"
        )
    if not named and not is_loopback(host):
        raise ConfigError(
            f"the dashboard would listen on {host}, which others reach: state the names under which "
            "they do, with --allowed-host NAME or TALLYSTICK_DASHBOARD_HOSTS=NAME,NAME"
        )
    trusted = tuple(_proxy(one.strip()) for one in proxies if one.strip())
    return DashboardConfig(service.rstrip("/"), host, port, (*named, *LOOPBACK_NAMES), trusted)


def _proxy(text: str) -> str:
    try:
        network = ip_network(text)
    except ValueError:
        network = None
    if network is None or network.prefixlen == 0:
        raise ConfigError(
            f"--trusted-proxy: expected an address or a network of proxies, got {text[:80]!r}"
        )
    return text


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine reach an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
