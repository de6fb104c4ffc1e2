"""mcp 1.x and 2.x, client side: `send_request`, through which a session sends every request.

The span of the call is ours and current while mcp sends, so 2.x puts its trace context into `_meta` by
itself; for 1.x it is put there here, alone and never with baggage. With the setting `receipts` the
receipt of a tool's call goes there too.
"""

import secrets
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final, cast, get_args
from weakref import WeakKeyDictionary

from tallystick import runtime
from tallystick.capture.call import Call, Sighting, current_call, made_current, same_call
from tallystick.capture.context import stated_identity
from tallystick.capture.receipt import NONCE_BYTES, CallReceipt
from tallystick.instrument import mcp_facts, mcp_transport
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_definitions import definition_of, note_listing
from tallystick.instrument.mcp_rounds import in_rounds, trace_above
from tallystick.instrument.mcp_tasks import note_call
from tallystick.instrument.observe import announced, observed, refuse_unseen
from tallystick.instrument.patch import argument
from tallystick.profile import JsonValue
from tallystick.tracing import spans

_handshakes: Final[WeakKeyDictionary[object, Any]] = WeakKeyDictionary()
"""Session of 1.x -> the result of its initialize request; 1.x keeps no more than the capabilities."""


class ClientHooks:
    """The wrappers for clients. `injects`: the version sends no trace context by itself."""

    def __init__(self, framework: Framework, *, injects: bool) -> None:
        self._framework = framework
        self._injects = injects

    async def send_request(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        session: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run `send_request` as an observed call, where the method is one of a tool's."""
        given = argument(0, "request", args, kwargs)
        request = getattr(given, "root", given)
        method = getattr(request, "method", None)
        if not self._framework.is_on or runtime.current() is None:
            return await wrapped(*args, **kwargs)
        if method in mcp_facts.TARGETS:
            return await self._observe(wrapped, session, request, (given, args, kwargs))
        result = await wrapped(*args, **kwargs)
        if method == mcp_facts.LIST_TOOLS:
            self._framework.safely(lambda: _note_listing(session, result), records=True)
        elif method == mcp_facts.INITIALIZE:
            self._framework.safely(lambda: _handshakes.__setitem__(session, result))
        return result

    def allocate_id(
        self,
        wrapped: Callable[..., int],
        instance: object,  # noqa: ARG002 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> int:
        """Note the request id that 2.x gives to the call that is being sent."""
        number = wrapped(*args, **kwargs)
        call = current_call()
        if call is not None and "mcp_client" in call.observers:
            call.add_facts({"jsonrpc.request_id": str(number)})
        return number

    async def _observe(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        session: Any,
        request: Any,
        given: tuple[Any, tuple[Any, ...], dict[str, Any]],
    ) -> Any:
        seen = self._framework.safely(lambda: _sighting(session, request), records=True)
        if seen is None:
            refuse_unseen(self._framework, getattr(request.params, "name", None))
            return await wrapped(*given[1], **given[2])
        outer = same_call("mcp_client", seen.name)
        if outer is not None:
            outer.add_facts(seen.statement)
            return await self._send(wrapped, outer, request, given)
        return await self._observe_new(wrapped, seen, request, given)

    async def _observe_new(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        seen: Sighting,
        request: Any,
        given: tuple[Any, tuple[Any, ...], dict[str, Any]],
    ) -> Any:
        call = self._framework.safely(lambda: _begun(seen, request), records=True)
        if call is None:
            refuse_unseen(self._framework, seen.name)
            return await wrapped(*given[1], **given[2])
        with made_current(call), spans.activated(call.span):
            return await observed(
                self._framework,
                call,
                lambda: self._send(wrapped, call, request, given),
                mcp_facts.ending,
                mcp_facts.error_ending,
            )

    async def _send(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        call: Call,
        request: Any,
        given: tuple[Any, tuple[Any, ...], dict[str, Any]],
    ) -> Any:
        """Announce the call, put into the request what joins the server's record to it, and send it."""
        receipt = self._framework.safely(lambda: _given_receipt(call, request))
        await announced(self._framework, call)
        message, args, kwargs = given
        marked = self._framework.safely(lambda: _marked(message, self._meta_for(call, receipt)))
        if marked is not None and args:
            args = (marked, *args[1:])
        elif marked is not None:
            kwargs = {**kwargs, "request": marked}
        session = getattr(wrapped, "__self__", None)
        asking = (session, request.method, request.params)
        result = await in_rounds(self._framework, call, asking, lambda: wrapped(*args, **kwargs))
        self._framework.safely(lambda: note_call(session, call, result))
        return result

    def _meta_for(self, call: Call, receipt: CallReceipt | None) -> dict[str, JsonValue]:
        meta: dict[str, JsonValue] = {}
        if self._injects and call.span is not None:
            meta |= spans.injected(call.span)
        if receipt is not None:
            meta |= replace(receipt, record=call.record_hash).meta
        return meta


def _begun(seen: Sighting, request: Any) -> Call | None:
    running = runtime.current()
    if running is None:
        return None
    call = Call(running, seen)
    call.open_span(trace_above(request.params))
    return call


def _sighting(session: Any, request: Any) -> Sighting:
    params = mcp_facts.wire(request.params)
    is_tool = request.method == "tools/call"
    number = getattr(session, "_request_id", None)  # 1.x: the id that this request will get
    return mcp_facts.sighting(
        "mcp_client",
        request.method,
        params,
        {
            **_server_facts(session),
            "mcp.protocol_version": _negotiated(session, "protocol_version", "protocolVersion"),
            "jsonrpc.request_id": str(number) if number is not None else None,
        },
        replace(stated_identity(), credential=mcp_transport.credential_of_client(session)),
        definition_of(session, params["name"]) if is_tool else None,
    )


def _note_listing(session: Any, listing: Any) -> None:
    tools = mcp_facts.wire(listing)["tools"]
    note_listing(session, "mcp_client", tools, _server_facts(session), stated_identity())


def _server_facts(session: Any) -> dict[str, JsonValue]:
    server = _negotiated(session, "server_info", "serverInfo")
    return {
        "server.name": getattr(server, "name", None),
        "server.version": getattr(server, "version", None),
        "mcp.transport": mcp_transport.of_client(session),
    }


def _negotiated(session: Any, name: str, name_v1: str) -> Any:
    """Return a fact of the handshake: 2.x keeps it in the session, for 1.x we do."""
    known = getattr(session, name, None)
    return known if known is not None else getattr(_handshakes.get(session), name_v1, None)


def _given_receipt(call: Call, request: Any) -> CallReceipt | None:
    """Make the receipt of a tool's call, where the setting asks for one; one call gives one receipt."""
    running = runtime.current()
    is_due = running is not None and running.config.receipts and request.method == "tools/call"
    if not is_due or call.has_receipt:
        return None
    receipt = CallReceipt(secrets.token_bytes(NONCE_BYTES))
    digest = receipt.digest(mcp_facts.wire(request.params))
    if digest is None:
        return None
    call.give_receipt(digest)
    return receipt


def _marked(given: Any, added: Mapping[str, JsonValue]) -> Any:
    """Return a copy of a request with more in `params._meta`; None where there is nothing to add."""
    if not added:
        return None
    request = getattr(given, "root", given)
    meta = {**(mcp_facts.wire(request.params.meta) or {}), **added}
    model = _meta_model(cast("Hashable", type(request.params)))
    update = {"meta": meta if model is None else model.model_validate(meta)}
    copy = request.model_copy(update={"params": request.params.model_copy(update=update)})
    return given.model_copy(update={"root": copy}) if request is not given else copy


@cache
def _meta_model(params: Hashable) -> Any:
    """Return the type of `_meta` in a type of params: 1.x has a model, 2.x a typed dictionary (None)."""
    annotation = getattr(params, "model_fields", {})["meta"].annotation
    return next((one for one in get_args(annotation) if hasattr(one, "model_validate")), None)
