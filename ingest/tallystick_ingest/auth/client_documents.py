"""Documents that clients publish under their ids, for the name by which they call themselves.

Nothing waits for a document and nothing is decided by it: the name is the client's own word, and stands in records
as that. It is fetched in a thread of its own, for clients whose tokens were taken, and only where the operator
wants it. Its address comes from a token, so the request is one that can do no harm: https alone, to an address that
everybody could ask (no private, loopback, link-local or shared one), pinned to what was looked at, with no
redirect, within FETCH_S and MAX_DOCUMENT_BYTES.
"""

import queue
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from tallystick.capture.token_claims import client_id_kind
from tallystick_ingest.auth.clients import is_malformed
from tallystick_ingest.auth.strict_json import json_object

FETCH_S: Final = 5.0
MAX_DOCUMENT_BYTES: Final = 64 * 1024
FRESH_S: Final = 24 * 3600.0
FAILED_S: Final = 3600.0
"""How long it takes until a document that could not be had is asked for again."""
MAX_KNOWN: Final = 1_000
MAX_QUEUED: Final = 100
MAX_NAME_CHARS: Final = 128
_CHUNK_BYTES: Final = 4 * 1024
_OK: Final = 200
_HTTPS_PORT: Final = 443
_SECRETS: Final = ("client_secret", "client_secret_expires_at")
"""A document with one of these is no public one (draft-ietf-oauth-client-id-metadata-document, section 4.1)."""

Address = IPv4Address | IPv6Address


class DocumentError(Exception):
    """A document cannot be had, or is none; the message says why, and repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class Network:
    """How addresses are found, and which may be asked; a test has its own."""

    context: ssl.SSLContext
    resolve: Callable[[str, int], list[str]]
    is_public: Callable[[Address], bool]


@dataclass(frozen=True, slots=True)
class _Known:
    name: str | None
    until_s: float


class ClientDocuments:
    """The names of clients. Safe to use from several threads."""

    def __init__(self, monotonic_s: Callable[[], float], network: Network | None = None) -> None:
        """Know of no document yet."""
        self._monotonic_s = monotonic_s
        self._network = network or _public_network()
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._queued: queue.Queue[str] = queue.Queue(MAX_QUEUED)
        self._thread: threading.Thread | None = None

    def name(self, client_id: str | None) -> str | None:
        """Return how a client calls itself, as far as that is known; begin to find it out where it is not."""
        if client_id is None or client_id_kind(client_id) != "metadata_document":
            return None
        now_s = self._monotonic_s()
        with self._lock:
            known = self._known.get(client_id)
            if known is None or now_s >= known.until_s:
                self._begin(client_id, known, now_s)
            return None if known is None else known.name

    def settle(self) -> None:
        """Wait until nothing is being fetched."""
        self._queued.join()

    def _begin(self, client_id: str, known: _Known | None, now_s: float) -> None:
        try:
            self._queued.put_nowait(client_id)
        except queue.Full:
            return
        self._keep(client_id, _Known(None if known is None else known.name, now_s + FAILED_S))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="client-documents", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            client_id = self._queued.get()
            try:
                found = _Known(
                    fetched_name(client_id, self._network), self._monotonic_s() + FRESH_S
                )
            except (DocumentError, HTTPError, OSError, ValueError):
                pass  # what is known stays, and it is asked for again after FAILED_S
            else:
                with self._lock:
                    self._keep(client_id, found)
            finally:
                self._queued.task_done()

    def _keep(self, client_id: str, known: _Known) -> None:
        self._known[client_id] = known
        self._known.move_to_end(client_id)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)


def fetched_name(client_id: str, network: Network) -> str | None:
    """Fetch the document of a client and return its `client_name`; None where it states none.

    Raises DocumentError, and HTTPError, OSError or ValueError of what the request is made of.
    """
    if is_malformed(client_id) or client_id_kind(client_id) != "metadata_document":
        raise DocumentError("the client id is no address of a document")
    document = json_object(_fetched(client_id, network))
    if document.get("client_id") != client_id:
        raise DocumentError("the document is that of another client")
    if any(name in document for name in _SECRETS):
        raise DocumentError("the document holds a secret, so it is no public one")
    return _name(document)


def is_public(address: Address) -> bool:
    """Whether an address is one that everybody could ask, also behind a form that embeds another."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if inner is not None:
            return False  # another address in disguise; who publishes a document has a plain one
        if (int(address) >> 32) == _NAT64:
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


_NAT64: Final = int(IPv6Address("64:ff9b::")) >> 32


def _fetched(url: str, network: Network) -> bytes:
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or _HTTPS_PORT
    stated = [ip_address(one) for one in network.resolve(host, port)]
    if not stated or not all(map(network.is_public, stated)):
        raise DocumentError("the client id leads to an address that not everybody could ask")
    end_s = time.monotonic() + FETCH_S
    with urllib3.HTTPSConnectionPool(
        str(stated[0]),
        port,
        timeout=urllib3.Timeout(FETCH_S, FETCH_S, FETCH_S),
        retries=False,
        ssl_context=network.context,
        server_hostname=host,
        assert_hostname=host,
    ) as pool:
        answer = pool.request(
            "GET",
            parts.path,
            headers={"host": parts.netloc, "accept": "application/json"},
            redirect=False,
            preload_content=False,
        )
        try:
            if answer.status != _OK:
                raise DocumentError(f"the client's address answers {answer.status}")
            if "json" not in answer.headers.get("content-type", ""):
                raise DocumentError("the client's address answers with something else than JSON")
            body = b""
            for chunk in answer.stream(_CHUNK_BYTES, decode_content=False):
                body += chunk
                if len(body) > MAX_DOCUMENT_BYTES or time.monotonic() > end_s:
                    raise DocumentError("the document is too large, or too slow")
            return body
        finally:
            answer.close()


def _name(document: Mapping[str, Any]) -> str | None:
    name = document.get("client_name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        return None
    return name.strip()[:MAX_NAME_CHARS]


def _public_network() -> Network:
    return Network(ssl.create_default_context(), _resolved, is_public)


def _resolved(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]).partition("%")[0] for *_, address in found]
