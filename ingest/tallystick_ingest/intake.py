"""The intake: from the body of an OTLP request to a durable verdict, off the event loop.

Inflating, decoding, parsing, masking and every signature check run in worker threads, and for larger requests
in processes of their own (workers/); what is left goes to the store's writer, and the request waits for its
commit. Bytes in progress are counted, so that overload is a 503 and never a process that the kernel kills.
"""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

from tallystick.errors import StoreError
from tallystick_ingest import verdict as words
from tallystick_ingest.admission import NativeRequest, Origin, Request, ServiceRequest, SpanRequest
from tallystick_ingest.auth.gate import Caller, Gate
from tallystick_ingest.auth.jwks import MAX_WAITING
from tallystick_ingest.auth.limits import RateLimits
from tallystick_ingest.budget import Budget
from tallystick_ingest.operations.metrics import Metrics, signal_of
from tallystick_ingest.otlp import json_form
from tallystick_ingest.otlp.answer import Signal
from tallystick_ingest.otlp.body import IDENTITY, PROTOBUF, TooLargeError, inflate
from tallystick_ingest.otlp.http import Received, RefusedWhole
from tallystick_ingest.otlp.incoming import BusyError, Claim
from tallystick_ingest.otlp.limits import Limits
from tallystick_ingest.refusals import Refusals
from tallystick_ingest.turns import Turns, Work
from tallystick_ingest.verdict import Refusal, Verdict
from tallystick_ingest.workers.desk import BodyDesk
from tallystick_ingest.workers.reading import Read

CHECKERS: Final = MAX_WAITING + 2
"""Threads for tokens that are new here: those that may wait for an issuer's keys, and two for the others."""

SMALL_BYTES: Final = 8 << 10
MOST_AT_ONCE_BYTES: Final = 64 << 10
"""What the event loop unpacks of a small body, and digests, itself: 0.1 ms, less than two changes of the thread."""

FLOOD_PAUSE_S: Final = 0.02
"""Ours: 50 requests a second of which nothing is kept, from one sender, leave the others what they had."""

Submit = Callable[[Request, int], "Future[Verdict]"]
"""submit(request, size_bytes): hands a request to the writer."""


