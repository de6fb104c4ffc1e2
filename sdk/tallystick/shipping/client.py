"""The client of the service: one keep-alive connection, used by the background thread alone.

Requests are invisible to the host's own instrumentation, follow no redirect (the key would go with it),
and never take a credential from ``.netrc``. No payload and no secret is ever logged.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from tallystick.errors import ShipError

if TYPE_CHECKING:
    import requests

TIMEOUT_S: Final = (5.0, 30.0)
"""To connect, and between two bytes of the answer; the service commits to disk in between."""
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
"""OTLP 1.11: a response is at most 4 MiB."""
_CHUNK_BYTES: Final = 65_536


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
    """A Transport over `requests`. Not safe for threads."""

    def __init__(self, target: Target) -> None:
        """Talk to `target`; no connection is made yet."""
        self._target = target
        self._session: requests.Session | None = None

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body`. Raises ShipError when no whole answer came back."""
        return self._send("POST", path, body, headers)

    def put(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` to the address that is its own. Raises ShipError when no whole answer came back."""
        return self._send("PUT", path, body, headers)

    def get(self, path: str) -> Answer:
        """Fetch. Raises ShipError when no whole answer came back."""
        return self._send("GET", path, None, {})

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        import requests  # noqa: PLC0415 - slow to import
        import urllib3  # noqa: PLC0415

        session = self._session = self._session or self._connect()
        with _untraced():
            try:
                with session.request(
                    method,
                    self._target.endpoint + path,
                    data=body,
                    headers=dict(headers),
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,
                ) as response:
                    content = _read(response)
                    found = {name.lower(): value for name, value in response.headers.items()}
                    return Answer(response.status_code, found, content)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                self.close()
                raise ShipError(
                    f"{self._target.endpoint} does not answer: {cause(error)}"
                ) from error

    def _connect(self) -> "requests.Session":
        import requests  # noqa: PLC0415 - slow to import

        session = requests.Session()
        session.trust_env = not self._target.is_local  # proxies are for other machines
        session.auth = _Bearer(self._target.api_key)
        return session


class _Bearer:
    """Sets the key; as an `auth`, so that requests does not look for one in .netrc."""

    def __init__(self, api_key: str | None) -> None:
        self._api_key = api_key

    def __call__(self, request: "requests.PreparedRequest") -> "requests.PreparedRequest":
        if self._api_key:
            request.headers["Authorization"] = f"Bearer {self._api_key}"
        return request


def _read(response: "requests.Response") -> bytes:
    content = bytearray()
    for chunk in response.iter_content(_CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise ShipError(
                f"the answer is longer than {MAX_ANSWER_BYTES} bytes; is this the right address?"
            )
    return bytes(content)


def cause(error: BaseException) -> str:
    """Say what went wrong by errno, else by class: a message could hold the address with a secret in it."""
    seen: BaseException | None = error
    names: list[str] = []
    while seen is not None and len(names) < 4:  # noqa: PLR2004
        if isinstance(seen, OSError) and seen.errno is not None and seen.errno in errno.errorcode:
            return os.strerror(seen.errno)
        names.append(type(seen).__name__)
        seen = (
            getattr(seen, "reason", None)
            if isinstance(getattr(seen, "reason", None), BaseException)
            else seen.__context__
        )
    return " <- ".join(dict.fromkeys(names))


@contextmanager
def _untraced() -> Iterator[None]:
    """Tell OpenTelemetry's instrumentations of HTTP clients to look away."""
    from opentelemetry import context  # noqa: PLC0415 - slow to import

    quiet = context.set_value("suppress_instrumentation", True)
    quiet = context.set_value("suppress_http_instrumentation", True, quiet)
    quiet = context.set_value(context._SUPPRESS_INSTRUMENTATION_KEY, True, quiet)  # noqa: SLF001
    token = context.attach(quiet)
    try:
        yield
    finally:
        context.detach(token)
