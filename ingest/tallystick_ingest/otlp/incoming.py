"""The body of a request as it comes: counted as it grows, within a size and a time, or not read at all."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, Protocol

from tallystick_ingest.otlp.body import TooLargeError

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

DRAIN_FACTOR: Final = 4
"""A body over the limit is read on for this many limits, so that its sender gets to see the 413."""
UNREAD_BYTES: Final = 1 << 20
"""So much of a body that nobody wants is read and dropped: enough for the sender of any usual batch to
see the answer before the connection is closed."""
UNREAD_S: Final = 10.0


class BusyError(Exception):
    """The service cannot take this request now; the message says why. 503."""


class DisconnectedError(Exception):
    """The sender went away before its request was complete; nobody waits for an answer."""


class Claim(Protocol):
    """The bytes that one request holds of the room for those in progress."""

    def grow(self, size_bytes: int) -> None:
        """Hold more; raise BusyError when others hold too much."""

    def release(self) -> None:
        """Hold nothing any longer."""


class IncomingBody:
    """One body."""

    def __init__(self, receive: Receive, headers: Mapping[str, str]) -> None:
        """Read nothing yet."""
        self._receive = receive
        self._is_awaited = headers.get("expect", "").lower() == "100-continue"
        self._more = True
        self.data: bytes | None = None
        """The whole body, once it was read."""

    async def read(self, claim: Claim, limit_bytes: int, timeout_s: float) -> bytes:
        """Return the whole body; the claim grows by what has come, whatever the head states.

        Raises TooLargeError over the limit, after reading it to its end if that is near, BusyError when
        there is no room or it is not here in time, and DisconnectedError.
        """
        try:
            async with asyncio.timeout(timeout_s):
                self.data = await self._all(claim, limit_bytes)
        except TimeoutError:
            raise BusyError(
                f"the body did not come within {timeout_s:g} seconds: send the request again"
            ) from None
        return self.data

    @property
    def is_read(self) -> bool:
        """Whether nothing of it is left: the next request can follow."""
        return not self._more

    async def end(self) -> bool:
        """Read and drop a little of what is left; say whether the next request can follow."""
        if self._is_awaited and self._more:
            return False  # its sender waits for the answer before it sends anything
        size = 0
        try:
            async with asyncio.timeout(UNREAD_S):
                while self._more and size < UNREAD_BYTES:
                    size += len(await self._chunk())
        except TimeoutError:
            return False
        return not self._more

    async def _all(self, claim: Claim, limit_bytes: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while self._more and size <= limit_bytes * DRAIN_FACTOR:
            chunk = await self._chunk()
            size += len(chunk)
            if size > limit_bytes:
                chunks.clear()
            else:
                claim.grow(len(chunk))
                chunks.append(chunk)
        if size > limit_bytes:
            raise TooLargeError(f"the body is larger than {limit_bytes} bytes: send less at once")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _chunk(self) -> bytes:
        self._is_awaited = False
        event = await self._receive()
        if event["type"] == "http.disconnect":
            raise DisconnectedError
        self._more = event.get("more_body", False)
        chunk: bytes = event.get("body", b"")
        return chunk
