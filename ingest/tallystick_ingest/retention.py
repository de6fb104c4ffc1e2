"""Retention in a running service: what is due, what was asked and confirmed, and carrying it out.

Nothing is deleted because its time is over: one person asks, another confirms. What may be asked for is older than
six calendar months, or than an exception in force allows, under no hold, and of no kind that proves the rest.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tallystick.calendar_span import CalendarSpan
from tallystick.clock import Clock
from tallystick.errors import ConfigError, TallystickError
from tallystick.verify.authority import Authority, DeletionRequest, Hold
from tallystick.verify.floor import CLASS_FILTER
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.standing import standings
from tallystick_ingest.two_people import TwoPeople
from tallystick_store.governance.classes import RetentionClass, RetentionPolicy
from tallystick_store.governance.deletion import MAX_ENTRIES, Bury, Deletions
from tallystick_store.governance.requests import (
    LAST_MOMENT_US,
    ConflictError,
    Wanted,
    require_request,
)
from tallystick_store.governance.selection import (
    REQUEST_FILTERS,
    Condition,
    due_condition,
    filter_condition,
    held_indexes,
    present_indexes,
    select_indexes,
)
from tallystick_store.store import Store

MAX_LEAP_S: Final = 3_600.0
"""By so much the clock may have been set since the start before nothing is confirmed any more."""
HOLD_WAIT_S: Final = 5.0
"""So long a hold waits for a deletion that goes on."""
_US_PER_S: Final = 1_000_000

_log = logging.getLogger("tallystick.service")


@dataclass(frozen=True, slots=True)
class Due:
    """One class: what it holds, and what of that could be asked for now."""

    name: str
    keep: CalendarSpan | None
    records: int
    due: int
    """Entries whose time is over, those on hold left out."""
    on_hold: int
    """Entries whose time is over, and which a hold keeps."""
    before_us: int | None
    """Entries that were received before this are due; None for a class that is kept for ever."""
    exceptions: tuple[str, ...] = ()
    """Ids of the exceptions in force by which this class may go below the floor."""


class Retention:
    """Plans, asks, confirms and deletes. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        people: TwoPeople,
        clock: Clock,
        policy: RetentionPolicy,
        bury: Bury,
        waiting: Callable[[], frozenset[int]],
    ) -> None:
        """Work by the classes of `policy`; `waiting` tells which entries stay until their values are erased."""
        self.policy = policy
        self._store = store
        self._people = people
        self._clock = clock
        self._began_us, self._began_s = clock.now_us(), clock.monotonic_s()
        self._deletions = Deletions(store, bury)
        self._waiting = waiting
        self.drop_copies: Callable[[], None] = lambda: None
        """Removes what was made for somebody to fetch; called once values are gone."""
        self._working = threading.Lock()
        self._worker: threading.Thread | None = None
        self._said: set[str] = set()
        """Requests of which the log says that they were carried out."""

    def plan(self) -> list[Due]:
        """Return what each class holds and what of it is due; reads every row of the log once a class."""
        authority, now_us = self._people.authority(), self._people.now_us()
        held = self._held(authority)
        return [self._due(one, held, authority, now_us) for one in self.policy.classes]

    def ask(
        self, caller: Caller, class_name: str | None, wanted: Mapping[str, str], reason: str
    ) -> DeletionRequest:
        """Record that somebody asks for the deletion of what is due of a class, or of what a filter means.

        Raises ConfigError for what makes no sense, ConflictError where nothing is due.
        """
        unknown = sorted(set(wanted) - set(REQUEST_FILTERS))
        if unknown or not (class_name or wanted):
            raise ConfigError(f"name a class, or filters of {', '.join(REQUEST_FILTERS)}")
        with self._people.deciding:
            now_us = self._require_clock()
            condition = filter_condition(wanted)
            cut_us = self._floor_cut_us(self._people.authority(), class_name, now_us)
            if class_name:
                kind = self.policy.named(class_name)
                of_class = due_condition(self.policy, class_name)
                condition.add(of_class.of_event, of_class.of_span)
                cut_us = min(cut_us, _cut(kind, now_us))
            indexes = self._select(condition, cut_us)
            said = {"before_us": str(cut_us), **wanted}
            said |= {CLASS_FILTER: class_name} if class_name else {}
            digest = self._deletions.keep_set(indexes)
            asked = Wanted("records", digest, len(indexes), said)
            return self._people.ask(caller, asked, reason)

    def hold(self, caller: Caller, name: str, wanted: Mapping[str, str], reason: str) -> Hold:
        """Record that records must stay.

        Raises ConfigError for a filter that means nothing, and ConflictError while records are being deleted: which
        ones was decided before, and a hold that came too late for some must not say that it keeps them.
        """
        filter_condition(wanted)
        if not self._working.acquire(timeout=HOLD_WAIT_S):
            raise ConflictError(
                "records are being deleted just now: place the hold again in a minute"
            )
        try:
            return self._people.hold(caller, name, wanted, reason)
        finally:
            self._working.release()

    def confirm(self, caller: Caller, id_: str, digest: str, reason: str) -> DeletionRequest:
        """Record that a second person agrees; the deletion follows within a minute (`carry_out`).

        Raises ConflictError where a hold, an earlier deletion or the floor stands in its way by now.
        """
        with self._people.deciding:
            self._deletions.bury()
            request = self._people.confirm(caller, id_, digest, reason, self._check)
            self._deletions.bury()
            return request

    def carry_out(self) -> None:
        """Do what is confirmed, and remove what requests that are over left; failures are tried again."""
        with self._working:
            try:
                with self._people.deciding:
                    self._deletions.bury()
                done = self._deletions.remove(self._waiting)
                self._say_done()
                with self._people.deciding:  # a set stands there before its request is recorded
                    self._deletions.forget_sets(self._people.authority(), self._people.now_us())
            except (TallystickError, OSError, BusyError) as error:
                _log.warning("a deletion that was confirmed is not finished: %s", error)
                return
        if done.entries:
            self.drop_copies()
            _log.info("deleted the content of %d entries, and %d blobs", done.entries, done.blobs)

    def _say_done(self) -> None:
        """State in the log, once for each, which deletions are carried out by now."""
        now_us = self._people.now_us()
        confirmed = [
            one
            for one in self._people.authority().requests.values()
            if one.kind == "records"
            and one.state(now_us) == "confirmed"
            and one.id not in self._said
        ]
        found = standings(self._store, confirmed, now_us) if confirmed else {}
        for one in confirmed:
            if found[one.id].is_unsaid:
                self._people.say_done(one)
            if found[one.id].is_unsaid or found[one.id].state == "carried out":
                self._said.add(one.id)

    def carry_out_behind(self) -> None:
        """Begin to do what is confirmed in a thread of its own; nothing where that goes on already."""
        with self._people.deciding:
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(
                    target=self.carry_out, name="tallystick-deletion", daemon=True
                )
                self._worker.start()

    def close(self) -> None:
        """Wait for what is being done; what is left is done by the next start."""
        if self._worker is not None:
            self._worker.join()

    def request(self, id_: str) -> DeletionRequest:
        """Return a request; raise AdmissionError when there is none of this id."""
        return require_request(self._people.authority(), id_)

    def _select(self, condition: Condition, cut_us: int) -> list[int]:
        found = select_indexes(
            self._store.database, condition, before_us=cut_us, below=self._store.size
        )
        held = self._held(self._people.authority())
        indexes = [index for index in found if index not in held]
        if not indexes:
            raise ConflictError(
                "there is nothing to delete: nothing is due, or all of it is on hold"
            )
        if len(indexes) > MAX_ENTRIES:
            raise ConfigError(
                f"one request takes at most {MAX_ENTRIES} entries: cut it by a filter"
            )
        return indexes

    def _check(self, request: DeletionRequest, authority: Authority) -> None:
        """Look, before a confirmation is recorded, whether what was asked for may still be done."""
        if request.kind != "records":
            raise ConflictError(f"the request {request.id} is not for the deletion of records")
        by_class = request.filter.get(CLASS_FILTER)
        cut_us = self._floor_cut_us(authority, by_class, self._require_clock())
        indexes = self._deletions.set_of(request)
        held = self._held(authority).intersection(indexes)
        if held:
            raise ConflictError(
                f"a hold covers {len(held)} of these entries: ask again without them"
            )
        present = present_indexes(self._store.database, indexes, cut_us)
        if present != len(indexes):
            raise ConflictError(
                f"{len(indexes) - present} of these entries are gone, or younger than six months with no"
                " exception in force: ask again"
            )

    def _held(self, authority: Authority) -> frozenset[int]:
        return held_indexes(self._store.database, authority.holds_in_force(self._store.size))

    def _floor_cut_us(self, authority: Authority, class_name: str | None, now_us: int) -> int:
        """Return before when entries were received that may go now; an exception has to last a moment longer."""
        return authority.floor_cut_us(self._store.size, now_us, class_name, LAST_MOMENT_US)

    def _due(
        self, one: RetentionClass, held: frozenset[int], authority: Authority, now_us: int
    ) -> Due:
        condition = due_condition(self.policy, one.name)
        database, below = self._store.database, self._store.size
        records = select_indexes(database, condition, before_us=2**62, below=below)
        if one.keep is None:
            return Due(one.name, None, len(records), 0, 0, None)
        floor_us = self._floor_cut_us(authority, one.name, now_us)
        cut_us = min(floor_us, _cut(one, now_us))
        in_force = authority.exceptions_in_force(below, now_us + LAST_MOMENT_US, one.name)
        due = select_indexes(database, condition, before_us=cut_us, below=below)
        on_hold = sum(index in held for index in due)
        by = tuple(exception.id for exception in in_force)
        return Due(one.name, one.keep, len(records), len(due) - on_hold, on_hold, cut_us, by)

    def _require_clock(self) -> int:
        """Return the time; raise ConflictError where the clock was set since the start."""
        passed_s = self._clock.monotonic_s() - self._began_s
        leap_s = (self._clock.now_us() - self._began_us) / _US_PER_S - passed_s
        if abs(leap_s) > MAX_LEAP_S:
            raise ConflictError(
                f"the clock was set by {leap_s:.0f} s since the start: see that it is right, and start"
                " the service again"
            )
        return self._people.now_us()


def _cut(one: RetentionClass, now_us: int) -> int:
    if one.keep is None:
        raise ConflictError(f"the class {one.name!r} is kept for ever")
    return one.keep.over_before_us(now_us)
