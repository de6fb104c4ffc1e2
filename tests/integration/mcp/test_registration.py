"""Clients that register themselves with a server of this process, by mcp's own endpoint for it."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.server.auth.handlers.register import RegistrationHandler
from mcp.server.auth.settings import ClientRegistrationOptions
from starlette.requests import Request

from tallystick.instrument.mcp_auth import server_identity
from tests.recorded import Recording

Start = Callable[..., Callable[[], Recording]]

pytestmark = pytest.mark.anyio


class Provider:
    """Takes every client."""

    async def register_client(self, client_info: object) -> None:
        """Keep nothing."""


async def register(body: dict[str, Any]) -> dict[str, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    handler = RegistrationHandler(Provider(), ClientRegistrationOptions(enabled=True))  # type: ignore[arg-type]
    scope = {"type": "http", "method": "POST", "headers": []}
    response = await handler.handle(Request(scope, receive))
    answer: dict[str, Any] = json.loads(bytes(response.body))
    return answer


def kind_of(client_id: str) -> str | None:
    token = SimpleNamespace(token="x", client_id=client_id, scopes=[], subject="ada", claims={})
    request = SimpleNamespace(scope={"user": SimpleNamespace(access_token=token)})
    return server_identity(request, None, "http").client.id_kind


async def test_a_client_that_registered_itself_here_is_told_from_others(start: Start) -> None:
    start()
    known = await register({"redirect_uris": ["https://app.example/back"], "client_name": "app"})
    assert kind_of(known["client_id"]) == "registered"
    assert kind_of("somebody-else") == "unknown"
    assert kind_of("https://app.example/client.json") == "metadata_document"


async def test_a_registration_that_is_refused_gives_no_client(start: Start) -> None:
    start()
    answer = await register({"redirect_uris": "nonsense"})
    assert "client_id" not in answer
    assert answer["error"]


async def test_a_client_that_registered_before_the_hooks_is_unknown() -> None:
    known = await register({"redirect_uris": ["https://app.example/back"]})
    assert kind_of(known["client_id"]) == "unknown"
