"""The sealer: what the background does to the session, in small steps that need no thread of their own.

It opens the session, writes what waited in memory, seals, beats, and lets acknowledged files go.
"""

from collections.abc import Callable, Mapping
from typing import Final

from tallystick import event
from tallystick.clock import Clock
from tallystick.errors import TallystickError
from tallystick.recording.printer import Printer
from tallystick.recording.recorder import Recorder
from tallystick.recording.session import Session
from tallystick.spool.files import Position

RETRY_S: Final = 1.0
"""How often an unwritable spool is tried again."""
GROUP_S: Final = 1.0
"""With `sync = "group"`: records that nobody has acknowledged for so long are synced, all with one fsync."""


class Sealer:
    """Steps of the sealing thread. `step` is for that thread; `seal_all` and `close` are for any."""

    def __init__(
        self,
        recorder: Recorder,
        printer: Printer,
        clock: Clock,
        heartbeat_s: int,
        frameworks: Callable[[], Mapping[str, str]],
        *,
        syncs: bool = False,
    ) -> None:
        """Seal what `recorder` records; `frameworks` says what stands in a heartbeat; `syncs`: see GROUP_S."""
        self._recorder = recorder
        self._printer = printer
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._frameworks = frameworks
        self._next_heartbeat_s = clock.monotonic_s() + heartbeat_s
        self._syncs = syncs
        self._exposed: tuple[str, Position, float] | None = None
        self.error: str | None = None

    def step(self, acked: Position) -> float:
        """Do what is due; `acked` is how far the service has the spool. Return the seconds to the next step."""
        is_done = self.seal_all()
        now_s = self._clock.monotonic_s()
        if now_s >= self._next_heartbeat_s:
            self._next_heartbeat_s = now_s + self._heartbeat_s
            is_done = self._beat(acked) and is_done
        due_s = min(self._next_heartbeat_s - now_s, self._sync_group(acked, now_s))
        return due_s if is_done else min(RETRY_S, due_s)

    def _sync_group(self, acked: Position, now_s: float) -> float:
        """Sync what is neither durable nor acknowledged for GROUP_S; return the seconds to the next look."""
        session = self._recorder.session
        if not self._syncs or session is None or session.is_failed:
            return self._heartbeat_s
        exposed = self._exposed
        if exposed is not None and exposed[0] == session.id and exposed[2] <= now_s:
            if max(acked, session.synced_end) < exposed[1]:
                self._tried(session.sync)
            self._exposed = exposed = None
        if max(acked, session.synced_end) >= session.position:
            return self._heartbeat_s
        if exposed is None or exposed[0] != session.id:
            self._exposed = exposed = (session.id, session.position, now_s + GROUP_S)
        return exposed[2] - now_s

    def seal_all(self) -> bool:
        """Write what waited in memory and seal all there is; whether nothing is left to do."""
        if self._recorder.has_unreported and not self._recorder.drain():
            return False
        session = self._recorder.session
        if session is None:
            return True
        return self._tried(lambda: _seal(session))

    def close(self, reason: str) -> bool:
        """End the session: its last record and seal; whether both are in the spool."""
        self._recorder.drain()
        session = self._recorder.close()
        if session is None or session.is_closed:
            return True
        draft = event.Draft("session.close", {"session.size": 0, "session.reason": reason})

        def end() -> None:
            session.append(self._print(draft, session), is_last=True)
            _seal(session)
            session.sync()

        return self._tried(end)

    def _beat(self, acked: Position) -> bool:
        session = self._recorder.session
        if session is None:
            return True
        stated = {"session.size": 0, "instrumentation": dict(self._frameworks())}
        draft = event.Draft("session.heartbeat", {k: v for k, v in stated.items() if v != {}})

        def beat() -> None:
            if session.waiting == 0 and session.position == acked and acked.offset > 0:
                session.begin_segment()  # the old one goes when this heartbeat is acknowledged
            session.append(self._print(draft, session), may_exceed=True)
            _seal(session)
            session.sync()

        return self._tried(beat)

    def _print(self, draft: event.Draft, session: Session) -> event.Record:
        return self._printer.print_record(draft, self._clock.now_us(), session.id, session.size)

    def _tried(self, work: Callable[[], None]) -> bool:
        try:
            work()
        except (TallystickError, OSError) as error:
            self.error = str(error)
            return False
        self.error = None
        return True


def _seal(session: Session) -> None:
    while session.seal():
        pass
