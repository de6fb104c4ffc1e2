"""The guard around everything that the dashboard serves: hosts, origins, sessions, headers.

    any request      `Host` must be a name of ours                                   400
    the websocket    `Origin` must be this very host, and there must be a session     403
    what changes     (POST and the like) `Origin` must be this very host              403
    pages            without a session they lead to the login                         303
    everything else  without a session there is nothing here                          401

While the service does not answer, nobody new gets in; who was in sees pages that say so.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from tallystick_dashboard.document import DOOR, PLAIN_POLICY, content_security_policy
from tallystick_dashboard.login_page import (
    CALLBACK,
    LOGIN,
    LOGOUT,
    SIGN_ON,
    away_page,
    clear_cookie,
    safe_path,
)
from tallystick_dashboard.session import COOKIE
from tallystick_dashboard.sites import Sites
from tallystick_dashboard.visitors import Standing, Visitors

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PUBLIC: Final = (
    *(LOGIN, LOGOUT, f"{LOGIN}/link", f"{LOGIN}/state", SIGN_ON, CALLBACK),
    "/_stcore/health",
)
"""What a stranger may ask for, besides our own style sheets and scripts."""
CLOSED: Final = ("/_stcore/agent", "/oauth2callback", "/auth/")
"""Parts of Streamlit that this dashboard does not offer."""
_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_HEADERS: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


class Guard:
    """ASGI middleware around the whole dashboard."""

    def __init__(
        self, app: Application, sites: Sites, visitors: Visitors, page: str, pages: frozenset[str]
    ) -> None:
        """Serve `page` at each path in `pages`, and `app` for the rest."""
        self._app = app
        self._sites = sites
        self._visitors = visitors
        self._page = page
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, one websocket, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            answer = await self._http(scope)
            await (answer or self._app)(scope, receive, _with_headers(send))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        is_own = self._sites.is_own(headers.get("origin"), headers.get("host"))
        if is_own and await self._standing(headers) is Standing.SIGNED_IN:
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope) -> Response | None:
        """Return the answer to a request; None where the application has to answer."""
        headers, path = Headers(scope=scope), str(scope["path"])
        host = headers.get("host")
        if not self._sites.has_host(host):
            return _plain(HTTPStatus.BAD_REQUEST, "This name is not one of this dashboard's.")
        if scope["method"] not in _SAFE and not self._sites.is_own(headers.get("origin"), host):
            return _plain(HTTPStatus.FORBIDDEN, "This was not asked by a page of this dashboard.")
        if path.startswith(CLOSED):
            return _plain(HTTPStatus.NOT_FOUND, "There is nothing here.")
        if path in PUBLIC or path.startswith(f"{DOOR}/"):
            return None
        return await self._inside(scope, headers, path)

    async def _inside(self, scope: Scope, headers: Headers, path: str) -> Response | None:
        standing = await self._standing(headers)
        is_page = path in self._pages and scope["method"] in {"GET", "HEAD"}
        if standing is Standing.UNCLEAR:
            return away_page() if is_page else _plain(503, "The service does not answer.")
        if standing is Standing.NOBODY:
            return _to_login(scope, headers) if is_page else _plain(401, "Sign in first.")
        return self._document(str(headers.get("host"))) if is_page else None

    def _document(self, host: str) -> Response:
        policy = content_security_policy(self._page, host)
        headers = {"content-security-policy": policy, "cache-control": "no-store"}
        return HTMLResponse(self._page, headers=headers)

    async def _standing(self, headers: Headers) -> Standing:
        return await self._visitors.standing(token_of(headers))


def token_of(headers: Headers) -> str | None:
    """Return the token of the session that a request shows."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def _to_login(scope: Scope, headers: Headers) -> Response:
    """Lead to the login, and from there back to where somebody wanted to go.

    A cookie that was not sent is not cleared: a link from elsewhere comes without it (SameSite=Strict).
    """
    query = scope.get("query_string", b"").decode("ascii", "replace")
    wanted = safe_path(scope["path"] + (f"?{query}" if query else ""))
    suffix = "" if wanted == "/" else f"?next={quote(wanted, safe='')}"
    answer = RedirectResponse(f"{LOGIN}{suffix}", HTTPStatus.SEE_OTHER)
    return answer if token_of(headers) is None else clear_cookie(answer)


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(f"{text}\n", status)


def _with_headers(send: Send) -> Send:
    """Return a `send` that adds the headers which every answer has."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("content-security-policy", PLAIN_POLICY)
        await send(message)

    return send_with_headers
