"""The application: OTLP as plain ASGI, the query API as FastAPI, the edge around both, one for each tenant."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache, partial
from typing import Final

from fastapi import FastAPI
from starlette.routing import Route

from tallystick_ingest import VERSION
from tallystick_ingest.api import (
    admin,
    backups,
    blobs,
    credentials,
    emitters,
    erasures,
    evidence,
    exports,
    floor,
    health,
    keys,
    live,
    log,
    login,
    metrics,
    openapi,
    overview,
    proofs,
    queries,
    retention,
    search,
    sign_on,
    skeleton,
    sql,
    statistics,
    tools,
    traces,
    wellknown,
)
from tallystick_ingest.api import tenants as tenants_api
from tallystick_ingest.api.guard import add_error_answers
from tallystick_ingest.api.methods import allowed_methods
from tallystick_ingest.edge import Application, Edge
from tallystick_ingest.operations.metering import Metered
from tallystick_ingest.otlp.answer import Signal
from tallystick_ingest.otlp.cross_origin import CrossOrigin
from tallystick_ingest.otlp.http import OtlpAddress, Scope, Send, no_such_address, report_fault
from tallystick_ingest.otlp.incoming import Receive
from tallystick_ingest.service import HOUSEKEEPING_S, Service
from tallystick_ingest.tenant_switch import TenantSwitch
from tallystick_ingest.tenants import Tenants

ROUTERS: Final = tuple(
    module.router
    for module in (
        health,
        metrics,
        login,
        admin,
        keys,
        emitters,
        erasures,
        log,
        proofs,
        queries,
        traces,
        skeleton,
        search,
        statistics,
        tools,
        credentials,
        overview,
        floor,
        retention,
        evidence,
        exports,
        backups,
        blobs,
        live,
        sql,
        tenants_api,
        wellknown,
        sign_on,
        openapi,
    )
)
"""The API, in the order in which docs/openapi.json has what they define."""
_SIGNALS: Final[tuple[Signal, ...]] = ("logs", "traces", "metrics")


def create_app(tenants: Tenants) -> TenantSwitch:
    """Return the ASGI application of open services; whoever opened them closes them."""
    return TenantSwitch(tenants, partial(_application, tenants))


def _application(tenants: Tenants, service: Service) -> Metered:
    """Return the application of one tenant."""
    app = FastAPI(
        title="Tallystick",
        version=VERSION,
        redirect_slashes=False,  # a client follows no redirect with its key
        docs_url=None,
        redoc_url=None,
        openapi_url=None,  # api/openapi.py: nothing is shown without a credential
        lifespan=_lifespan,
    )
    app.state.service = service
    app.state.tenants = tenants
    origins = service.config.otlp.cors_origins
    addresses = {
        f"/v1/{signal}": CrossOrigin(OtlpAddress(service.intake, signal), origins)
        for signal in _SIGNALS
    }
    for others in ("/v1/{signal:path}", "/v1development/{signal:path}"):
        app.router.routes.append(Route(others, no_such_address))
    for router in ROUTERS:
        app.include_router(router)
    app.state.allowed = partial(allowed_methods, ROUTERS)
    app.state.description = cache(partial(openapi.print_description, ROUTERS))
    add_error_answers(app)
    edge = Edge(
        _Fork(addresses, app), service, service.config.core.request_timeout_s, service.challenges
    )
    return Metered(edge, service.metrics)


class _Fork:
    """ASGI: the OTLP addresses at once, everything else through the framework."""

    def __init__(self, addresses: Mapping[str, Application], app: Application) -> None:
        self._addresses = addresses
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = self._addresses.get(scope["path"]) if scope["type"] == "http" else None
        await (address or self._app)(scope, receive, send)


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    housekeeping = asyncio.create_task(_keep_house(app.state.tenants))
    yield
    housekeeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await housekeeping


async def _keep_house(tenants: Tenants) -> None:
    while True:
        await asyncio.sleep(HOUSEKEEPING_S)
        await asyncio.to_thread(_tend, "finding tenants", tenants.discover)
        for service in tenants:
            await asyncio.to_thread(
                _tend, f"housekeeping of {service.keys.name}", service.housekeep
            )


def _tend(what: str, work: Callable[[], None]) -> None:
    """Do something that is due; what fails is no other's trouble, and is tried again in a minute."""
    try:
        work()
    except Exception as fault:  # noqa: BLE001 - whatever it is, the next minute comes
        report_fault(what, fault, "tried again in a minute")
