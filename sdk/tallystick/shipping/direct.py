"""The direct connection to a service: HTTP/1.1 by the standard library, where no proxy stands between.

A third of the processor time of a general client, which counts for a process that records one event a second.
Certificates are those of `certifi`, as everywhere in Python, unless the environment names others
(docs/settings.md).
"""

import http.client
import os
import select
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from tallystick.errors import ShipError

if TYPE_CHECKING:
    import ssl

CONNECT_S: Final = 5.0
"""To connect, TLS included."""
ANSWER_S: Final = 30.0
"""Between two bytes; the service commits to disk in between."""
OWN_CERTIFICATES: Final = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a file or a directory of certificates to trust in place of the usual ones."""
OWN_CERTIFICATE: Final = ("TALLYSTICK_CLIENT_CERTIFICATE", "TALLYSTICK_CLIENT_KEY")
"""Variables that name the files of a certificate to show where the service wants one, and of its key (PEM)."""
SYSTEM_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables of OpenSSL, which reads them itself."""

_CHUNK_BYTES: Final = 65_536
_SAFE_IN_PATHS: Final = "/%:@!$&'()*+,;=~"

Reply = tuple[int, Mapping[str, str], bytes]
"""Status, headers with their names in lower case, and the body."""


class DirectConnection:
    """One connection, made when it is needed. Not safe for threads."""

    errors: tuple[type[Exception], ...] = (OSError, http.client.HTTPException)
    """What `exchange` raises when no whole answer came back."""

    def __init__(self, endpoint: str, api_key: str | None) -> None:
        """Prepare for `endpoint`. Raises ShipError for no address, and for a key that no header can carry."""
        self._connection: http.client.HTTPConnection | None = None
        parts = urlsplit(endpoint)
        self._is_tls = parts.scheme == "https"
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError as error:
            raise ShipError(f"{endpoint} is no address: {error}") from None
        if not self._host:
            raise ShipError(f"{endpoint} is no address: it names no host")
        self._prefix = quote(parts.path, safe=_SAFE_IN_PATHS)
        self._fields = {"User-Agent": "tallystick", "Accept": "*/*"}
        if api_key:
            if not (api_key.isascii() and api_key.isprintable()):
                raise ShipError("the API key holds characters that no header can carry")
            self._fields["Authorization"] = f"Bearer {api_key}"

    def __del__(self) -> None:
        """Close without a warning what nobody closed: a process that ends, a child that was forked."""
        self.close()

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        limit_bytes: int,
    ) -> Reply:
        """Send a request, and return the answer; of a body over `limit_bytes` the beginning, more than that.

        Sent once more where a connection that was kept ends before its answer does: the service may have let go
        of it in the same moment, and sending twice is harmless.
        """
        is_kept = self._is_usable()
        fields = {**self._fields, **headers}
        try:
            return self._exchange(method, path, body, fields, limit_bytes)
        except self.errors as error:
            self.close()
            if not is_kept or isinstance(error, TimeoutError):
                raise
        return self._exchange(method, path, body, fields, limit_bytes)

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _is_usable(self) -> bool:
        """Whether a connection was kept, and the other end has not closed it meanwhile."""
        if self._connection is None or self._connection.sock is None:
            return False
        poll = select.poll()
        poll.register(self._connection.sock, select.POLLIN)
        if poll.poll(0):
            self.close()
        return self._connection is not None

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        fields: dict[str, str],
        limit_bytes: int,
    ) -> Reply:
        if self._connection is None or self._connection.sock is None:
            self._connection = self._connect()
        self._connection.request(method, self._prefix + path, body, fields)
        with self._connection.getresponse() as response:
            content = _read(response, limit_bytes)
            if not response.isclosed():
                self.close()
            found = {name.lower(): value for name, value in response.headers.items()}
            return response.status, found, content

    def _connect(self) -> http.client.HTTPConnection:
        made = (
            http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_S, context=_trust())
            if self._is_tls
            else http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_S)
        )
        made.connect()
        made.sock.settimeout(ANSWER_S)
        return made


def _read(response: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    """Return the body, or more of it than `limit_bytes`."""
    length = response.length
    if length is not None:
        content = response.read(limit_bytes + 1) if length > limit_bytes else response.read()
        if len(content) < min(length, limit_bytes + 1):
            raise http.client.IncompleteRead(content)
        return content
    return b"".join(_chunks(response, limit_bytes))


def _chunks(response: http.client.HTTPResponse, limit_bytes: int) -> Iterator[bytes]:
    left_bytes = limit_bytes
    while left_bytes >= 0:
        chunk = response.read(_CHUNK_BYTES)
        if not chunk:
            return
        left_bytes -= len(chunk)
        yield chunk


def named_certificates() -> str | None:
    """Return the file or directory of certificates to trust that the environment names; None: those of `certifi`."""
    names = (*OWN_CERTIFICATES, *SYSTEM_CERTIFICATES)
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def shown_certificate() -> tuple[str, str] | None:
    """Return the files of the certificate to show, and of its key; None for none. The key may stand with it."""
    certificate, key = (os.environ.get(name) or "" for name in OWN_CERTIFICATE)
    return (certificate, key or certificate) if certificate else None


def _trust() -> "ssl.SSLContext":
    """Return what is trusted. Raises ShipError where a variable names certificates that cannot be read."""
    import ssl  # noqa: PLC0415 - slow to import

    import certifi  # noqa: PLC0415

    given = next((name for name in OWN_CERTIFICATES if os.environ.get(name)), None)
    try:
        if given is not None:
            context = _context_of(Path(os.environ[given]))
        elif any(os.environ.get(name) for name in SYSTEM_CERTIFICATES):
            context = ssl.create_default_context()
        else:
            context = _context_of(Path(certifi.where()))
    except OSError as error:
        raise ShipError(
            f"the certificates of {given or 'certifi'} cannot be read: {error.strerror or error}"
        ) from error
    context.set_alpn_protocols(["http/1.1"])
    shown = shown_certificate()
    if shown is not None:
        try:
            context.load_cert_chain(*shown, password=lambda: "")
        except OSError as error:
            raise ShipError(
                f"{' and '.join(OWN_CERTIFICATE)} are no certificate and its key, unencrypted, in PEM:"
                f" {error.strerror or type(error).__name__}"
            ) from error
    return context


def _context_of(place: Path) -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415 - slow to import

    if place.is_dir():
        return ssl.create_default_context(capath=str(place))
    return ssl.create_default_context(cafile=str(place))
