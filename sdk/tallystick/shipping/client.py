"""The client of the service: one keep-alive connection, used by the background thread alone.

Requests are invisible to the host's own instrumentation, follow no redirect (the key would go with it),
and never take a credential from ``.netrc``. No payload and no secret is ever logged.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from tallystick.errors import ShipError

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from tallystick.shipping.direct import DirectConnection
    from tallystick.shipping.proxied import ProxiedConnection

MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""OTLP 1.11: a response is at most 4 MiB."""
_MOST_CAUSES: Final = 4
_NOT_UNDERSTOOD: Final = (
    "does it speak TLS (https://, else http://), or want a certificate of this client"
    " (TALLYSTICK_CLIENT_CERTIFICATE)?"
)


@dataclass(frozen=True, slots=True)
class Target:
    """A service and the key for it."""

    endpoint: str
    api_key: str | None = field(default=None, repr=False)

    @property
    def is_local(self) -> bool:
        """The service is on this machine."""
        host = urlsplit(self.endpoint).hostname or ""
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def sends_key_in_clear(self) -> bool:
        """The key would cross a network unencrypted."""
        return bool(self.api_key) and self.endpoint.startswith("http://") and not self.is_local


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """What shipping, enrolment and consistency checks need of a client."""

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body`. Raises ShipError when no whole answer came back."""
        ...

    def get(self, path: str) -> Answer:
        """Fetch. Raises ShipError when no whole answer came back."""
        ...


class ServiceClient:
    """A Transport over a connection of our own, or a proxy's where the environment names one. Not safe for threads."""

    def __init__(self, target: Target) -> None:
        """Talk to `target`; no connection is made yet."""
        self._target = target
        self._connection: DirectConnection | ProxiedConnection | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body`. Raises ShipError when no whole answer came back."""
        return self._send("POST", path, body, headers)

    def put(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` to the address that is its own. Raises ShipError when no whole answer came back."""
        return self._send("PUT", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Fetch. Raises ShipError when no whole answer came back."""
        return self._send("GET", path, None, headers or {})

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        connection = self._connection = self._connection or self._connect()
        try:
            with _untraced():
                answer = Answer(*connection.exchange(method, path, body, headers, MAX_ANSWER_BYTES))
        except connection.errors as error:
            self.close()
            raise ShipError(f"{self._target.endpoint} does not answer: {cause(error)}") from error
        if len(answer.body) > MAX_ANSWER_BYTES:
            self.close()
            raise ShipError(
                f"the answer is longer than {MAX_ANSWER_BYTES} bytes; is this the right address?"
            )
        return answer

    def _connect(self) -> "DirectConnection | ProxiedConnection":
        from tallystick.shipping.direct import DirectConnection  # noqa: PLC0415 - slow to import

        endpoint, api_key = self._target.endpoint, self._target.api_key
        if may_have_proxy(self._target):
            from tallystick.shipping.proxied import ProxiedConnection, has_proxy  # noqa: PLC0415

            if has_proxy(endpoint):
                return ProxiedConnection(endpoint, api_key)
        return DirectConnection(endpoint, api_key)


def may_have_proxy(target: Target) -> bool:
    """Whether proxies are set that could stand before `target`: they are for other machines."""
    from urllib.request import getproxies  # noqa: PLC0415 - slow to import

    return not target.is_local and bool(getproxies())


def cause(error: BaseException) -> str:
    """Say what went wrong by errno, else by class: a message could hold the address with a secret in it."""
    names: list[str] = []
    for seen in _causes(error):
        certificate = getattr(seen, "verify_message", "")
        if certificate:
            return f"its certificate is not trusted: {certificate}"
        if getattr(seen, "library", None) == "SSL":
            return f"TLS failed ({getattr(seen, 'reason', '')}); {_NOT_UNDERSTOOD}"
        if isinstance(seen, ConnectionResetError):
            return f"{os.strerror(seen.errno or errno.ECONNRESET)}; {_NOT_UNDERSTOOD}"
        if isinstance(seen, OSError) and seen.errno is not None and seen.errno in errno.errorcode:
            return os.strerror(seen.errno)
        names.append(type(seen).__name__)
    return " <- ".join(dict.fromkeys(names))


def is_untrusted(error: BaseException) -> bool:
    """Whether a connection ended because the other end's certificate is not trusted: trying again is no use."""
    return any(getattr(seen, "verify_message", "") for seen in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what lies behind it, as far as anybody wants to know."""
    seen: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if seen is None:
            return
        yield seen
        reason = getattr(seen, "reason", None)
        seen = reason if isinstance(reason, BaseException) else seen.__context__


@contextmanager
def _untraced() -> Iterator[None]:
    """Tell OpenTelemetry's instrumentations of HTTP clients to look away."""
    from opentelemetry import context  # noqa: PLC0415 - slow to import

    token = context.attach(_quiet())
    try:
        yield
    finally:
        context.detach(token)


@cache
def _quiet() -> "Context":
    from opentelemetry import context  # noqa: PLC0415 - slow to import

    quiet = context.set_value("suppress_instrumentation", True, context.Context())
    quiet = context.set_value("suppress_http_instrumentation", True, quiet)
    return context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True, quiet)  # noqa: SLF001
