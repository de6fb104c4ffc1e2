"""Over which transport a message came or goes: stdio, http or memory; nothing where that is not known.

mcp hands its sessions anonymous streams, so the functions that make the streams are wrapped: a client's
read stream is remembered with its transport, a server's transport holds in the context that serves it.
"""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakKeyDictionary

from tallystick.capture.identity import Credential
from tallystick.instrument import mcp_credentials
from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import Patch, Wrapper


class Peer(NamedTuple):
    """How a client reaches a server."""

    transport: str
    address: str | None
    """URL without credentials, query and fragment, or the command with its arguments; never recorded as it is."""


_streams: Final[WeakKeyDictionary[object, Peer]] = WeakKeyDictionary()
"""Read stream of a client -> what is behind it."""
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
            peer = Peer(transport, self._framework.safely(lambda: _address(args, kwargs)))
            made = wrapped(*args, **kwargs)

            def remember(yielded: Any) -> None:
                self._note(yielded[0], peer)
                self._framework.safely(
                    lambda: mcp_credentials.note(_anchor(yielded[0]), args, kwargs)
                )

            return _Remembering(made, remember)

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
            peer = Peer(transport, None)
            return _Remembering(made, lambda pairs: self._note(pairs[0][0], peer))

        return serve

    def _note(self, read_stream: Any, peer: Peer) -> None:
        self._framework.safely(lambda: _streams.__setitem__(_anchor(read_stream), peer))


def _address(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """Return where a transport function connects to: its first argument is a URL or a command."""
    given = args[0] if args else kwargs.get("url", kwargs.get("server"))
    if isinstance(given, str):
        return _plain_url(given)
    command, arguments = getattr(given, "command", None), getattr(given, "args", None)
    if not isinstance(command, str):
        return None
    return "\0".join([command, *map(str, arguments if isinstance(arguments, list) else ())])


def _plain_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


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
    peer = _peer(session)
    return peer.transport if peer is not None else None


def address_of_server(session: Any) -> str | None:
    """Return the address of the server behind a client session, None where that is not known."""
    peer = _peer(session)
    return peer.address if peer is not None else None


def credential_of_client(session: Any) -> Credential:
    """Return what a client session presents to its server."""
    stream = _stream(session)
    return mcp_credentials.sent_credential(_anchor(stream)) if stream is not None else Credential()


def own_address() -> str:
    """Return what tells this program from others that serve under the same name: its main module."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return str(getattr(spec, "name", None) or getattr(main, "__file__", None) or sys.executable)


def _peer(session: Any) -> Peer | None:
    stream = _stream(session)
    return _streams.get(_anchor(stream)) if stream is not None else None


def _stream(session: Any) -> Any:
    dispatcher = getattr(session, "_dispatcher", None)
    return getattr(dispatcher if dispatcher is not None else session, "_read_stream", None)


def of_server(request: object, kind: str | None) -> str | None:
    """Return the transport of a message that a server received."""
    if request is not None:
        return HTTP
    return MEMORY if kind == DIRECT else _serving.get()
