"""The direct connection to a service: HTTP/1.1 by the standard library, where no proxy stands between.

A third of the processor time of a general client, which counts for a process that records one event a second.
"""

import http.client
import select
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from tallystick.certificates import trusted
from tallystick.errors import ShipError

CONNECT_S: Final = 5.0
"""To connect, TLS included."""
ANSWER_S: Final = 30.0
"""Between two bytes; the service commits to disk in between."""
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
            http.client.HTTPSConnection(
                self._host, self._port, timeout=CONNECT_S, context=trusted()
            )
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
