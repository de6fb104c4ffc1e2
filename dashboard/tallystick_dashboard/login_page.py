"""The page of the login: what it shows, where it leads, and the cookie that it hands out."""

import time
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tallystick_dashboard.client import (
    DashboardError,
    Login,
    NotSignedInError,
    RefusedError,
    ServiceAwayError,
)
from tallystick_dashboard.document import PLAIN_POLICY
from tallystick_dashboard.session import COOKIE
from tallystick_dashboard.text import safe

LOGIN: Final = "/login"
LOGOUT: Final = "/logout"
SIGN_ON: Final = f"{LOGIN}/oidc"
CALLBACK: Final = f"{SIGN_ON}/callback"

_HOME: Final = Path(__file__).with_name("door")


def _framed(name: str, title: str, head: str) -> str:
    """Return one of the door's pages in the frame that they share."""
    frame, body = ((_HOME / f"{one}.html").read_text(encoding="utf-8") for one in ("frame", name))
    parts = {"{{head}}": head, "{{title}}": title, "{{body}}": body}
    for place, part in parts.items():
        frame = frame.replace(place, part)
    return frame


_PAGE: Final = _framed("login", "Sign in", '<script defer src="/door/login.js"></script>')
_AWAY: Final = _framed("away", "No answer", '<meta http-equiv="refresh" content="3">')
_ARRIVED: Final = _framed(
    "arrived", "Signed in", '<meta http-equiv="refresh" content="0; url={{next}}">'
)
_HEADERS: Final = {"content-security-policy": PLAIN_POLICY, "cache-control": "no-store"}
_US: Final = 1_000_000
_STATUS: Final[dict[type[DashboardError], int]] = {
    NotSignedInError: HTTPStatus.UNAUTHORIZED,
    RefusedError: HTTPStatus.TOO_MANY_REQUESTS,
    ServiceAwayError: HTTPStatus.SERVICE_UNAVAILABLE,
}


def address_of(request: Request) -> str:
    """Return the address that a request came from: that of a proxy, unless it is a trusted one."""
    return request.client.host if request.client else ""


def login_page(
    wanted: str, said: str = "", status: int = HTTPStatus.OK, issuer: str | None = None
) -> Response:
    """Return the form; with an issuer, also the way to log in there."""
    alert = f'<p role="alert">{escape(safe(said))}</p>' if said else ""
    page = _PAGE.replace("{{sign_on}}", "" if issuer is None else _way_to(issuer, wanted))
    page = page.replace("{{next}}", escape(wanted)).replace("{{alert}}", alert)
    return HTMLResponse(page, status, dict(_HEADERS))


def refused_page(wanted: str, error: DashboardError, issuer: str | None = None) -> Response:
    """Return the form with what the service said, and the status that fits."""
    return login_page(wanted, str(error), _STATUS.get(type(error), HTTPStatus.FORBIDDEN), issuer)


def arrived_page(wanted: str) -> Response:
    """Return a page that goes on to `wanted` by itself.

    A redirect would not do: the browser comes from another site, and would not send the session's cookie with it.
    """
    return HTMLResponse(_ARRIVED.replace("{{next}}", escape(wanted)), headers=dict(_HEADERS))


def away_page() -> Response:
    """Return the page for strangers while the service does not answer; it asks again by itself."""
    return HTMLResponse(_AWAY, HTTPStatus.SERVICE_UNAVAILABLE, {**_HEADERS, "retry-after": "3"})


def set_cookie(answer: Response, login: Login, *, is_secure: bool) -> Response:
    """Hand a session over to the browser: no script reads it, and no other site sends it."""
    answer.set_cookie(
        COOKIE,
        login.token,
        max_age=max(0, login.ends_us // _US - int(time.time())),
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )
    return answer


def clear_cookie(answer: Response) -> Response:
    """Let the browser forget the session."""
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer


def safe_path(text: str) -> str:
    """Return a path of this dashboard to go to after the login; `/` for anything else."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    is_ours = text.startswith("/") and not text.startswith(("//", "/\\", LOGIN, LOGOUT))
    if not is_ours or parts.scheme or parts.netloc or "\\" in text or not text.isprintable():
        return "/"
    if "." in parts.path or "%" in parts.path:
        return "/"  # no page of ours; a browser could read it as the way out
    return quote(text, safe="/?&=%:+-._~,")


def _way_to(issuer: str, wanted: str) -> str:
    href = f"{SIGN_ON}?next={quote(wanted, safe='')}"
    host = urlsplit(issuer).netloc
    return f'<p><a id="by-issuer" href="{escape(href)}">Sign in with {escape(safe(host))}</a></p>'
