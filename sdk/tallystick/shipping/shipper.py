"""The shipper: hands the spool to the service, in order, until a 200 covers it.

One `step` does one piece of work and says how long to wait for the next. Nothing is ever dropped: what
cannot be sent now is sent later, and what the service refuses for good is kept in `rejected/` with its
reason before it is acknowledged. Sending twice is harmless, so every doubt is settled by sending again.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.errors import TallystickError
from tallystick.shipping.client import Answer, Transport
from tallystick.shipping.consignment import Part
from tallystick.shipping.head import HeadKeeper
from tallystick.shipping.log_request import export_request
from tallystick.shipping.patience import HELD_PAUSE_S, Patience
from tallystick.shipping.shipment import (
    CHECKPOINT_HEADER,
    GZIP_HEADERS,
    HEADERS,
    PATH,
    RetryLaterError,
    TooLargeError,
    UnwelcomeError,
    Verdict,
    compressed,
    read_answer,
)
from tallystick.spool.frame import Frame
from tallystick.spool.outbox import Batch, Outbox
from tallystick.spool.rejected import Rejected

IDLE_S: Final = 3600.0
"""The next seal wakes the shipper; nothing else needs it."""
IDLE: Final = "everything sealed is delivered"
UNUSED: Final = "nothing to send yet"
SUSPECT_AFTER: Final = 3
"""So many failures in a row, and another session is tried: the service may be there, and refuse this one alone."""
CURABLE: Final = ("unknown_session", "unknown_key")
"""Refusals that sending `session.open` again, after enrolling again, may cure."""

_log = logging.getLogger("tallystick")


Enrol = Callable[[Transport, bool], None]
"""Enrols unless that is done, or in any case when the flag is set. Raises TallystickError or OSError."""
BeforeSend = Callable[[str, Sequence[Frame]], None]
"""Hands over what frames of a session name, before they are sent; what it raises keeps them from being sent."""
OnceTaken = Callable[[Sequence[Frame]], None]
"""Lets go of what frames name, once the service has them; must not raise."""
Consign = Callable[[], Sequence[Part]]
"""Gives what must be sent in one request next, if anything. Raises OSError."""


def _nothing_before(session: str, frames: Sequence[Frame]) -> None:
    """Nothing is named that travels by itself."""


def _nothing_after(frames: Sequence[Frame]) -> None:
    """Nothing is kept for frames."""


def _nothing_more() -> None:
    """Nothing is sent but records."""


def _nothing_bound() -> Sequence[Part]:
    return ()


@dataclass(slots=True)
class Progress:
    """What the shipper is doing; read by the status from other threads."""

    state: str = "starting"
    acked_frames: int = 0
    attempts: int = 0
    failed_attempts: int = 0


class Shipper:
    """Ships one outbox after the other. For one thread; `resume` may be called from any."""

    def __init__(
        self,
        transport: Transport,
        enrol: Enrol,
        head: Callable[[], HeadKeeper | None],
        rejected: Rejected,
        patience: Patience,
        *,
        compresses: bool,
    ) -> None:
        """Ship over `transport`; `head` gives the keeper of the log's head, once there is a log key to check it.

        `compresses` costs a third of the sending, and is for services on other machines.
        """
        self.progress = Progress()
        self._transport = transport
        self._enrol = enrol
        self._head = head
        self._rejected = rejected
        self._patience = patience
        self._clock = patience.clock
        self._compresses = compresses
        self.before_send: BeforeSend = _nothing_before
        """May raise what a post raises: a ShipError, of which each kind has its own patience, or OSError."""
        self.once_taken: OnceTaken = _nothing_after
        self.enrols_first = False
        """Enrol at the first step, also while nothing is to be sent: first records are masked with what it gives."""
        self.when_idle: Callable[[], None] = _nothing_more
        """Called when every record is delivered; must not raise."""

    def step(self, outboxes: Sequence[Outbox], consign: Consign = _nothing_bound) -> float:
        """Send what `consign` binds together, else one batch of the first outbox that has one.

        Returns the seconds to wait before the next step.
        """
        pause_s = self._patience.pause_s
        if pause_s > 0:
            return pause_s
        try:
            if self.enrols_first:
                self._enrol_first()
            if self._ship_together(consign) or self._ship_first(outboxes):
                return 0.0
        except TallystickError as error:
            return self._fail(error)
        held = [outbox for outbox in outboxes if self._is_held(outbox)]
        if held:
            self.progress.state = held[0].held_because
            return min(one.held_until_s for one in held) - self._clock.monotonic_s()
        self.progress.state = IDLE if self.progress.attempts else UNUSED
        self.when_idle()
        return IDLE_S

    def resume(self) -> None:
        """Try again now, unless the service itself asked to wait."""
        self._patience.resume()

    def _enrol_first(self) -> None:
        try:
            self._enrol(self._transport, False)
        except OSError:  # no identity key: no session opens without it either, and that says why
            return
        self.enrols_first = False

    def _is_held(self, outbox: Outbox) -> bool:
        return outbox.held_until_s > self._clock.monotonic_s()

    def _ship_first(self, outboxes: Sequence[Outbox]) -> bool:
        """Ship a batch of the first that has one; one that alone is told to come later holds up no other."""
        for position, outbox in enumerate(outboxes, 1):
            try:
                if self._ship_next(outbox):
                    return True
            except RetryLaterError as error:
                is_suspect = bool(outbox.held_because) or self._patience.failures >= SUSPECT_AFTER
                if not is_suspect or not any(map(self._ship_next, outboxes[position:])):
                    raise
                self._hold(outbox, error)
                return True
        return False

    def _ship_next(self, outbox: Outbox) -> bool:
        """Ship what is next of an outbox; whether there was something. One that is unwelcome holds up no other."""
        if self._is_held(outbox):
            return False
        try:
            batch = outbox.next_batch()
            if batch is None:
                return False
            self._ship(outbox, batch)
        except (UnwelcomeError, OSError) as error:
            self._hold(outbox, error)
            return False
        outbox.held_until_s, outbox.held_because = 0.0, ""
        self._succeed()
        return True

    def _ship_together(self, consign: Consign) -> bool:
        """Ship a consignment in one request; False where that cannot be: then each session goes by itself."""
        try:
            parts = consign()
            if not parts or any(self._is_held(part.outbox) for part in parts):
                return False
            self._begin(*parts)
            verdict = self._send(*[(part.outbox.session, part.batch.frames) for part in parts])
            if verdict.rejected > 0:
                return False
            for part in parts:
                self._acknowledge(part.outbox, part.batch)
        except (TooLargeError, UnwelcomeError, OSError):
            return False
        except RetryLaterError:
            if self._patience.failures < SUSPECT_AFTER:
                raise
            return False
        self._succeed()
        return True

    def _begin(self, *parts: Part) -> None:
        self.progress.attempts += 1
        self.progress.state = "sending"
        self._enrol(self._transport, False)
        for part in parts:
            self.before_send(part.outbox.session, part.batch.frames)

    def _acknowledge(self, outbox: Outbox, batch: Batch) -> None:
        self.once_taken(batch.frames)  # first: a kill in between only sends the records again
        outbox.acknowledge(batch)
        self.progress.acked_frames += len(batch.frames)

    def _hold(self, outbox: Outbox, error: Exception) -> None:
        because = f"session {outbox.session} waits {HELD_PAUSE_S:.0f} s: {error}"
        if outbox.held_until_s == 0:
            _log.warning("tallystick: %s", because)
        outbox.held_because = because
        outbox.held_until_s = self._clock.monotonic_s() + HELD_PAUSE_S
        self.progress.failed_attempts += 1

    def _ship(self, outbox: Outbox, batch: Batch) -> None:
        self._begin(Part(outbox, batch))
        self._settle(outbox, batch.frames, is_cured=False)
        self._acknowledge(outbox, batch)

    def _settle(self, outbox: Outbox, frames: Sequence[Frame], *, is_cured: bool) -> None:
        """Send frames until each is either taken by the service or kept as rejected."""
        try:
            verdict = self._send((outbox.session, frames))
        except TooLargeError as error:
            if len(frames) == 1:
                self._rejected.keep(outbox.session, frames[0], "too_large", str(error))
            else:
                self._halve(outbox, frames, is_cured=is_cured)
            return
        if verdict.rejected <= 0:
            return
        if not is_cured and verdict.mentions(*CURABLE):
            self._cure(outbox)
            self._settle(outbox, frames, is_cured=True)
        elif verdict.mentions("unknown_key"):
            raise UnwelcomeError(f"the service does not know the emitter's key: {verdict.message}")
        elif len(frames) == 1 or verdict.rejected >= len(frames):
            for frame in frames:
                self._rejected.keep(outbox.session, frame, verdict.reason, verdict.message)
        else:
            self._halve(outbox, frames, is_cured=is_cured)

    def _halve(self, outbox: Outbox, frames: Sequence[Frame], *, is_cured: bool) -> None:
        middle = len(frames) // 2
        self._settle(outbox, frames[:middle], is_cured=is_cured)
        self._settle(outbox, frames[middle:], is_cured=is_cured)

    def _cure(self, outbox: Outbox) -> None:
        """Make the service know emitter and session again: it may have lost both, or never had them."""
        self._enrol(self._transport, True)
        opening = outbox.opening()
        if opening:
            verdict = self._send((outbox.session, opening))
            if verdict.rejected > 0 and verdict.mentions("unknown_key"):
                raise UnwelcomeError(
                    f"the service does not know the emitter's key: {verdict.message}"
                )

    def _send(self, *parts: tuple[str, Sequence[Frame]]) -> Verdict:
        keeper = self._head()
        shown = {CHECKPOINT_HEADER: keeper.head.header()} if keeper and keeper.head else {}
        request = export_request(*parts)
        if self._compresses:
            request, headers = compressed(request), GZIP_HEADERS
        else:
            headers = HEADERS
        answer = self._transport.post(PATH, request, {**headers, **shown})
        self._observe(answer)
        return read_answer(answer)

    def _observe(self, answer: Answer) -> None:
        header = answer.headers.get(CHECKPOINT_HEADER.lower())
        keeper = self._head()
        if header and keeper is not None:
            keeper.observe(header, self._transport)

    def _succeed(self) -> None:
        if self._patience.failures:
            _log.warning("tallystick: records are delivered again")
        self._patience.succeed()

    def _fail(self, error: Exception) -> float:
        if self._patience.failures == 0:
            _log.warning("tallystick: records wait in the spool: %s", error)
        pause_s = self._patience.fail(error)
        self.progress.failed_attempts += 1
        self.progress.state = f"waiting {pause_s:.0f} s: {error}"
        return pause_s
