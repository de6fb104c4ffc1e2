"""The process-wide runtime: owns recorder, threads and keys, and survives forks, exits and signals.

A signal that kills needs no handler: what was recorded is in the spool already, and the next process of
the same emitter ships it. A normal exit closes the session. A fork leaves the parent alone; the child has
a session of its own from its first record on.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Final

from tallystick import event
from tallystick.background import Background
from tallystick.clock import Clock, SystemClock
from tallystick.config import Config
from tallystick.credentials import CREDENTIALS_FILE
from tallystick.keys import EMITTER_FILE, TOKEN_FILE, EmitterKey, load_emitter_key
from tallystick.preload import FOR_PROXIES, FOR_SHIPPING, FOR_SIGNING, ImportGuard
from tallystick.private_file import private_file_warnings
from tallystick.recording.masked import Masking
from tallystick.recording.opening import Opening, open_session, sdk_version, session_facts
from tallystick.recording.recorder import Recorder, Terms
from tallystick.recording.sealer import Sealer
from tallystick.recording.session import Session
from tallystick.shipping.client import Target, may_have_proxy
from tallystick.shipping.known_service import KnownService
from tallystick.shipping.recovery import Recovery
from tallystick.shipping.shipper import Shipper
from tallystick.spool.rejected import Rejected
from tallystick.spool.room import Room
from tallystick.state import Status

EXIT: Final = "process exit"
SHUTDOWN: Final = "shutdown"
FIRST_ENROLMENT_S: Final = 2.0
"""Longest wait of a start for the tenant's token key, where the home has none yet."""

_log = logging.getLogger("tallystick")


