"""Exceptions from the floor in a running service: stated by one person, agreed to by another, and ended by anybody.

An exception deletes nothing. It lets deletions go below six calendar months that were asked for by one retention
class, or all of them, until a moment that it states.
"""

from typing import Final, Literal

from tallystick.calendar_span import FLOOR, parse_duration
from tallystick.errors import ConfigError
from tallystick.verify.authority import Authority, DeletionRequest
from tallystick.verify.floor import EXCEPTION_KIND, FloorException, read_exception
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.two_people import TwoPeople
from tallystick_store.governance.classes import RetentionPolicy
from tallystick_store.governance.requests import LAST_MOMENT_US, ConflictError, Wanted

ExceptionState = Literal["waiting", "expired", "withdrawn", "in force", "over", "revoked"]

MAX_MOMENT_US: Final = 2**53 - 1


class FloorExceptions:
    """Takes them through the desk of two people. Safe to use from several threads."""

    def __init__(self, people: TwoPeople, policy: RetentionPolicy) -> None:
        """Know the classes by their names."""
        self._people = people
        self._policy = policy

    def ask(
        self, caller: Caller, class_name: str | None, keep: str, until_us: int, reason: str
    ) -> DeletionRequest:
        """Record that somebody wants less than six months, for a class or for everything; another confirms it.

        Raises ConfigError for what makes no sense: no reason, no shorter time, an end that lies behind.
        """
        now_us = self._people.now_us()
        if not reason.strip():
            raise ConfigError("say which law asks for less than six months: that is the reason")
        if class_name is not None:
            self._policy.named(class_name)
        try:
            wanted = FloorException(parse_duration(keep), until_us, class_name)
        except ValueError as error:
            raise ConfigError(f"keep: {error}") from error
        if not wanted.lowers(now_us):
            raise ConfigError(f"{keep} is no less than the floor, {FLOOR}: it needs no exception")
        if not now_us + LAST_MOMENT_US < until_us <= MAX_MOMENT_US:
            raise ConfigError("an exception ends in the future: say until when it holds")
        asked = Wanted(EXCEPTION_KIND, wanted.digest, 0, wanted.stated)
        return self._people.ask(caller, asked, reason)

    def confirm(self, caller: Caller, id_: str, digest: str, reason: str) -> DeletionRequest:
        """Record that a second person agrees: it is in force from now on. Raises as `TwoPeople.confirm`."""
        return self._people.confirm(caller, id_, digest, reason, self._check)

    def revoke(self, caller: Caller, id_: str, reason: str) -> DeletionRequest:
        """Record that it is off, whether it waits or is in force: one person is enough to keep more."""
        return self._people.withdraw(caller, id_, reason)

    def requests(self) -> list[DeletionRequest]:
        """Return every exception that was asked for, oldest first."""
        found = self._people.authority().requests.values()
        return [one for one in found if one.kind == EXCEPTION_KIND]

    def state_of(self, request: DeletionRequest) -> ExceptionState:
        """Return where an exception stands now."""
        now_us = self._people.now_us()
        state = request.state(now_us)
        if request.confirmation is None:
            return "waiting" if state == "confirmed" else state
        if state == "withdrawn":
            return "revoked"
        return "in force" if now_us < read_exception(request.filter).until_us else "over"

    def _check(self, request: DeletionRequest, _authority: Authority) -> None:
        """Look, before a confirmation is recorded, whether it would mean anything."""
        if request.kind != EXCEPTION_KIND:
            raise ConflictError(f"the request {request.id} is for no exception from the floor")
        if read_exception(request.filter).until_us <= self._people.now_us() + LAST_MOMENT_US:
            raise ConflictError(f"the exception {request.id} would be over by now: ask again")