@dataclass(slots=True)
class Counters:
    """What came in since the start."""

    requests: int = 0
    events: int = 0
    spans: int = 0
    metric_points: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        """Return the counts as they stand."""
        return {**asdict(self), "refused": dict(self.refused)}


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A request on its way to the writer."""

    request: Request | None
    size_bytes: int
    metric_points: int = 0
    warning: str = ""
    is_void: bool = False
    """Whether nothing of it is kept, only what was refused."""


class OtlpIntake:
    """Implements `otlp.http.Intake`."""

    def __init__(  # noqa: PLR0913 - the parts of the service that it joins
        self,
        *,
        gate: Gate,
        rates: RateLimits,
        desk: BodyDesk,
        refusals: Refusals,
        submit: Submit,
        limits: Limits,
        max_waiting_bytes: int,
        body_timeout_s: float,
        metrics: Metrics,
    ) -> None:
        """Join the parts; nothing runs before the first request."""
        self.limits = limits
        self.is_stopping = False
        """Whether further requests get a 503; those in progress are finished."""
        self.refuses: str | None = None
        """Why nothing of anybody is taken, as long as this service runs; None where it is."""
        self.body_timeout_s = body_timeout_s
        self.counters = Counters()
        self._gate = gate
        self._rates = rates
        self._desk = desk
        self._refusals = refusals
        self._submit = submit
        self._metrics = metrics
        self._budget = Budget(max_waiting_bytes)
        self._checking = ThreadPoolExecutor(CHECKERS, thread_name_prefix="tallystick-tokens")
        self._counting = threading.Lock()
        self._turns = Turns(desk.most)
        self._pauses: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def in_progress_bytes(self) -> int:
        """Bytes of requests that are being received, decoded and masked."""
        return self._budget.held_bytes

    async def authenticate(self, headers: Mapping[str, str]) -> Caller:
        """Return who sends; raise AuthenticationError when nobody vouches for it, BusyError to ask again."""
        if self._gate.is_instant(headers):
            caller = self._gate.caller(headers)
        else:
            loop = asyncio.get_running_loop()
            caller = await loop.run_in_executor(self._checking, self._gate.caller, headers)
        if not self._rates.is_request_due(caller.id, caller.limits):
            raise BusyError("more requests a second than one sender may send: send this one again")
        return caller

    def claim(self, sender: str) -> Claim:
        """Return a claim on the room for bytes in progress. Raises BusyError where nothing is taken."""
        if self.refuses is not None:
            raise BusyError(self.refuses)
        return self._budget.claim(sender)

    async def take(self, received: Received) -> Verdict:
        """Decode, check and keep a request; return once it is durable."""
        try:
            async with self._turns.turn(received.caller.id) as work:
                prepared = await self._made(received, work)
                work.is_void = prepared.is_void
            outcome = await self._decide(prepared)
        except StoreError as error:
            raise BusyError(str(error)) from error
        self._count(received.signal, prepared, outcome)
        if outcome.refusals and not outcome.kept:
            await self._slow_down(received.caller.id, f"/v1/{received.signal}")
        return replace(outcome, warning=prepared.warning) if prepared.warning else outcome

    async def _made(self, received: Received, work: Work) -> _Prepared:
        loop = asyncio.get_running_loop()
        body = work.do(partial(self._inflated_at_once, received))
        if body is None:
            inflated = partial(self._inflate, received)
            body = await loop.run_in_executor(self._desk.threads, work.do, inflated)
        received.claim.grow(max(0, len(body) - len(received.body)))
        found = await self._desk.read(received.signal, received.form.media_type, body, work)
        if len(body) <= MOST_AT_ONCE_BYTES:
            return _prepared(received, body, found)
        return await loop.run_in_executor(self._desk.threads, _prepared, received, body, found)

    async def note_refusal(self, refused: RefusedWhole) -> None:
        """Record that a whole request was refused, or count it (refusals.py)."""
        self._count_refused(signal_of(refused.path), {refused.reason: 1})
        if refused.caller is None:
            self._refusals.add_anonymous(refused.path, refused.reason)
            return
        digest = ""
        if refused.body is not None:
            loop = asyncio.get_running_loop()
            digest = await loop.run_in_executor(self._desk.threads, _digest, refused.body)
        origin = Origin(refused.caller.id, refused.path, digest)
        draft = self._refusals.draft(origin, [Refusal(refused.reason, "")])
        if draft is not None:
            await self._decide(_Prepared(ServiceRequest((draft,)), 0))
        await self._slow_down(refused.caller.id, refused.path)

    async def _slow_down(self, sender: str, path: str) -> None:
        """Answer a sender of nothing but garbage one request at a time, and not at once."""
        if self._refusals.is_flooded(sender, path):
            pause = self._pauses.setdefault(sender, asyncio.Lock())
            async with pause:
                await asyncio.sleep(FLOOD_PAUSE_S)

    def close(self) -> None:
        """End the worker threads."""
        self._desk.close()
        self._checking.shutdown(wait=False)

    def _inflated_at_once(self, received: Received) -> bytes | None:
        """Return a body for which no way to a worker and back is needed; None where it may be long."""
        if received.form.encoding == IDENTITY:
            return self._inflate(received)
        if len(received.body) > SMALL_BYTES:
            return None
        most = min(MOST_AT_ONCE_BYTES, self.limits.body_bytes)
        try:
            return inflate(received.body, received.form.encoding, most)
        except TooLargeError:
            return None

    def _inflate(self, received: Received) -> bytes:
        return inflate(received.body, received.form.encoding, self.limits.body_bytes)

    async def _decide(self, prepared: _Prepared) -> Verdict:
        """Wait for the writer, even if the sender goes away: what is submitted is decided."""
        if prepared.request is None:
            return Verdict()
        try:
            return await _verdict_of(self._submit(prepared.request, prepared.size_bytes))
        except StoreError as error:
            raise BusyError(str(error)) from error

    def _count(self, signal: Signal, prepared: _Prepared, outcome: Verdict) -> None:
        with self._counting:
            self.counters.requests += 1
            self.counters.metric_points += prepared.metric_points
            self.counters.duplicates += outcome.duplicates
            self.counters.conflicts += outcome.conflicts
            if isinstance(prepared.request, SpanRequest):
                self.counters.spans += outcome.kept
            else:
                self.counters.events += outcome.kept
        self._metrics.note_records(signal, "accepted", outcome.kept + prepared.metric_points)
        self._metrics.note_records(signal, "duplicate", outcome.duplicates)
        self._metrics.note_records(signal, "conflict", outcome.conflicts)
        self._metrics.note_records(signal, "refused", len(outcome.refusals))
        self._count_refused(signal, words.counts(outcome.refusals))

    def _count_refused(self, signal: str, refused: Mapping[str, int]) -> None:
        for reason, count in refused.items():
            self._metrics.note_refused(signal, reason, count)
        with self._counting:
            for reason, count in refused.items():
                self.counters.refused[reason] = self.counters.refused.get(reason, 0) + count


async def _verdict_of(future: "Future[Verdict]") -> Verdict:
    """Wait for the writer; whoever stops waiting leaves the request with it.

    `asyncio.wrap_future` in a `shield` does the same with three futures more.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[Verdict] = loop.create_future()

    def arrive(decided: "Future[Verdict]") -> None:
        if arrived.done():
            return
        if decided.cancelled():
            arrived.cancel()
        elif (error := decided.exception()) is not None:
            arrived.set_exception(error)
        else:
            arrived.set_result(decided.result())

    def tell(decided: "Future[Verdict]") -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(arrive, decided)

    future.add_done_callback(tell)
    return await arrived


def _prepared(received: Received, body: bytes, found: Read) -> _Prepared:
    is_empty = found.is_void and not found.refusals
    request = None if is_empty else _request(received, found)
    has_warning = is_empty and not found.metric_points and received.form.media_type != PROTOBUF
    return _Prepared(
        request,
        0 if received.signal == "metrics" else len(body),
        found.metric_points,
        json_form.unread(body, received.signal) if has_warning else "",
        is_void=found.is_void and received.signal != "metrics",
    )


def _request(received: Received, found: Read) -> Request:
    origin = Origin(received.caller.id, f"/v1/{received.signal}", _digest(received.body))
    if received.signal == "traces":
        return SpanRequest(origin, found.spans, found.refusals)
    return NativeRequest(origin, found.candidates, found.refusals, found.logs)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
