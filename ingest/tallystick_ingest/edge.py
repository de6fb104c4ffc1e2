"""The edge: what every response has in common, whatever answered it.

Each carries the newest signed checkpoint of the log (`Tallystick-Checkpoint`, docs/spec/log.md), and
each request may show one: a larger one than ours, with our own signature, stops signing. A fault
that nobody foresaw becomes a 503, never a 500 and never a traceback with somebody's data. Bodies of
the API, which are read before anybody asks who sends them, are cut off at MAX_API_BODY_BYTES.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, Protocol

import orjson
from starlette.exceptions import HTTPException

from tallystick_ingest.auth.challenge import NO_CHALLENGES, Challenges
from tallystick_ingest.otlp.answer import Answer, failure
from tallystick_ingest.otlp.body import JSON
from tallystick_ingest.otlp.http import (
    WHERE_TO_LOOK,
    Scope,
    Send,
    header_map,
    report_fault,
    send_answer,
)
from tallystick_ingest.otlp.incoming import Receive
from tallystick_ingest.route import route_of

CHALLENGE_HEADER: Final = b"www-authenticate"
CHECKPOINT_HEADER: Final = "tallystick-checkpoint"
SECURE_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""What a browser is told of every answer (OWASP Secure Headers Project): none of them is a page but /admin."""
WITHHELD_HEADER: Final = b"tallystick-withheld"
"""`payload, names`, `names` or `nothing`."""
STRICT_TLS: Final = (b"strict-transport-security", b"max-age=31536000")
"""RFC 6797; over TLS alone."""
MAX_CHECKPOINT_CHARS: Final = 4_096

MAX_API_BODY_BYTES: Final = 256 * 1024
"""Ours: the largest, an enrolment, has two fields of 16,384 characters."""
_OTLP_PATH: Final = "/v1/"
"""OTLP has limits of its own (otlp/body.py)."""
_BLOB_PATH: Final = "/api/v1/blobs/"
"""So have blobs (api/blobs.py), whose sender is known before they are read."""
BODY_TIMEOUT_S: Final = 60.0
_INTERNAL: Final = 500
_UNAVAILABLE: Final = 503
_FAULT: Final = f"internal fault; try again; {WHERE_TO_LOOK}"

Header = tuple[bytes, bytes]
Application = Callable[[Scope, Receive, Send], Any]


class Heads(Protocol):
    """What the edge needs of the service."""

    def newest_note(self) -> str | None:
        """Return the newest signed checkpoint that may be shown."""

    def is_seen(self, note: str) -> bool:
        """Whether a note was looked at before, so that it costs nothing now."""

    def observe(self, note: str) -> None:
        """Look at a checkpoint that a sender holds; may check a signature and query the store."""


class CutOffError(Exception):
    """A fault in the midst of an answer: the connection is closed, so that its reader can tell."""


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: Application,
        heads: Heads,
        timeout_s: float = BODY_TIMEOUT_S,
        challenges: Challenges = NO_CHALLENGES,
    ) -> None:
        """Wrap `app`, whose bodies must come within `timeout_s`; what lacks a token is told of `challenges`."""
        self._app = app
        self._timeout_s = timeout_s
        self._heads = heads
        self._challenges = challenges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = header_map(scope)
        await observe(self._heads, headers.get(CHECKPOINT_HEADER, ""))
        is_started = is_fault = False

        async def send_with_checkpoint(event: MutableMapping[str, Any]) -> None:
            nonlocal is_started, is_fault
            if event["type"] == "http.response.start":
                is_fault = event["status"] == _INTERNAL  # the framework's; ours goes out below
                is_started = not is_fault
                challenge = self._challenges.challenge(
                    event["status"], scope["path"], has_credential="authorization" in headers
                )
                event["headers"] = [
                    *_secured(_challenged(event.get("headers", ()), challenge), scope),
                    *_withheld(scope),
                    *shown_header(self._heads),
                ]
            if not is_fault:
                await send(event)

        try:
            await self._app(scope, _bounded(scope, receive, self._timeout_s), send_with_checkpoint)
        except Exception as fault:  # noqa: BLE001 - whatever it is, its message goes nowhere
            report_fault(route_of(scope), fault)
            is_fault = True
        if is_started and is_fault:
            raise CutOffError("an answer was cut off; the fault is logged above") from None
        if is_fault:
            is_fault = False
            await send_answer(send_with_checkpoint, _fault_answer(scope["path"]))


def _fault_answer(path: str) -> Answer:
    """Answer a fault in the form of the address: that of OTLP, or that of the API."""
    answer = failure(JSON, _UNAVAILABLE, _FAULT)
    if path.startswith(_OTLP_PATH):
        return answer
    return replace(answer, body=orjson.dumps({"error": _FAULT}))


def _withheld(scope: Scope) -> list[Header]:
    """Say what an answer leaves out for want of a right, where it tells of records (api/guard.py)."""
    withheld = scope.get("state", {}).get("withheld")
    return [] if withheld is None else [(WITHHELD_HEADER, withheld.encode() or b"nothing")]


def _secured(headers: list[Header], scope: Scope) -> list[Header]:
    """Return the headers of an answer with those of SECURE_HEADERS that it does not state itself."""
    stated = {name.lower() for name, _ in headers}
    added = SECURE_HEADERS if scope.get("scheme") != "https" else (*SECURE_HEADERS, STRICT_TLS)
    return [*headers, *(one for one in added if one[0] not in stated)]


def _challenged(headers: Iterable[Header], challenge: str | None) -> list[Header]:
    """Return the headers of an answer with this challenge, and no other."""
    if challenge is None:
        return list(headers)
    kept = [one for one in headers if one[0].lower() != CHALLENGE_HEADER]
    return [*kept, (CHALLENGE_HEADER, challenge.encode())]


async def observe(heads: Heads, header: str) -> None:
    """Look at a checkpoint shown to us; what is none is of no concern."""
    note = _decoded(header)
    if note and not heads.is_seen(note):
        await asyncio.get_running_loop().run_in_executor(None, heads.observe, note)


def shown_header(heads: Heads) -> list[tuple[bytes, bytes]]:
    """Return the header that shows our newest checkpoint; none before the first."""
    note = heads.newest_note()
    return [] if note is None else [(CHECKPOINT_HEADER.encode(), _encoded(note))]


@lru_cache(maxsize=1)
def _encoded(note: str) -> bytes:
    return base64.b64encode(note.encode())


def _bounded(scope: Scope, receive: Receive, timeout_s: float) -> Receive:
    """Return a `receive` that gives no more than a body of the API may have, 413, and in its time, 503."""
    if scope["path"].startswith(_OTLP_PATH):
        return receive
    limit_bytes = None if scope["path"].startswith(_BLOB_PATH) else MAX_API_BODY_BYTES
    due_s = asyncio.get_running_loop().time() + timeout_s
    size_bytes, has_more = 0, True

    async def receive_bounded() -> MutableMapping[str, Any]:
        nonlocal size_bytes, has_more
        try:
            async with asyncio.timeout_at(due_s if has_more else None):
                event = await receive()
        except TimeoutError:
            raise HTTPException(
                503, f"the body did not come within {timeout_s:g} seconds: send the request again"
            ) from None
        has_more = event.get("more_body", False)
        size_bytes += len(event.get("body", b""))
        if limit_bytes is not None and size_bytes > limit_bytes:
            raise HTTPException(413, f"the body is larger than {limit_bytes} bytes")
        return event

    return receive_bounded


def _decoded(header: str) -> str:
    if not header or len(header) > MAX_CHECKPOINT_CHARS:
        return ""
    try:
        return base64.b64decode(header, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
