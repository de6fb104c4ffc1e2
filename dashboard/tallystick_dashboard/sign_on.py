"""Logging in at the service's issuer: there, and back with what the service asked the browser to bring.

The binding of a log-in lies in a cookie of its own, which comes back from another site (SameSite=Lax) and to these
addresses alone. The service believes nothing without it, so that nobody can be logged in by a link of somebody else.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tallystick_dashboard.client import Client, DashboardError
from tallystick_dashboard.failures import Failures
from tallystick_dashboard.login_page import (
    CALLBACK,
    SIGN_ON,
    address_of,
    arrived_page,
    login_page,
    refused_page,
    safe_path,
    set_cookie,
)

BINDING_COOKIE: Final = "tallystick_sign_on"
BINDING_LIFE_S: Final = 600
"""As long as the service believes it."""
MAX_ARRIVALS: Final = 2
"""Log-ins being finished at one time; each holds a thread for as long as the issuer takes."""
ASKING_S: Final = 2.0
"""How long the page of the login waits for a service that does not answer."""
_FIELDS: Final = ("state", "code", "iss", "error")
_SECURE, _PLAIN = "s", "p"
_BETWEEN: Final = "~"

ClientOf = Callable[[str | None], Client]


class SignOn:
    """The routes of a log-in at the issuer, over a service that `client_of(token)` asks."""

    def __init__(self, client_of: ClientOf, failures: Failures) -> None:
        """Know of no issuer yet; count in `failures` what fails."""
        self._client_of = client_of
        self._arriving = 0
        self._failures = failures
        self._asking: asyncio.Task[None] | None = None
        self.issuer: str | None = None
        """Where people log in, as the service said when it was last asked; None: nowhere."""

    def routes(self) -> list[Route]:
        """Return the routes, for the application."""
        return [
            Route(SIGN_ON, self.leave, methods=["GET"]),
            Route(CALLBACK, self.arrive, methods=["GET"]),
        ]

    async def ask(self) -> str | None:
        """Ask the service for its issuer; what it does not say soon, it said before."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        await asyncio.wait([self._asking], timeout=ASKING_S)
        return self.issuer

    async def _ask(self) -> None:
        with suppress(DashboardError):
            self.issuer = await asyncio.to_thread(self._client_of(None).sign_on_issuer)

    async def leave(self, request: Request) -> Response:
        """Send the browser to the issuer."""
        wanted = safe_path(request.query_params.get("next", "/"))
        try:
            asking = self._client_of(None).asked_by(address_of(request))
            begun = await asyncio.to_thread(asking.begin_sign_on)
        except DashboardError as error:
            return refused_page(wanted, error, self.issuer)
        answer = RedirectResponse(begun.url, HTTPStatus.SEE_OTHER, {"cache-control": "no-store"})
        mark = _SECURE if begun.is_secure else _PLAIN
        answer.set_cookie(
            BINDING_COOKIE,
            _BETWEEN.join((begun.binding, mark, quote(wanted, safe=""))),
            max_age=BINDING_LIFE_S,
            path=SIGN_ON,
            secure=begun.is_secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    async def arrive(self, request: Request) -> Response:
        """Take what the issuer sent along, and begin the session."""
        kept = request.cookies.get(BINDING_COOKIE, "").split(_BETWEEN)
        binding, mark, path = kept if len(kept) == 3 else ("", _PLAIN, "")  # noqa: PLR2004 - the parts above
        wanted = safe_path(unquote(path))
        address = address_of(request)
        said = self._failures.refusal(address)
        if said is not None:
            return login_page(wanted, said, HTTPStatus.TOO_MANY_REQUESTS, self.issuer)
        if self._arriving >= MAX_ARRIVALS:
            said = "Others are signing in: try again in a second"
            return login_page(wanted, said, HTTPStatus.SERVICE_UNAVAILABLE, self.issuer)
        self._arriving += 1
        try:
            given = {name: request.query_params.get(name, "") for name in _FIELDS}
            login = await asyncio.to_thread(
                self._client_of(None).asked_by(address).finish_sign_on,
                {"binding": binding, **given},
            )
            answer = set_cookie(arrived_page(wanted), login, is_secure=mark == _SECURE)
        except DashboardError as error:
            self._failures.note(address)
            answer = refused_page(wanted, error, await self.ask())
        finally:
            self._arriving -= 1
        answer.delete_cookie(BINDING_COOKIE, path=SIGN_ON, httponly=True, samesite="lax")
        return answer
