"""Browsers of other origins: whether a page may send OTLP here (CORS, the Fetch standard).

Off unless origins are stated, each in full. A page needs a key like everybody else: no cookie counts.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final

from tallystick_ingest.otlp.http import Scope, Send, header_map
from tallystick_ingest.otlp.incoming import Receive

MAX_AGE_S: Final = 7_200
"""Chromium's own limit."""
_ALLOWED: Final = (
    (b"access-control-allow-methods", b"POST"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, content-encoding, tallystick-checkpoint",
    ),
    (b"access-control-max-age", b"%d" % MAX_AGE_S),
)
_EXPOSED: Final = (b"access-control-expose-headers", b"retry-after, tallystick-checkpoint")

Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class CrossOrigin:
    """ASGI around one OTLP address."""

    def __init__(self, app: Application, origins: tuple[str, ...]) -> None:
        """Let pages of `origins` send to `app`."""
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = header_map(scope)
        origin = headers.get("origin", "")
        if origin not in self._origins:
            await self._app(scope, receive, send)
            return
        allowed = ((b"access-control-allow-origin", origin.encode()), (b"vary", b"Origin"))
        if _is_preflight(scope, headers):
            said = [*allowed, *_ALLOWED]
            await send({"type": "http.response.start", "status": 204, "headers": said})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_allowed(event: MutableMapping[str, Any]) -> None:
            if event["type"] == "http.response.start":
                event["headers"] = [*event["headers"], *allowed, _EXPOSED]
            await send(event)

        await self._app(scope, receive, send_allowed)


def _is_preflight(scope: Scope, headers: Mapping[str, str]) -> bool:
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers
