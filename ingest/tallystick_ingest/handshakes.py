"""Accepting connections that speak TLS: a handshake is counted and timed, and never keeps others out.

A connection counts with those of HTTP only once its handshake is over (connection.py). Until then it stands
here, in bounded number: where there are as many as there may be, the oldest is cut for the newest, for a
client that wants something is done in milliseconds.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

HANDSHAKE_S: Final = 10.0
"""Ours: three times what a slow link takes with a retransmission."""
SHARE: Final = 4
"""One of so many connections may be in its handshake."""
_AGAIN_S: Final = 0.1
"""After the system gave no connection, for want of open files or memory."""

ProtocolFactory = Callable[[], asyncio.Protocol]


class Handshakes:
    """Accepts on one socket. For one event loop, in the place of an asyncio.Server."""

    def __init__(
        self,
        listener: socket.socket,
        context: Callable[[], ssl.SSLContext],
        made: ProtocolFactory,
        most: int,
    ) -> None:
        """Accept nothing yet; `most` handshakes at one time, each of which becomes one that is `made`.

        `context` gives the certificates as they are for each.
        """
        self._listener = listener
        self._context = context
        self._made = made
        self._most = most
        self._open: dict[asyncio.Task[None], None] = {}
        self._accepting: asyncio.Task[None] | None = None

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        """Where it listens."""
        return (self._listener,)

    def start(self) -> None:
        """Accept from here on."""
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Accept nothing more; handshakes that are under way are cut."""
        for task in (*self._open, *(() if self._accepting is None else (self._accepting,))):
            task.cancel()
        self._listener.close()

    async def wait_closed(self) -> None:
        """Return at once: what was cut needs nothing of anybody."""

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:
                await asyncio.sleep(_AGAIN_S)
                continue
            connection.setblocking(False)
            if len(self._open) >= self._most:
                oldest = next(iter(self._open))
                del self._open[oldest]
                oldest.cancel()
            task = loop.create_task(self._shake(connection))
            self._open[task] = None
            task.add_done_callback(self._forget)
            await asyncio.sleep(0)  # accepting waits for nobody else: what was cut has to end

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._open.pop(task, None)

    async def _shake(self, connection: socket.socket) -> None:
        is_done = False
        try:
            with contextlib.suppress(OSError):  # of TLS too: whatever a stranger sent
                await asyncio.get_running_loop().connect_accepted_socket(
                    self._made,
                    connection,
                    ssl=self._context(),
                    ssl_handshake_timeout=HANDSHAKE_S,
                )
                is_done = True
        finally:
            if not is_done:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # the transport lets go of it at once
                connection.close()
