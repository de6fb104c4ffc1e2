"""Which methods an address takes, for the `Allow` of a 405: a router names those of its first route alone."""

from collections.abc import Sequence

from fastapi import APIRouter
from fastapi.routing import APIRoute


def allowed_methods(routers: Sequence[APIRouter], path: str) -> str:
    """Return the methods of every route of a path, as `Allow` has them (RFC 9110, 10.2.1)."""
    found = {
        method
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.path_regex.match(path)
        for method in route.methods or ()
    }
    return ", ".join(sorted(found))
