"""Downloads: an evidence package or a large value streamed through, with the visitor's own rights.

It never stands in memory or in the page; the service refuses whoever may not have it.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tallystick_dashboard.client import (
    DashboardError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    Package,
    RefusedError,
)
from tallystick_dashboard.login import ClientOf
from tallystick_dashboard.session import COOKIE

DOWNLOAD: Final = "/download"
BLOB: Final = "/blob"
_KEPT: Final[tuple[str, ...]] = ("content-disposition", "content-length", "content-type")
_STATUS: Final[dict[type[DashboardError], int]] = {
    NotSignedInError: HTTPStatus.UNAUTHORIZED,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    RefusedError: HTTPStatus.CONFLICT,
}


def download_routes(client_of: ClientOf) -> list[Route]:
    """Return the routes `/download/{export id}` and `/blob/{sha256}`."""

    async def package(request: Request) -> Response:
        client = client_of(request.cookies.get(COOKIE))
        return await _streamed(partial(client.package, request.path_params["export_id"]))

    async def blob(request: Request) -> Response:
        client = client_of(request.cookies.get(COOKIE))
        return await _streamed(partial(client.blob, request.path_params["sha256"]))

    return [
        Route(f"{DOWNLOAD}/{{export_id}}", package, methods=["GET"]),
        Route(f"{BLOB}/{{sha256}}", blob, methods=["GET"]),
    ]


async def _streamed(ask: Callable[[], Package]) -> Response:
    try:
        found = await asyncio.to_thread(ask)
    except DashboardError as error:
        status = _STATUS.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE)
        return PlainTextResponse(f"{error}\n", status)
    stated = {name.lower(): value for name, value in found.headers.items()}
    headers = {name: stated[name] for name in _KEPT if name in stated}
    headers["cache-control"] = "no-store"
    return StreamingResponse(found.chunks, headers=headers)
