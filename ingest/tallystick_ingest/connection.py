"""A connection: uvicorn's own, with a limit on the head of a request, on its time, and on what nobody reads.

The parser below keeps a head in memory until it ends, whoever sends it. One that is too large gets a 431, one
without a clear host a 400, and one that does not come to its end in time a closed connection. So does a body
that goes on after its answer. Connections never take the last open files, which the store needs.
"""

import asyncio
import resource
from collections.abc import Callable
from typing import Any, Final

from cryptography import x509
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tallystick_ingest.auth.certificates import certificate_names
from tallystick_ingest.auth.gate import CERTIFICATE

MAX_HEAD_BYTES: Final = 64 * 1024
"""Ours: request line and headers; a checkpoint that a sender shows is the largest, 4 KiB."""

MAX_UNREAD_BYTES: Final = 1 << 20
"""Ours: what may still come of a body that was answered; enough for its sender to see the answer."""

WANTED_FILES: Final = 65_536
OWN_FILES: Final = 512
"""Open files that no connection may take: the database, tiles, checkpoints and blobs need them."""

Refusal = Callable[[x509.Certificate | None], str | None]

_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
_HOST: Final = b"host"
_WITH_HOST: Final = "1.1"
"""HTTP/1.0 knows no such header."""
_TOO_LARGE: Final = b"the head of the request is larger than 65536 bytes\n"
_REFUSAL: Final = b"\r\n".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(_TOO_LARGE),
        b"connection: close",
        b"",
        _TOO_LARGE,
    )
)


def connections_allowed() -> int:
    """Raise the limit of open files as far as it goes, and return how many of them connections may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    files = WANTED_FILES if soft == resource.RLIM_INFINITY else soft
    return max(files - OWN_FILES, files // 2)


def bounded(
    head_timeout_s: float, max_connections: int, refusal: Refusal = lambda _peer: None
) -> type[HttpToolsProtocol]:
    """Return a protocol whose heads must come in time, and of which there are only so many.

    `refusal` says at each request why nothing is taken from whoever showed a certificate.
    """

    class Bounded(_Connection):
        head_s = head_timeout_s
        most = max_connections
        refuses = staticmethod(refusal)

    return Bounded


class _Connection(HttpToolsProtocol):
    head_s: float
    most: int
    refuses: Refusal

    def __init__(self, *parts: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*parts, **named)
        self._head_bytes = 0
        self._unread_bytes = 0
        self._is_in_head = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._peer: x509.Certificate | None = None
        self._certificate: str | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        super().connection_made(transport)
        self._peer = _peer(transport)
        self._certificate = None if self._peer is None else certificate_names(self._peer)
        if len(self.connections) > self.most:
            self.transport.write(_BUSY)
            self._close()
            return
        self._head_timer = self.loop.call_later(self.head_s, self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.refuses(self._peer) is not None:
            raise ValueError("the certificate was revoked since the connection began")
        if self._certificate is not None:
            self.scope[CERTIFICATE] = self._certificate  # type: ignore[typeddict-unknown-key]  # ours

    def data_received(self, data: bytes) -> None:
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(self.head_s, self._close)
        super().data_received(data)
        if self._is_in_head and self._head_bytes > MAX_HEAD_BYTES:
            self.transport.write(_REFUSAL)
            self._close()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_timer()
        self._require_one_host()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.cycle.response_complete:
            self._unread_bytes += len(body)
            if self._unread_bytes > MAX_UNREAD_BYTES:
                self._close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._is_in_head = True
        self._head_bytes = self._unread_bytes = 0
        super().on_message_complete()

    def _require_one_host(self) -> None:
        """Raise ValueError for a request whose host is not clear (RFC 9112, section 3.2); the parser answers 400."""
        count = sum(name == _HOST for name, _ in self.headers)
        if count > 1 or (count == 0 and self.parser.get_http_version() == _WITH_HOST):
            raise ValueError("a request has one Host header")

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def _peer(transport: asyncio.BaseTransport) -> x509.Certificate | None:
    """Return the certificate that TLS verified; None where there is none."""
    tls = transport.get_extra_info("ssl_object")
    der = None if tls is None else tls.getpeercert(binary_form=True)
    if not der:
        return None
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None  # OpenSSL takes forms that the stricter parser refuses: worth nothing here