class Runtime:
    """Everything that one process needs to record. Made by `start`, found by `current`.

    `recorder` is there from the start, and is another one after a fork. Threads start with `start` and, in
    a forked child, with its first record.
    """

    recorder: Recorder

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        """Read token key and credentials; what is wrong with them is a warning. Nothing is sent yet."""
        self.config = config
        self._clock = clock or SystemClock()
        self._frameworks: dict[str, str] = {}
        self._on_flush: list[Callable[[float], object]] = []
        self._on_shutdown: list[Callable[[], object]] = []
        self._warnings: list[str] = []
        self._service = KnownService(config, self._clock, self._warn)
        self._printer = self._service.printer
        self._emitter: EmitterKey | None = None
        self._rejected = Rejected(config.spool_dir, self._clock)
        self._shutdown_lock = threading.Lock()
        self._is_shut_down = False
        names = (EMITTER_FILE, TOKEN_FILE, CREDENTIALS_FILE)
        for text in private_file_warnings(config.home / name for name in names):
            self._warn(text)
        self._build()

    @property
    def target(self) -> Target | None:
        """The service and its key, from the settings, else from credentials.json; None: spool only."""
        return self._service.target

    @property
    def endpoint(self) -> str | None:
        """Address of the service, None: spool only."""
        return self.target.endpoint if self.target else None

    @property
    def api_key(self) -> str | None:
        """Key for the service."""
        return self.target.api_key if self.target else None

    @property
    def masking(self) -> Masking:
        """The masking in force: another one once the service has given the tenant's token key."""
        return self._printer.masking

    @property
    def emitter(self) -> EmitterKey:
        """The identity key, made at first use. Raises EnrolmentError or OSError."""
        if self._emitter is None:
            self._emitter = load_emitter_key(self.config.home, self.config.emitter_name)
        return self._emitter

    def start(self) -> None:
        """Start the background threads. Idempotent.

        A home that has no token key of its tenant yet waits for the first enrolment, FIRST_ENROLMENT_S at most:
        nobody finds a person by name in records whose tokens are made with the local key.
        """
        _imports.import_all(FOR_SIGNING)
        sdk_version()
        self._background.start()
        if self.target is not None and not self._service.has_token_key:
            self._background.wait_for_first_step(FIRST_ENROLMENT_S)

    def set_frameworks(self, states: Mapping[str, str]) -> None:
        """State what is hooked: framework -> "active 2.3.0", "skipped: ...", "failed: ...".

        Stands in `session.open` (what is known when it is written), each heartbeat, and the status.
        """
        self._frameworks = dict(states)

    def on_flush(self, flush: Callable[[float], object]) -> None:
        """Call `flush(timeout_s)` at each flush and at shutdown: for a span exporter. Survives forks."""
        self._on_flush.append(flush)

    def on_shutdown(self, end: Callable[[], object]) -> None:
        """Call `end()` once, after the last flush; it must neither wait nor raise."""
        self._on_shutdown.append(end)

    def status(self) -> Status:
        """Say what is recorded, shipped, waiting and wrong."""
        session = self.recorder.session
        shipper = self._background.shipper
        outbox = self._background.outbox
        rejected = self._rejected.counts()
        return Status(
            session=session.id if session else None,
            emitter=self._emitter.name if self._emitter else None,
            endpoint=self.endpoint,
            spool_dir=str(self.config.spool_dir),
            spool_error=self.recorder.spool_error or self._sealer.error,
            recorded=session.size if session else 0,
            sealed=session.sealed_size if session else 0,
            acked=shipper.progress.acked_frames if shipper else 0,
            unshipped=session.size - (outbox.acked_events if outbox else 0) if session else 0,
            backlog=self.recorder.backlog,
            lost=self.recorder.lost,
            rejected=sum(rejected.values()),
            rejected_reasons=rejected,
            recovered_sessions=self._recovery.finished,
            shipping=shipper.progress.state if shipper else self._why_not_shipping(),
            enrolment=self._service.enrolment,
            log_size=self._service.log_size,
            alarms=(*self._service.alarms, *self._background.faults),
            warnings=(*self._warnings, *self._current_warnings()),
            frameworks=dict(self._frameworks),
        )

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Seal all and wait until the service has it; False when it has not after `timeout_s`.

        False at once where no service is known: the records are in the spool, sealed. Others that were
        named by `on_flush` get what time the records left.
        """
        end_s = self._clock.monotonic_s() + timeout_s
        is_sealed = self._sealer.seal_all()
        is_delivered = False
        if self.target is not None:
            self._background.start()
            is_delivered = self._background.deliver(timeout_s) and is_sealed
        self._flush_others(end_s)
        return is_delivered

    def shutdown(self, timeout_s: float = 5.0, *, reason: str = SHUTDOWN) -> None:
        """Close the session (its last leaf and seal), flush, and stop the threads. Idempotent."""
        if self._is_shut_down or not self._shutdown_lock.acquire(blocking=False):
            return
        try:
            end_s = self._clock.monotonic_s() + timeout_s
            is_closed = self._sealer.close(reason)
            is_delivered = is_closed and self._background.deliver(timeout_s, is_last=True)
            self._flush_others(end_s)
            for end in self._on_shutdown:
                end()
            left_s = end_s - self._clock.monotonic_s() if is_delivered else 0.0
            self._leave(left_s, is_delivered=is_delivered)
        finally:
            self._is_shut_down = True
            self._shutdown_lock.release()
            _forget(self)

    def _leave(self, left_s: float, *, is_delivered: bool) -> None:
        has_stopped = self._background.stop(left_s)
        session, outbox = self.recorder.session, self._background.outbox
        if self.recorder.backlog:
            _log.error(
                "tallystick: %d record(s) could not be written before the end",
                self.recorder.backlog,
            )
        if not has_stopped:  # a thread may still write their files; the end of the process lets go
            return
        if session is not None and outbox is not None:
            with contextlib.suppress(OSError):
                if is_delivered and not self.recorder.has_unreported:
                    outbox.remove()
            session.release()
        self._recovery.release()

    def _build(self) -> None:
        """Make what belongs to one process alone: called once, and again in each forked child."""
        config = self.config
        self._room = Room(config.spool_dir, config.spool_max_bytes, self._clock)
        terms = Terms(
            sync_each=config.sync == "each",
            room=self._room,
            when_full=config.spool_full,
            wait_s=config.spool_wait_ms / 1000,
        )
        self.recorder = Recorder(
            self._printer, self._open_session, self._clock, notify=self._notify, terms=terms
        )
        self._sealer = Sealer(
            self.recorder,
            self._printer,
            self._clock,
            config.heartbeat_s,
            lambda: self._frameworks,
            syncs=config.sync == "group",
        )
        self._recovery = Recovery(
            config.spool_dir, self._rejected, self._emitter_id, self._state_recovered
        )
        self._background = Background(
            self.recorder,
            self._sealer,
            self._recovery,
            self._find_shipper,
            self._clock,
            config.linger_ms / 1000,
        )

    def _notify(self) -> None:
        self._background.notify()

    def _open_session(self) -> Session:
        config = self.config
        opening = Opening(
            config.spool_dir, self.emitter, self._clock, config.batch, room=self._room
        )
        facts = session_facts(config, self._frameworks)
        return open_session(
            opening, facts, lambda draft: self._printer.print_record(draft, self._clock.now_us())
        )

    def _find_shipper(self) -> Shipper | None:
        target = self._service.look_again()
        if target is None:
            return None
        _imports.import_all(FOR_SHIPPING)
        if may_have_proxy(target):
            _imports.import_all(FOR_PROXIES)
        return self._service.make_shipper(target, lambda: self.emitter, self._rejected)

    def _emitter_id(self) -> tuple[str, str]:
        return self.emitter.name, self.emitter.key_id

    def _state_recovered(self, draft: event.Draft) -> str:
        """Record what a dead session left, sealed, in our own session; return its id."""
        session = self.recorder.current_session()
        session.append(
            self._printer.print_record(draft, self._clock.now_us(), session.id, session.size),
            may_exceed=True,
        )
        while session.waiting:
            session.seal()
        return session.id

    def _flush_others(self, end_s: float) -> None:
        for flush in self._on_flush:
            try:
                flush(max(0.0, end_s - self._clock.monotonic_s()))
            except Exception:  # noqa: BLE001 - an exporter of spans may raise anything; records come first
                _log.warning("tallystick: a flush of spans failed", exc_info=True)

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)
            _log.warning("tallystick: %s", text)

    def _why_not_shipping(self) -> str:
        if self.target is None:
            return "no service configured: records stay in the spool"
        return "not started"

    def _current_warnings(self) -> list[str]:
        found = [self._recovery.error] if self._recovery.error else []
        target = self.target
        if target is not None and target.sends_key_in_clear:
            found.append(f"the API key is sent unencrypted to {target.endpoint}; use https")
        return found

    def after_fork(self) -> None:
        """Begin anew in a forked child: no lock, thread or file of the parent is used or disturbed."""
        session = self.recorder.session
        if session is not None:
            session.release()
        self._recovery.release()
        self._shutdown_lock = threading.Lock()
        self._build()
        util = sys.modules.get("multiprocessing.util")
        if util is not None:  # its children leave by os._exit, and forget what is registered now
            util.register_after_fork(self, _finish_with_multiprocessing)


def _finish_with_multiprocessing(_: Runtime) -> None:
    sys.modules["multiprocessing.util"].Finalize(None, _at_exit, exitpriority=0)


def _finish_with_multiprocessing_child() -> None:
    """In a process that multiprocessing started: it may leave by os._exit, which knows nothing of atexit."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing import util  # noqa: PLC0415 - loaded already

        util.Finalize(None, _at_exit, exitpriority=0)


_imports: Final = ImportGuard()
_current: Runtime | None = None
_start_lock = threading.Lock()
_is_hooked = False


def current() -> Runtime | None:
    """Return the runtime of this process, None before `start` and after its shutdown."""
    return _current


def start(config: Config) -> Runtime:
    """Start the runtime of this process, or return the one that runs. Thread-safe."""
    global _current, _is_hooked  # noqa: PLW0603 - there is one per process
    with _start_lock:
        if _current is None:
            _current = Runtime(config)
            _current.start()
        if not _is_hooked:
            atexit.register(_at_exit)
            _finish_with_multiprocessing_child()
            _imports.install()
            os.register_at_fork(after_in_child=_after_fork)
            _is_hooked = True
        return _current


def _at_exit() -> None:
    running = _current
    if running is not None:
        running.shutdown(running.config.exit_flush_ms / 1000, reason=EXIT)


def _after_fork() -> None:
    global _start_lock  # noqa: PLW0603 - another thread of the parent may hold the old one
    _start_lock = threading.Lock()
    if _current is not None:
        _current.after_fork()


def _forget(ended: Runtime) -> None:
    global _current  # noqa: PLW0603 - there is one per process
    if _current is ended:
        _current = None
