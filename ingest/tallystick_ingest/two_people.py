"""The desk at which people ask, confirm, hold and release: every decision is a record before it counts.

One decision at a time, so that a hold and a confirmation never pass each other. Only people who log in with
an account decide: an API key is nobody's word, and neither is the one-time link, which has no name.
"""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tallystick.clock import Clock
from tallystick.errors import AuthorizationError
from tallystick.verify.authority import (
    Authority,
    DeletionRequest,
    Hold,
    RequestKind,
    release_refusal,
)
from tallystick.verify.floor import EXCEPTION_KIND
from tallystick_ingest.auth.api_keys import Scope
from tallystick_ingest.auth.gate import ADMINISTRATOR, Caller
from tallystick_ingest.drafts import Drafts
from tallystick_ingest.prepared import Prepared
from tallystick_store.governance.requests import (
    ConflictError,
    Person,
    Wanted,
    confirmed,
    read_authority,
    requested,
    require_confirmable,
    require_request,
)
from tallystick_store.store import Store

MAX_REASON_CHARS: Final = 1_000
_ID_BYTES: Final = 16

Check = Callable[[DeletionRequest, Authority], None]
"""check(request, authority): raise where it may not be done now."""


def person_of(caller: Caller) -> Person:
    """Return the person behind a caller; raise AuthorizationError for one that is none."""
    if not caller.is_human or caller.id == ADMINISTRATOR.id:
        raise AuthorizationError(
            f"{caller.id} may not do this: it takes a person who is logged in with an account of their own"
        )
    return Person(caller.id, caller.name, (caller.role,) if caller.role else ())


class TwoPeople:
    """Takes decisions and records them through `state`, which returns once they are durable, or raises."""

    def __init__(
        self,
        store: Store,
        drafts: Drafts,
        clock: Clock,
        state: Callable[[Sequence[Prepared]], None],
    ) -> None:
        """Decide over the records of one store."""
        self._store = store
        self._drafts = drafts
        self._clock = clock
        self._state = state
        self.deciding = threading.RLock()
        """Held for as long as a decision takes: what it was taken upon must not change meanwhile."""

    def now_us(self) -> int:
        """Return the time by which requests expire: that of the log, where the clock is behind it."""
        return max(self._clock.now_us(), self._store.rx_us)

    def authority(self) -> Authority:
        """Return what was asked, confirmed and held so far."""
        return read_authority(self._store.database)

    def ask(self, caller: Caller, wanted: Wanted, reason: str) -> DeletionRequest:
        """Record that a person asks for something; another one has to confirm it."""
        caller.require(_asking_scope(wanted.kind))
        person, id_ = person_of(caller), _new_id()
        with self.deciding:
            said = requested(id_, wanted, self.now_us())
            self._record("log.delete.requested", person, said, {"request.reason": reason})
            return require_request(self.authority(), id_)

    def confirm(
        self, caller: Caller, id_: str, digest: str, reason: str, check: Check
    ) -> DeletionRequest:
        """Record that a second person agrees; `check` looks at what would be done before that.

        Raises AdmissionError, AuthorizationError and ConflictError, and then nothing is recorded.
        """
        caller.require("delete.confirm")
        person = person_of(caller)
        with self.deciding:
            authority = self.authority()
            request = require_confirmable(authority, id_, person, digest, self.now_us())
            check(request, authority)
            said = confirmed(authority, request, self._store.size)
            self._record("log.delete.confirmed", person, said, {"request.reason": reason})
            return require_request(self.authority(), id_)

    def withdraw(self, caller: Caller, id_: str, reason: str) -> DeletionRequest:
        """Record that a request is off: whoever may ask or confirm may say so.

        An exception from the floor that was confirmed ends with that, too.
        """
        with self.deciding:
            request = require_request(self.authority(), id_)
            asking = _asking_scope(request.kind)
            caller.require("delete.confirm" if "delete.confirm" in caller.scopes else asking)
            person = person_of(caller)
            now_us = self.now_us()
            if not request.may_be_withdrawn(now_us):
                state = request.state(now_us)
                raise ConflictError(f"the request {id_} cannot be withdrawn: it is {state}")
            said = {"request.reason": reason}
            self._record("log.delete.withdrawn", person, {"request.id": id_}, said)
            return require_request(self.authority(), id_)

    def say_done(self, request: DeletionRequest) -> None:
        """Record that a deletion was carried out, once its content is gone. Raises BusyError."""
        said = {
            "access.target": request.kind,
            "access.rows": request.count,
            "access.count": 1,
            "request.id": request.id,
            "request.digest": request.digest,
        }
        self._state([self._drafts.erasure(said)])

    def hold(self, caller: Caller, name: str, filter_: Mapping[str, str], reason: str) -> Hold:
        """Record that records must stay, from now on and also those that come later."""
        caller.require("retain")
        person, id_ = person_of(caller), _new_id()
        with self.deciding:
            said = {"hold.id": id_, "hold.filter": dict(filter_)}
            texts = {"hold.name": name, "hold.reason": reason}
            self._record("log.hold", person, said, texts)
            return self.authority().holds[id_]

    def release(self, caller: Caller, id_: str, reason: str) -> Hold:
        """Record that a hold is over: by another person than placed it, or by an administrator."""
        caller.require("retain")
        person = person_of(caller)
        with self.deciding:
            hold = self.authority().holds.get(id_)
            if hold is None or hold.released_index is not None:
                raise ConflictError(f"there is no hold {id_[:64]!r} in force")
            refusal = release_refusal(hold, person.id, person.roles)
            if refusal is not None:
                raise AuthorizationError(f"{person.id} cannot release this hold: {refusal}")
            self._record("log.release", person, {"hold.id": id_}, {"hold.reason": reason})
            return self.authority().holds[id_]

    def _record(
        self, kind: str, person: Person, said: Mapping[str, object], texts: Mapping[str, str]
    ) -> None:
        given = {name: text for name, text in texts.items() if text}
        self._state([self._drafts.decision(kind, person, dict(said), given)])


def _asking_scope(kind: RequestKind) -> Scope:
    """Return what it takes to ask: an exception from the floor is a matter of retention, and deletes nothing."""
    return "retain" if kind == EXCEPTION_KIND else "delete.request"


def _new_id() -> str:
    return secrets.token_hex(_ID_BYTES)
