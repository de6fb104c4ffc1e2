"""mcp 2.x, server side: two callables in the middleware list of every `Server`.

The outer one stands first, so it sees the request before anything is validated and the result as it is
sent, and it returns after mcp's own OpenTelemetry middleware has closed its span. The inner one stands
behind that, knows the span, and records `tool.started` before the tool runs.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

from tallystick import runtime
from tallystick.capture.call import Call, Sighting, current_call, made_current
from tallystick.capture.identity import text
from tallystick.capture.receipt import stated_receipt
from tallystick.errors import RefusedError
from tallystick.instrument import mcp_facts, mcp_transport
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_auth import passed_check, server_identity
from tallystick.instrument.mcp_definitions import definition_of, know_manager, note_listing
from tallystick.instrument.mcp_rounds import in_rounds
from tallystick.instrument.observe import announced, observed, refuse_unseen
from tallystick.profile import JsonValue
from tallystick.tracing import spans

MCP_TRACER = "mcp-python-sdk"
CallNext = Callable[[Any], Awaitable[Any]]


class ServerHooks:
    """The wrappers and middlewares for mcp 2.x servers."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    def init_server(
        self,
        wrapped: Callable[..., None],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run `Server.__init__`, then put the middlewares in."""
        wrapped(*args, **kwargs)
        self._framework.safely(lambda: self.attach(instance))

    def init_runner(
        self,
        wrapped: Callable[..., None],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run `ServerRunner.__init__`; a server that was made before us gets its middlewares here."""
        wrapped(*args, **kwargs)
        self._framework.safely(lambda: self.attach(instance.server))

    def init_mcpserver(
        self,
        wrapped: Callable[..., None],
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run `MCPServer.__init__`, then remember who knows its tools."""
        wrapped(*args, **kwargs)
        self._framework.safely(
            lambda: know_manager(instance._lowlevel_server, instance._tool_manager)  # noqa: SLF001
        )

    def attach(self, server: Any) -> None:
        """Put both middlewares into a server, once."""
        chain = getattr(server, "middleware", None)
        if not isinstance(chain, list):
            self._framework.fail("Server.__init__ has no middleware list")
            return
        if self.is_attached(chain):
            return
        chain.insert(0, partial(self._outer, server))
        chain.insert(_behind_opentelemetry(chain), self._inner)

    def is_attached(self, chain: list[Any]) -> bool:
        """Both middlewares are in the list."""
        return self._inner in chain and any(
            getattr(one, "func", None) == self._outer for one in chain
        )

    async def _outer(self, server: Any, ctx: Any, call_next: CallNext) -> Any:
        is_seen = self._framework.is_on and ctx.request_id is not None
        if not is_seen or ctx.method not in (*mcp_facts.TARGETS, mcp_facts.LIST_TOOLS):
            return await call_next(ctx)
        if ctx.method == mcp_facts.LIST_TOOLS:
            listing = await call_next(ctx)
            self._framework.safely(lambda: _note_listing(server, ctx, listing), records=True)
            return listing
        call = self._framework.safely(lambda: _begun(server, ctx), records=True)
        if call is None:
            self._refuse_unseen(ctx)
            return await call_next(ctx)
        with made_current(call):
            return await observed(
                self._framework,
                call,
                lambda: in_rounds(
                    self._framework, call, (None, ctx.method, ctx.params), lambda: call_next(ctx)
                ),
                mcp_facts.ending,
                mcp_facts.error_ending,
            )

    async def _inner(self, ctx: Any, call_next: CallNext) -> Any:
        call = current_call()
        if call is None or call.sighting.observer != "mcp_server" or call.span is not None:
            return await call_next(ctx)
        self._framework.safely(lambda: _give_span(call, ctx.meta))
        with spans.activated(call.span):
            return await self._announce_and_go(call, ctx, call_next)

    async def _announce_and_go(self, call: Call, ctx: Any, call_next: CallNext) -> Any:
        try:
            await announced(self._framework, call)
        except RefusedError as refusal:
            raise _mcp_error(call.sighting.name) from refusal
        return await call_next(ctx)

    def _refuse_unseen(self, ctx: Any) -> None:
        name = (ctx.params or {}).get("name") if ctx.method == "tools/call" else None
        try:
            refuse_unseen(self._framework, name)
        except RefusedError as refusal:
            raise _mcp_error(str(name)) from refusal


def _begun(server: Any, ctx: Any) -> Call | None:
    running = runtime.current()
    if running is None:
        return None
    return Call(running, replace(_sighting(server, ctx), decision=passed_check(ctx.request)))


def _sighting(server: Any, ctx: Any) -> Sighting:
    params = ctx.params or {}
    transport = _transport(ctx)
    name = params.get("name")
    definition = definition_of(server, name) if isinstance(name, str) else None
    return mcp_facts.sighting(
        "mcp_server",
        ctx.method,
        params,
        {
            **_server_facts(server, transport),
            "mcp.protocol_version": ctx.protocol_version,
            "mcp.session_id": _session_id(ctx.request),
            "jsonrpc.request_id": text(ctx.request_id),
            **(stated_receipt(ctx.meta, params) if ctx.method == "tools/call" else {}),
        },
        server_identity(ctx.request, _client_info(ctx), transport),
        definition if ctx.method == "tools/call" else None,
    )


def _note_listing(server: Any, ctx: Any, listing: Any) -> None:
    transport = _transport(ctx)
    identity = server_identity(ctx.request, _client_info(ctx), transport)
    tools = mcp_facts.wire(listing)["tools"]
    note_listing(server, "mcp_server", tools, _server_facts(server, transport), identity)


def _server_facts(server: Any, transport: str | None) -> dict[str, JsonValue]:
    return {
        "server.name": server.name,
        "server.version": server.version,
        "mcp.transport": transport,
    }


def _transport(ctx: Any) -> str | None:
    channel = getattr(ctx.session, "_request_outbound", None)
    kind = getattr(getattr(channel, "transport", None), "kind", None)
    return mcp_transport.of_server(ctx.request, kind)


def _client_info(ctx: Any) -> Any:
    return getattr(ctx.session.client_params, "client_info", None)


def _session_id(request: Any) -> str | None:
    return request.headers.get("mcp-session-id") if request is not None else None


def _give_span(call: Call, meta: Any) -> None:
    borrowed = spans.borrow(MCP_TRACER, "server")
    if borrowed is not None:
        call.borrow_span(borrowed)
    else:
        call.open_span(spans.extracted(meta) if meta else None)


def _behind_opentelemetry(chain: list[Any]) -> int:
    names = [type(one).__name__ for one in chain]
    return names.index("OpenTelemetryMiddleware") + 1 if "OpenTelemetryMiddleware" in names else 1


def _mcp_error(tool: str) -> Exception:
    from mcp.shared.exceptions import MCPError  # noqa: PLC0415 - the host has loaded it

    return MCPError(mcp_facts.INTERNAL_ERROR, mcp_facts.refusal_text(tool))
