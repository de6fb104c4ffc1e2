"""The switch in front of the tenants: each request goes to the application of the tenant whose credential it shows.

An application knows one tenant's service and nothing of the others: which store an answer may come from is
decided here, once, before any route runs. A request with a credential of nobody goes to the operator's, which
refuses and counts it; a log-in shows none yet, and names its tenant itself (api/login.py).
"""

from collections.abc import Callable

from tallystick_ingest.edge import Application
from tallystick_ingest.otlp.http import Scope, Send, header_map
from tallystick_ingest.otlp.incoming import Receive
from tallystick_ingest.service import Service
from tallystick_ingest.tenants import Tenants


class TenantSwitch:
    """An ASGI application in front of one application for each tenant."""

    def __init__(self, tenants: Tenants, make: Callable[[Service], Application]) -> None:
        """Make the application of a tenant by `make`, once, when it is first asked for."""
        self._tenants = tenants
        self._make = make
        self._applications: dict[Service, Application] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the lifespan is that of the operator's application."""
        service = self._tenants.operator
        if scope["type"] == "http":
            service = self._tenants.holder(header_map(scope))
        application = self._applications.get(service)
        if application is None:
            application = self._applications[service] = self._make(service)
        await application(scope, receive, send)
