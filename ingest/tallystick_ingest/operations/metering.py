"""Counts every HTTP request, whatever answers it, by the template of its address."""

import time
from collections.abc import MutableMapping
from typing import Any, Final

from tallystick_ingest.edge import Application
from tallystick_ingest.operations.metrics import Metrics
from tallystick_ingest.otlp.http import Scope, Send
from tallystick_ingest.otlp.incoming import Receive
from tallystick_ingest.route import route_of

CUT_OFF: Final = 499
"""Counted where no answer was begun: the sender went away. nginx counts it so."""


class Metered:
    """ASGI middleware around the edge."""

    def __init__(self, app: Application, metrics: Metrics) -> None:
        """Count the requests of `app`."""
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and count it, or the lifespan."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began_s = CUT_OFF, time.perf_counter()

        async def send_noted(event: MutableMapping[str, Any]) -> None:
            nonlocal status
            if event["type"] == "http.response.start":
                status = event["status"]
            await send(event)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            took_s = time.perf_counter() - began_s
            self._metrics.note_request("http", route_of(scope), status, took_s)
