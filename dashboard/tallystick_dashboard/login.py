"""The login: a plain page of ours, before anything of Streamlit is served.

Name and password are posted as a form, without a script. The token of a one-time link stands behind `#`,
which browsers send to nobody; a script puts it into a form that a person then posts. The guard has
checked the origin of what is posted. The session's token goes into a cookie that no script can read.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tallystick_dashboard.client import Client, DashboardError, Login, NotSignedInError
from tallystick_dashboard.config import is_loopback
from tallystick_dashboard.failures import Failures
from tallystick_dashboard.login_page import (
    LOGIN,
    LOGOUT,
    address_of,
    clear_cookie,
    login_page,
    refused_page,
    safe_path,
    set_cookie,
)
from tallystick_dashboard.session import COOKIE
from tallystick_dashboard.sign_on import SignOn
from tallystick_dashboard.visitors import Standing, Visitors

MAX_BODY_BYTES: Final = 16 * 1024
"""Ours: a name, a password and a path."""
MAX_LOGINS: Final = 2
"""Passwords being checked at one time; a further one gets a 503. Each holds a thread for as long as
the service takes for it, and whoever is signed in needs the threads that are left."""
_BUSY: Final = "Others are signing in: try again in a second"
_FORM: Final = "application/x-www-form-urlencoded"
_OWN_SITES: Final = frozenset(("same-origin", "none", ""))

ClientOf = Callable[[str | None], Client]


class Door:
    """The routes of the login, over a service that `client_of(token)` asks."""

    def __init__(self, client_of: ClientOf, visitors: Visitors) -> None:
        """Forget in `visitors` whoever signs out."""
        self._client_of = client_of
        self._visitors = visitors
        self._failures = Failures()
        self._sign_on = SignOn(client_of, self._failures)
        self._logins = 0

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route(LOGIN, self.page, methods=["GET"]),
            Route(LOGIN, self.enter, methods=["POST"]),
            Route(f"{LOGIN}/link", self.enter_by_link, methods=["POST"]),
            Route(f"{LOGIN}/link", self.page, methods=["GET"]),
            Route(f"{LOGIN}/state", self.state, methods=["GET"]),
            Route(LOGOUT, self.leave, methods=["GET"]),
            *self._sign_on.routes(),
        ]

    async def page(self, request: Request) -> Response:
        """Show the form."""
        wanted = safe_path(request.query_params.get("next", "/"))
        return login_page(wanted, issuer=await self._sign_on.ask())

    async def state(self, request: Request) -> Response:
        """Say whether the visitor is signed in: 204, otherwise 200.

        A link from elsewhere arrives without the cookie (SameSite=Strict); our script asks again.
        """
        standing = await self._visitors.standing(request.cookies.get(COOKIE))
        return Response(status_code=204 if standing is Standing.SIGNED_IN else 200)

    async def enter(self, request: Request) -> Response:
        """Sign in by name and password."""
        given = await _fields(request)
        if self._logins >= MAX_LOGINS:
            wanted, issuer = safe_path(given["next"]), self._sign_on.issuer
            return login_page(wanted, _BUSY, HTTPStatus.SERVICE_UNAVAILABLE, issuer)
        self._logins += 1
        try:
            return await self._begin(
                request, given, lambda asking: asking.login(given["name"], given["password"])
            )
        finally:
            self._logins -= 1

    async def enter_by_link(self, request: Request) -> Response:
        """Sign in by the one-time link."""
        given = await _fields(request)
        return await self._begin(
            request, given, lambda asking: asking.login_by_link(given["token"])
        )

    async def leave(self, request: Request) -> Response:
        """End the session; another site's page can not."""
        if request.headers.get("sec-fetch-site", "") not in _OWN_SITES:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        token = request.cookies.get(COOKIE)
        if token:
            self._visitors.forget(token)
            try:
                await asyncio.to_thread(self._client_of(token).logout)
            except NotSignedInError:
                pass  # it had ended before
            except DashboardError as error:
                return login_page(
                    "/", f"You are still signed in: {error}", HTTPStatus.SERVICE_UNAVAILABLE
                )
        return clear_cookie(RedirectResponse(LOGIN, HTTPStatus.SEE_OTHER))

    async def _begin(
        self, request: Request, given: dict[str, str], ask: Callable[[Client], Login]
    ) -> Response:
        """Ask the service for a session and hand it over as a cookie, or say why there is none."""
        wanted, address = safe_path(given["next"]), address_of(request)
        said = None if is_loopback(address) else self._failures.refusal(address)
        if said is not None:
            return login_page(wanted, said, HTTPStatus.TOO_MANY_REQUESTS, self._sign_on.issuer)
        try:
            login = await asyncio.to_thread(ask, self._client_of(None).asked_by(address))
        except DashboardError as error:
            if isinstance(error, NotSignedInError):
                self._failures.note(address)
            return refused_page(wanted, error, self._sign_on.issuer)
        answer = RedirectResponse(wanted, HTTPStatus.SEE_OTHER)
        is_secure = request.headers.get("origin", "").startswith("https:")
        return set_cookie(answer, login, is_secure=is_secure)


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a posted form, empty where they are missing or the body is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            body = b""
            break
    is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM
    try:
        found = parse_qs(body.decode("utf-8", "replace"), max_num_fields=8) if is_form else {}
    except ValueError:
        found = {}  # more fields than our forms have
    return {name: found.get(name, [""])[0] for name in ("name", "password", "token", "next")}
