"""The two background threads of a process: one seals, one ships. Neither keeps the process alive."""

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Final

from tallystick import signals
from tallystick.clock import Clock
from tallystick.errors import TallystickError
from tallystick.recording.recorder import Recorder
from tallystick.recording.sealer import RETRY_S, Sealer
from tallystick.shipping.consignment import consign
from tallystick.shipping.recovery import Recovery
from tallystick.shipping.shipper import Shipper
from tallystick.spool.files import Position
from tallystick.spool.outbox import Outbox

OPEN_DELAY_S: Final = 1.0
"""A process that records nothing in its first second has its session opened then."""
ADOPT_INTERVAL_S: Final = 60.0
FIND_SERVICE_S: Final = 5.0
"""How often a process that knows no service looks for credentials."""
JOIN_S: Final = 0.5
FAULT_PAUSE_S: Final = 5.0

_log = logging.getLogger("tallystick")
_NOWHERE: Final = Position(0, 0)


class Background:
    """Runs the steps of `sealer` and `shipper`. Threads start with `start`, at most once each."""

    def __init__(
        self,
        recorder: Recorder,
        sealer: Sealer,
        recovery: Recovery,
        find_shipper: Callable[[], Shipper | None],
        clock: Clock,
        linger_s: float,
    ) -> None:
        """`find_shipper` gives the shipper as soon as a service is known."""
        self._recorder = recorder
        self._sealer = sealer
        self._recovery = recovery
        self._find_shipper = find_shipper
        self._clock = clock
        self._linger_s = linger_s
        self._next_adoption_s = clock.monotonic_s()
        self._to_seal = threading.Event()
        self._to_ship = threading.Event()
        self._stop = threading.Event()
        self._progress = threading.Condition()
        self._start_lock = threading.Lock()
        self._outbox_lock = threading.Lock()
        self._threads: tuple[threading.Thread, ...] = ()
        self._outbox: Outbox | None = None
        self._has_looked = False
        self._has_stepped = False
        self.shipper: Shipper | None = None
        self.faults: list[str] = []
        """What must not happen: errors that nothing here expects."""

    @property
    def outbox(self) -> Outbox | None:
        """What of this process's own session is to be shipped: one and the same for every thread."""
        session = self._recorder.session
        if session is None:
            return None
        with self._outbox_lock:
            if self._outbox is None or self._outbox.session != session.id:
                self._outbox = Outbox(session.directory, session.id, lambda: session.sealed_end)
            return self._outbox

    @property
    def is_running(self) -> bool:
        """A thread is alive."""
        return any(thread.is_alive() for thread in self._threads)

    def notify(self) -> None:
        """There is something to seal. Cheap; starts the threads where they do not run yet."""
        if not self._to_seal.is_set():
            self._to_seal.set()
            if not self._threads:
                self.start()

    def start(self) -> None:
        """Start the threads. Idempotent; does nothing while the interpreter shuts down."""
        with self._start_lock:
            if self._threads or self._stop.is_set():
                return
            threads = tuple(
                threading.Thread(target=work, name=f"tallystick-{name}", daemon=True)
                for name, work in (("seal", self._seal_loop), ("ship", self._ship_loop))
            )
            self._threads = threads
            with signals.left_to_the_host():
                for thread in threads:
                    with contextlib.suppress(RuntimeError):
                        thread.start()

    def deliver(self, timeout_s: float, *, is_last: bool = False) -> bool:
        """Wait until the service has every seal made so far; whether it has.

        Stops waiting early when nothing can come of it: no service, no thread, and, when `is_last`, an
        attempt that failed.
        """
        outbox, session = self.outbox, self._recorder.session
        if outbox is None or session is None:
            return True
        target = session.sealed_end
        self._hurry()
        failures = self.shipper.progress.failed_attempts if self.shipper else 0

        def is_settled() -> bool:
            if outbox.acked.position >= target or not self.is_running:
                return True
            shipper = self.shipper
            if shipper is None:
                return self._has_looked
            return is_last and shipper.progress.failed_attempts > failures

        with self._progress:
            self._progress.wait_for(is_settled, timeout_s)
        return outbox.acked.position >= target

    def wait_for_first_step(self, timeout_s: float) -> None:
        """Wait until the service, if one is known, was asked for the first time, with or without success."""
        with self._progress:
            self._progress.wait_for(lambda: self._has_stepped or not self.is_running, timeout_s)

    def stop(self, timeout_s: float = 0.0) -> bool:
        """Stop the threads; whether both have ended in time (one may hang in the network).

        They get `timeout_s` seconds together, or JOIN_S where that is more.
        """
        self._stop.set()
        self._to_seal.set()
        self._to_ship.set()
        end_s = self._clock.monotonic_s() + max(JOIN_S, timeout_s)
        for thread in self._threads:
            if thread.is_alive() and thread is not threading.current_thread():
                thread.join(max(0.0, end_s - self._clock.monotonic_s()))
        return not self.is_running

    def _hurry(self) -> None:
        if self.shipper is not None:
            self.shipper.resume()
        if self._outbox is not None:
            self._outbox.held_until_s = 0.0
        self._to_ship.set()

    def _seal_loop(self) -> None:
        wait_s, sealed = OPEN_DELAY_S, ("", _NOWHERE)
        while not self._stop.is_set():
            if self._to_seal.wait(wait_s):
                self._stop.wait(self._linger_s)
            self._to_seal.clear()
            if self._stop.is_set():
                return
            wait_s = self._seal_step()
            session = self._recorder.session
            if session is not None and (session.id, session.sealed_end) != sealed:
                if sealed[0] not in ("", session.id):
                    self._next_adoption_s = 0.0  # one of ours ended where the disk refused to sync
                sealed = (session.id, session.sealed_end)
                self._to_ship.set()

    def _seal_step(self) -> float:
        try:
            if self._recorder.current_session().is_deleted:
                self._abandon_session()
            if self._recorder.room is not None:
                self._recorder.room.refresh()
            outbox = self.outbox
            return self._sealer.step(outbox.acked.position if outbox else _NOWHERE)
        except (TallystickError, OSError) as error:
            self._sealer.error = str(error)
            return RETRY_S
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
            return self._note_fault("sealing", error)

    def _abandon_session(self) -> None:
        outbox, self._outbox = self._outbox, None
        self._recorder.abandon_session(outbox.acked_events if outbox else 0)
        self._recorder.current_session()

    def _ship_loop(self) -> None:
        while not self._stop.is_set():
            try:
                pause_s = self._ship_step()
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the thread
                pause_s = self._note_fault("shipping", error)
            with self._progress:
                self._has_stepped = True
                self._progress.notify_all()
            if pause_s > 0:
                self._to_ship.wait(pause_s)
                self._to_ship.clear()

    def _ship_step(self) -> float:
        self._adopt()
        if self.shipper is None:
            self.shipper = self._find_shipper()
            self._has_looked = True
        if self.shipper is None:
            return FIND_SERVICE_S
        own = self.outbox
        pause_s = self.shipper.step(
            self._recovery.outboxes(own), lambda: consign(self._recovery.bound(), own)
        )
        if self._sweep():
            self._next_adoption_s = pause_s = 0.0
        return min(pause_s, max(0.0, self._next_adoption_s - self._clock.monotonic_s()))

    def _sweep(self) -> bool:
        try:
            return self._recovery.sweep()
        except OSError as error:
            self._recovery.note(error)
            return False

    def _note_fault(self, what: str, error: Exception) -> float:
        """Say that this package has a fault, once for each; go on later."""
        name = type(error).__name__
        fault = f"{what} met a fault of Tallystick's own, {name}; it is tried every {FAULT_PAUSE_S:.0f} s"
        if fault not in self.faults:
            self.faults.append(fault)
            _log.error("tallystick: %s", fault, exc_info=error)
        return FAULT_PAUSE_S

    def _adopt(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._next_adoption_s:
            return
        self._next_adoption_s = now_s + ADOPT_INTERVAL_S
        try:
            self._recovery.adopt()
        except (TallystickError, OSError) as error:
            self._recovery.note(error)
        if self._recovery.must_return:
            self._next_adoption_s = now_s + RETRY_S
