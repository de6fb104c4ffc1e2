"""Which clients registered themselves with an MCP server of this process (RFC 7591), so that a call can say so.

A client id that came by dynamic registration names no program that anybody looked at: whoever asked got one.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from tallystick.capture.identity import Client
from tallystick.instrument.framework import Framework

CREATED: Final = 201
"""RFC 7591, section 3.2.1."""
MAX_CLIENTS: Final = 4096
"""Anybody may register: the ids of the newest are remembered."""
_registered: Final[OrderedDict[str, None]] = OrderedDict()
_lock: Final = threading.Lock()


class RegistrationHooks:
    """The wrapper around mcp's endpoint for dynamic client registration."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    async def handle(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        instance: object,  # noqa: ARG002 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run `RegistrationHandler.handle` and remember the id that it gives out."""
        response = await wrapped(*args, **kwargs)
        self._framework.safely(lambda: _remember(response))
        return response


def with_kind(client: Client) -> Client:
    """Say of a client that registered itself here that it did."""
    if client.id is None or client.id not in _registered:
        return client
    return replace(client, id_kind="registered")


def _remember(response: Any) -> None:
    if response.status_code != CREATED:
        return
    client_id = json.loads(response.body).get("client_id")
    if not isinstance(client_id, str):
        return
    with _lock:
        _registered[client_id] = None
        while len(_registered) > MAX_CLIENTS:
            _registered.popitem(last=False)
