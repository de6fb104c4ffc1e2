"""mcp 1.x, server side: `Server._handle_request`, through which every request goes to its handler.

The handler answers through `message.respond`; for the time of one request that method is ours, so the
result and the protocol errors are seen as they are sent. 1.x has no spans and no trace context of its own.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from tallystick import runtime
from tallystick.capture.call import Call, Ending, Sighting, made_current
from tallystick.capture.identity import text
from tallystick.capture.receipt import stated_receipt
from tallystick.errors import RefusedError
from tallystick.instrument import mcp_facts, mcp_transport
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_auth import passed_check, server_identity
from tallystick.instrument.mcp_definitions import definition_of, know_manager, note_listing
from tallystick.instrument.observe import announced, refuse_unseen
from tallystick.instrument.patch import argument
from tallystick.profile import JsonValue
from tallystick.tracing import spans


class ServerHooksV1:
    """The wrappers for mcp 1.x servers."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    async def handle_request(
        self,
        wrapped: Callable[..., Awaitable[None]],
        server: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run `Server._handle_request` as an observed call, where the method is one of a tool's."""

        async def proceed() -> None:
            await wrapped(*args, **kwargs)

        message, request = argument(0, "message", args, kwargs), argument(1, "req", args, kwargs)
        method = getattr(request, "method", None)
        if not self._framework.is_on or method not in (*mcp_facts.TARGETS, mcp_facts.LIST_TOOLS):
            await proceed()
        elif method == mcp_facts.LIST_TOOLS:
            self._framework.safely(lambda: self._watch_listing(server, message))
            await proceed()
        else:
            await self._observe(server, message, request, proceed)

    def init_fastmcp(
        self,
        wrapped: Callable[..., None],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run `FastMCP.__init__`, then remember who knows its tools."""
        wrapped(*args, **kwargs)
        self._framework.safely(
            lambda: know_manager(instance._mcp_server, instance._tool_manager)  # noqa: SLF001
        )

    async def _observe(
        self,
        server: Any,
        message: Any,
        request: Any,
        proceed: Callable[[], Awaitable[None]],
    ) -> None:
        meta = self._framework.safely(lambda: mcp_facts.wire(message.request_meta))
        call = self._framework.safely(lambda: _begun(server, message, request, meta), records=True)
        if call is None:
            refuse_unseen(self._framework, getattr(request.params, "name", None))
            await proceed()
            return
        self._framework.safely(lambda: call.open_span(_parent(meta)))
        with made_current(call), spans.activated(call.span):
            try:
                await announced(self._framework, call)
            except RefusedError as error:
                refusal = error
                self._framework.safely(
                    lambda: call.end(mcp_facts.error_ending(refusal)), records=True
                )
                await message.respond(_error_data(call.sighting.name))
                return
            self._framework.safely(lambda: self._watch_answer(call, message))
            await self._finish(call, proceed)

    async def _finish(self, call: Call, proceed: Callable[[], Awaitable[None]]) -> None:
        try:
            await proceed()
        except BaseException as error:
            failure = error
            self._framework.safely(lambda: call.end(mcp_facts.error_ending(failure)), records=True)
            raise
        # 1.x swallows a cancellation by the client: then nothing was answered
        self._framework.safely(lambda: call.end(mcp_facts.cancelled()), records=True)

    def _watch_answer(self, call: Call, message: Any) -> None:
        respond = message.respond

        async def answer(response: Any) -> None:
            self._framework.safely(lambda: call.end(_ending(response)), records=True)
            await respond(response)

        message.respond = answer

    def _watch_listing(self, server: Any, message: Any) -> None:
        respond = message.respond

        async def answer(response: Any) -> None:
            self._framework.safely(lambda: _note_listing(server, message, response), records=True)
            await respond(response)

        message.respond = answer


def _begun(server: Any, message: Any, request: Any, meta: Any) -> Call | None:
    running = runtime.current()
    if running is None:
        return None
    seen = _sighting(server, message, request, meta)
    return Call(running, replace(seen, decision=passed_check(_http(message))))


def _sighting(server: Any, message: Any, request: Any, meta: Any) -> Sighting:
    params = mcp_facts.wire(request.params)
    http, transport = _http(message), _transport(message)
    is_tool = request.method == "tools/call"
    return mcp_facts.sighting(
        "mcp_server",
        request.method,
        params,
        {
            **_server_facts(server, message, transport),
            "mcp.protocol_version": _protocol_version(message),
            "mcp.session_id": http.headers.get("mcp-session-id") if http is not None else None,
            "jsonrpc.request_id": text(message.request_id),
            **(stated_receipt(meta, params) if is_tool else {}),
        },
        server_identity(http, _client_info(message), transport),
        definition_of(server, params["name"]) if is_tool else None,
    )


def _note_listing(server: Any, message: Any, response: Any) -> None:
    sent = mcp_facts.wire(response)
    if "tools" in sent:
        transport = _transport(message)
        identity = server_identity(_http(message), _client_info(message), transport)
        facts = _server_facts(server, message, transport)
        note_listing(server, "mcp_server", sent["tools"], facts, identity)


def _ending(response: Any) -> Ending:
    sent = mcp_facts.wire(response)
    if isinstance(sent, Mapping) and isinstance(sent.get("code"), int) and "message" in sent:
        return mcp_facts.protocol_ending(sent["code"], str(sent["message"]))
    return mcp_facts.ending(sent)


def _server_facts(server: Any, message: Any, transport: str | None) -> dict[str, JsonValue]:
    """Return what the server said about itself in the handshake, which need not be its object's name."""
    said = getattr(message._session, "_init_options", None)  # noqa: SLF001
    return {
        "server.name": getattr(said, "server_name", server.name),
        "server.version": getattr(said, "server_version", server.version),
        "mcp.transport": transport,
    }


def _http(message: Any) -> Any:
    return getattr(message.message_metadata, "request_context", None)


def _transport(message: Any) -> str | None:
    return mcp_transport.of_server(_http(message), None)


def _client_info(message: Any) -> Any:
    return getattr(_client_params(message), "clientInfo", None)


def _client_params(message: Any) -> Any:
    return getattr(message._session, "client_params", None)  # noqa: SLF001


def _protocol_version(message: Any) -> str | None:
    """Return what 1.x negotiates: the version asked for if it knows it, else its newest."""
    supported = sys.modules["mcp.shared.version"].SUPPORTED_PROTOCOL_VERSIONS
    asked = getattr(_client_params(message), "protocolVersion", None)
    if asked is None:
        return None
    newest = sys.modules["mcp.types"].LATEST_PROTOCOL_VERSION
    return str(asked if asked in supported else newest)


def _parent(meta: Any) -> Any:
    return spans.extracted(meta) if isinstance(meta, Mapping) else None


def _error_data(tool: str) -> Any:
    error_data = sys.modules["mcp.types"].ErrorData
    return error_data(code=mcp_facts.INTERNAL_ERROR, message=mcp_facts.refusal_text(tool))
