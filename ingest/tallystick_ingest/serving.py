"""Serving: the socket, uvicorn, and an end in order when the process is told to stop."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import uvicorn
import uvloop

from tallystick.errors import ConfigError
from tallystick_ingest.app import create_app
from tallystick_ingest.collecting import collect_seldom
from tallystick_ingest.connection import bounded, connections_allowed
from tallystick_ingest.handshakes import SHARE, Handshakes
from tallystick_ingest.operations.notify import STOPPING, notify
from tallystick_ingest.settings.tls import TlsSettings
from tallystick_ingest.tenants import Tenants
from tallystick_ingest.tls import Tls, tls_of

if TYPE_CHECKING:
    from tallystick_ingest.rpc import RpcListener

LOCAL_HOST: Final = "127.0.0.1"
BACKLOG: Final = 2_048
KEEP_ALIVE_S: Final = 75
"""Longer than exporters pause between two batches, so that they need no new connection each time."""
GRACE_S: Final = 30
"""How long requests in progress may take at the end, while further ones get a 503; their senders keep
what got no 200."""
LAST_S: Final = 5
"""How long those may take after that which came in the last moment before the port was closed."""
_LOOK_TICKS: Final = 50
"""Between two looks at the file of revoked certificates: five seconds, of ten ticks each."""
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


_log = logging.getLogger("tallystick.serving")


@dataclass(frozen=True, slots=True)
class Private:
    """TLS on the ports for others, and the listener without it for this machine's own programs."""

    tls: Tls
    local: socket.socket
    most_handshakes: int


def private_of(settings: TlsSettings) -> Private | None:
    """Return what TLS takes, None for no TLS; raise ConfigError for files and a port that cannot be used."""
    tls = tls_of(settings)
    if tls is None:
        return None
    most = connections_allowed() // 2 // SHARE
    return Private(tls, bind(LOCAL_HOST, settings.local_port), most)


def bind(host: str, port: int) -> socket.socket:
    """Take the address; raise ConfigError when somebody else has it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is in use: is `tallystick up` running already? "
                "Stop that program, or choose another port with --port"
            ) from None
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def rpc_port(host: str, port: int | None, *, is_stated: bool) -> tuple[int | None, str]:
    """Return the port for gRPC, None for no such listener, and what to say of it.

    Raises ConfigError for a stated port that somebody else has; the default one is done without.
    """
    if port is None:
        return None, "off"
    try:
        with bind(host, port) as probe:
            taken = int(probe.getsockname()[1])
    except ConfigError as error:
        if is_stated:
            raise ConfigError(f"{error} (of gRPC: --grpc-port)") from None
        return None, f"off: port {port} is in use; choose another with --grpc-port"
    return taken, _reached(host, taken)


def address_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return the URL at which programs on this machine reach a listener."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{_reached(host, port)}"


def _reached(host: str, port: int) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the address is compared, not bound
        host = "127.0.0.1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def serve(
    tenants: Tenants,
    listener: socket.socket,
    on_ready: Callable[[], None],
    rpc_port: int | None = None,
    private: Private | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is in progress and close the services.

    `on_ready` is called once requests are answered. With `rpc_port`, OTLP is taken over gRPC too. With `private`,
    `listener` and gRPC speak TLS, and this machine's own programs have a listener without.
    """
    proxies = tenants.operator.config.operations.trusted_proxies
    core, most = tenants.operator.config.core, connections_allowed()
    of_http = most if rpc_port is None else most // 2
    tls = None if private is None else private.tls
    if private is not None:
        of_http -= private.most_handshakes
    config = uvicorn.Config(
        create_app(tenants),
        http=bounded(core.request_timeout_s, of_http, *(() if tls is None else (tls.refusal,))),
        ws="none",
        log_config=None,
        log_level=logging.ERROR,  # a warning for each request that is no HTTP would let anybody fill the disk
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=LAST_S,
    )

    def ready() -> None:
        on_ready()
        tenants.verify(address_of(listener if private is None else private.local))

    def stop() -> None:
        notify(STOPPING)
        tenants.stop()

    make_rpc = (
        None if rpc_port is None else partial(_rpc_listener, tenants, rpc_port, most // 2, tls)
    )
    server = _Server(config, ready, stop, make_rpc, private)
    collect_seldom()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve(sockets=[listener]))
    finally:
        with _signals_ignored():
            tenants.close("stopped")


def _rpc_listener(
    tenants: Tenants, port: int, max_connections: int, tls: Tls | None
) -> "RpcListener":
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own lines are in no form of ours
    from tallystick_ingest.rpc import RpcListener  # noqa: PLC0415 - 20 MB that not everybody needs

    return RpcListener(tenants, tenants.operator.config.core.host, port, max_connections, tls)


class _Server(uvicorn.Server):
    """Ends with exit code 0 on a signal, where uvicorn would die of the signal once more."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None] = lambda: None,
        make_rpc: "Callable[[], RpcListener] | None" = None,
        private: Private | None = None,
    ) -> None:
        super().__init__(config)
        self._private = private
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._make_rpc = make_rpc
        self._rpc: RpcListener | None = None
        self._stop_by_s: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets if self._private is None else [])
        if self._private is not None:
            for listener in sockets or ():
                await self._listen(listener, self._private)
            await self._listen(self._private.local)
        if self._make_rpc is not None:
            self._rpc = self._make_rpc()
            await self._rpc.start()
        self._on_ready()

    async def _listen(self, listener: socket.socket, private: Private | None = None) -> None:
        """Answer on a socket."""
        config = self.config

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn
                config=config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        if private is None:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(protocol, sock=listener, backlog=config.backlog)
            self.servers.append(server)
            return
        tls, most = private.tls, private.most_handshakes
        handshakes = Handshakes(listener, lambda: tls.context, protocol, most)
        handshakes.start()
        self.servers.append(handshakes)  # type: ignore[arg-type]  # what of it is used, it has

    def _reload(self, tls: Tls) -> None:
        """Read the certificate again; one that cannot be used changes nothing."""
        try:
            tls.reload()
        except ConfigError as error:
            _log.error("the certificate stays what it was: %s", error)
        else:
            _log.warning("the certificate was read again, for new connections")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._rpc is not None:
            await self._rpc.stop(LAST_S)
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Close the port once no request is in progress: until then each further one is told to wait."""
        if self._stop_by_s is not None and (
            not self._is_busy() or asyncio.get_running_loop().time() > self._stop_by_s
        ):
            self.should_exit = True
        if counter % _LOOK_TICKS == 0 and self._private is not None:
            tls = self._private.tls
            if tls.has_newer_lists():
                self._reload(tls)
        return await super().on_tick(counter)

    def _is_busy(self) -> bool:
        return bool(self.server_state.tasks) or (
            self._rpc is not None and self._rpc.in_progress > 0
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop)
        if self._private is not None:
            loop.add_signal_handler(signal.SIGHUP, self._reload, self._private.tls)
        try:
            yield
        finally:
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)
            loop.remove_signal_handler(signal.SIGHUP)

    def _stop(self) -> None:
        """Stop; told twice, do not wait for requests in progress."""
        if self._stop_by_s is not None:
            self.force_exit = self.should_exit = True
            return
        self._stop_by_s = asyncio.get_running_loop().time() + GRACE_S
        self._on_stop()


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """Let nothing interrupt the last commit."""
    before = [(number, signal.signal(number, signal.SIG_IGN)) for number in _STOP_SIGNALS]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
