"""Over which transport a message came or goes: stdio, http or memory; nothing where that is not known.

mcp hands its sessions anonymous streams, so the functions that make the streams are wrapped: a client's
read stream is remembered with its transport, a server's transport holds in the context that serves it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import Patch, Wrapper

_streams: Final[WeakKeyDictionary[object, str]] = WeakKeyDictionary()
"""Read stream of a client -> its transport."""
_serving: Final[ContextVar[str | None]] = ContextVar("tallystick_transport", default=None)
STDIO: Final = "stdio"
HTTP: Final = "http"
MEMORY: Final = "memory"
DIRECT: Final = "direct"
"""Kind of mcp 2.x's in-process dispatcher."""


class _Remembering(AbstractAsyncContextManager[Any]):
    """What a client's transport function returned; on entry, `remember` sees what it yields."""

    def __init__(
        self, inner: AbstractAsyncContextManager[Any], remember: Callable[[Any], object]
    ) -> None:
        self._inner = inner
        self._remember = remember

    async def __aenter__(self) -> Any:
        yielded = await self._inner.__aenter__()
        self._remember(yielded)
        return yielded

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)


class TransportHooks:
    """The wrappers around the functions that make streams."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    def patches(self, names: Mapping[str, tuple[str, str]]) -> list[Patch]:
        """Return patches for functions: dotted name -> (side, transport)."""
        found = []
        for name, (side, transport) in names.items():
            module, _, target = name.rpartition(".")
            wrapper = self._client(transport) if side == "client" else self._server(transport)
            found.append(Patch(module, target, wrapper, name, is_needed=False))
        return found

    def _client(self, transport: str) -> Wrapper:
        def streams(
            wrapped: Callable[..., Any],
            instance: object,  # noqa: ARG001 - wrapt's form
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> Any:
            made = wrapped(*args, **kwargs)
            return _Remembering(made, lambda yielded: self._note(yielded[0], transport))

        return streams

    def _server(self, transport: str) -> Wrapper:
        def serve(
            wrapped: Callable[..., Any],
            instance: object,  # noqa: ARG001 - wrapt's form
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> Any:
            _serving.set(transport)
            made = wrapped(*args, **kwargs)
            if transport != MEMORY:
                return made
            return _Remembering(made, lambda pairs: self._note(pairs[0][0], transport))

        return serve

    def _note(self, read_stream: Any, transport: str) -> None:
        self._framework.safely(lambda: _streams.__setitem__(_anchor(read_stream), transport))


def _anchor(stream: Any) -> Any:
    """Return what stands for a stream in a weak table: of 2.x's wrapper, the stream inside."""
    return getattr(stream, "_inner", stream)


COMMON: Final = {
    "mcp.client.stdio.stdio_client": ("client", STDIO),
    "mcp.client.streamable_http.streamable_http_client": ("client", HTTP),
    "mcp.client.sse.sse_client": ("client", HTTP),
    "mcp.server.stdio.stdio_server": ("server", STDIO),
    "mcp.shared.memory.create_client_server_memory_streams": ("server", MEMORY),
}
V1_ONLY: Final = {
    "mcp.client.streamable_http.streamablehttp_client": ("client", HTTP),
    "mcp.server.fastmcp.server.stdio_server": ("server", STDIO),
}
V2_ONLY: Final = {"mcp.server.mcpserver.server.stdio_server": ("server", STDIO)}
"""Among them a name that the high-level server may have imported before us; wrapping twice does no harm."""


def of_client(session: Any) -> str | None:
    """Return the transport of a client session."""
    dispatcher = getattr(session, "_dispatcher", None)
    kind = getattr(getattr(dispatcher, "_transport_ctx", None), "kind", None)
    if kind == DIRECT:
        return MEMORY
    stream = getattr(dispatcher if dispatcher is not None else session, "_read_stream", None)
    return _streams.get(_anchor(stream)) if stream is not None else None


def of_server(request: object, kind: str | None) -> str | None:
    """Return the transport of a message that a server received."""
    if request is not None:
        return HTTP
    return MEMORY if kind == DIRECT else _serving.get()
