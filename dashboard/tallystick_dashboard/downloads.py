"""Downloads: an evidence package streamed through, with the visitor's own rights.

It never stands in memory or in the page; the service refuses whoever may not export.
"""

import asyncio
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
    RefusedError,
)
from tallystick_dashboard.login import ClientOf
from tallystick_dashboard.session import COOKIE

DOWNLOAD: Final = "/download"
_KEPT: Final[tuple[str, ...]] = ("content-disposition", "content-length", "content-type")
_STATUS: Final[dict[type[DashboardError], int]] = {
    NotSignedInError: HTTPStatus.UNAUTHORIZED,
    NotAllowedError: HTTPStatus.FORBIDDEN,
    NotFoundError: HTTPStatus.NOT_FOUND,
    RefusedError: HTTPStatus.CONFLICT,
}


def download_routes(client_of: ClientOf) -> list[Route]:
    """Return the route `/download/{export id}`."""

    async def download(request: Request) -> Response:
        client = client_of(request.cookies.get(COOKIE))
        try:
            package = await asyncio.to_thread(client.package, request.path_params["export_id"])
        except DashboardError as error:
            status = _STATUS.get(type(error), HTTPStatus.SERVICE_UNAVAILABLE)
            return PlainTextResponse(f"{error}\n", status)
        stated = {name.lower(): value for name, value in package.headers.items()}
        headers = {name: stated[name] for name in _KEPT if name in stated}
        headers["cache-control"] = "no-store"
        return StreamingResponse(package.chunks, headers=headers)

    return [Route(f"{DOWNLOAD}/{{export_id}}", download, methods=["GET"])]
