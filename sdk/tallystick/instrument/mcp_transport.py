"""Over which transport a message came or goes: stdio, http or memory; nothing where that is not known.

mcp hands its sessions anonymous streams, so the functions that make the streams are wrapped: a client's
read stream is remembered with its transport, a server's transport holds in the context that serves it.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.instrument.patch import Patch, Wrapper

_client_streams: Final[WeakKeyDictionary[object, str]] = WeakKeyDictionary()
_serving: Final[ContextVar[str | None]] = ContextVar("tallystick_transport", default=None)
DIRECT: Final = "direct"
"""Kind of mcp 2.x's in-process dispatcher."""


class _Remembering(AbstractAsyncContextManager[Any]):
    """What a client's transport function returned, and which transport that was."""

    def __init__(self, inner: AbstractAsyncContextManager[Any], transport: str) -> None:
        self._inner = inner
        self._transport = transport

    async def __aenter__(self) -> Any:
        streams = await self._inner.__aenter__()
        _client_streams[streams[0]] = self._transport
        return streams

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)


def _client(transport: str) -> Wrapper:
    def remember(
        wrapped: Callable[..., Any],
        instance: object,  # noqa: ARG001 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        return _Remembering(wrapped(*args, **kwargs), transport)

    return remember


def _server(transport: str) -> Wrapper:
    def serve(
        wrapped: Callable[..., Any],
        instance: object,  # noqa: ARG001 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        _serving.set(transport)
        return wrapped(*args, **kwargs)

    return serve


def _memory(
    wrapped: Callable[..., Any],
    instance: object,  # noqa: ARG001 - wrapt's form
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    _serving.set("memory")
    return _RememberingPair(wrapped(*args, **kwargs))


class _RememberingPair(_Remembering):
    """The streams of client and server in one process: the client's pair comes first."""

    def __init__(self, inner: AbstractAsyncContextManager[Any]) -> None:
        super().__init__(inner, "memory")

    async def __aenter__(self) -> Any:
        pairs = await self._inner.__aenter__()
        _client_streams[pairs[0][0]] = self._transport
        return pairs


def _patch(module: str, target: str, wrapper: Wrapper) -> Patch:
    return Patch(module, target, wrapper, "transport", is_needed=False)


COMMON: Final = (
    _patch("mcp.client.stdio", "stdio_client", _client("stdio")),
    _patch("mcp.client.streamable_http", "streamable_http_client", _client("http")),
    _patch("mcp.client.sse", "sse_client", _client("http")),
    _patch("mcp.server.stdio", "stdio_server", _server("stdio")),
    _patch("mcp.shared.memory", "create_client_server_memory_streams", _memory),
)
V1_ONLY: Final = (
    _patch("mcp.client.streamable_http", "streamablehttp_client", _client("http")),
    _patch("mcp.server.fastmcp.server", "stdio_server", _server("stdio")),
)
V2_ONLY: Final = (_patch("mcp.server.mcpserver.server", "stdio_server", _server("stdio")),)
"""Names that high-level servers imported before us; wrapping twice does no harm."""


def of_client(session: Any) -> str | None:
    """Return the transport of a client session."""
    dispatcher = getattr(session, "_dispatcher", None)
    kind = getattr(getattr(dispatcher, "_transport_ctx", None), "kind", None)
    if kind == DIRECT:
        return "memory"
    stream = getattr(dispatcher if dispatcher is not None else session, "_read_stream", None)
    return _client_streams.get(stream) if stream is not None else None


def of_server(request: object, kind: str | None) -> str | None:
    """Return the transport of a message that a server received."""
    if request is not None:
        return "http"
    return "memory" if kind == DIRECT else _serving.get()
