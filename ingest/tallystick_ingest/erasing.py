"""Erasures of the service: asked for and confirmed at the desk of two people, stated in the log, and carried out.

What has to be done follows from the log and the ledger alone: a confirmed request that is not in the ledger is stated
and carried out, one that is there and not done is carried out to the end. So a kill at any moment costs nothing but
time.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.errors import AdmissionError, StoreError
from tallystick.verify.authority import Authority, DeletionRequest
from tallystick.verify.erased import Erased
from tallystick.verify.erasures import VALUES_KIND
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.drafts import Drafts
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.two_people import TwoPeople
from tallystick_store.governance.erasing import carry_out
from tallystick_store.governance.ledger import Erasure
from tallystick_store.governance.requests import ConflictError, Wanted
from tallystick_store.governance.subjects import BELOW, named_blobs, select_values
from tallystick_store.store import Store

PART_CHARS: Final = 60_000
"""Of a list of values in one statement, which holds 65,536 bytes."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an erasure would take; nothing is asked for yet."""

    filter: Mapping[str, str]
    erased: Erased
    blobs: int


class Erasures:
    """Asks, confirms and carries out; safe for several threads. `close` waits for what is being done."""

    def __init__(
        self,
        store: Store,
        two_people: TwoPeople,
        drafts: Drafts,
        state: Callable[[Sequence[Prepared]], None],
    ) -> None:
        """Begin with nothing to do; `resume` looks what was left."""
        self._store = store
        self._two_people = two_people
        self._drafts = drafts
        self._state = state
        self._working = threading.Lock()
        self._thread: threading.Thread | None = None
        self._failure: str | None = None

    @property
    def failure(self) -> str | None:
        """Why an erasure is not carried out, for now: it is tried again every minute."""
        return self._failure

    def preview(self, wanted: Mapping[str, str]) -> Preview:
        """Look what an erasure would take. Raises AdmissionError for a filter that is none."""
        bound = {**wanted, BELOW: str(self._store.size)}
        erased = select_values(self._store.database, bound)
        return Preview(bound, erased, len(named_blobs(self._store.database, erased)))

    def ask(self, caller: Caller, wanted: Mapping[str, str], reason: str) -> DeletionRequest:
        """Record that a person asks for an erasure. Raises AdmissionError where there is nothing to erase."""
        preview = self.preview(wanted)
        if not preview.erased:
            raise AdmissionError("there are no such records: there is nothing to erase")
        asked = Wanted(VALUES_KIND, preview.erased.digest, preview.erased.count, preview.filter)
        return self._two_people.ask(caller, asked, reason)

    def confirm(self, caller: Caller, id_: str, digest: str, reason: str) -> DeletionRequest:
        """Record that another person agrees, and begin to carry it out. Raises as `TwoPeople.confirm`."""
        request = self._two_people.confirm(caller, id_, digest, reason, self._require_possible)
        self.resume()
        return request

    def requests(self) -> list[tuple[DeletionRequest, str]]:
        """Return every request for an erasure with where it stands, oldest first."""
        now_us = self._two_people.now_us()
        found = self._two_people.authority().requests.values()
        return [(one, self._state_of(one, now_us)) for one in found if one.kind == VALUES_KIND]

    def resume(self) -> None:
        """Carry out what was confirmed and is not done, in a thread of its own; one at a time."""
        with self._working:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="tallystick-erasures")
                self._thread.start()

    def close(self) -> None:
        """Wait for the erasure that is being carried out; the next start goes on with others."""
        with self._working:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _state_of(self, request: DeletionRequest, now_us: int) -> str:
        state = request.state(now_us)
        ledger = self._store.ledger
        if state != "confirmed" or request.id not in ledger:
            return state
        is_open = any(one.request == request.id for one in ledger.unfinished)
        return "being carried out" if is_open else "carried out"

    def _run(self) -> None:
        try:
            for erasure in self._due():
                carry_out(self._store, erasure)
            self._failure = None
        except (StoreError, OSError, BusyError, AdmissionError) as error:
            self._failure = str(error)
            _log.error("an erasure is not carried out yet, and is tried again: %s", error)

    def _due(self) -> Iterator[Erasure]:
        """Yield what is to be carried out; each is stated in the log before."""
        authority = self._two_people.authority()
        for request in authority.requests.values():
            is_due = request.kind == VALUES_KIND and request.confirmation is not None
            if is_due and request.id not in self._store.ledger:
                yield self._stated(request)
        yield from self._store.ledger.unfinished

    def _stated(self, request: DeletionRequest) -> Erasure:
        """Say in the log which values go, and return what is to be done."""
        erased = select_values(self._store.database, request.filter)
        if erased.digest != request.digest or request.confirmation is None:
            raise StoreError(f"the request {request.id} is over other values than are found now")
        blobs = named_blobs(self._store.database, erased)
        self._state(self._said(request, erased))
        return Erasure(request.id, request.confirmation.log_index, erased.text, blobs)

    def _said(self, request: DeletionRequest, erased: Erased) -> list[Prepared]:
        text = erased.text
        parts = [text[at : at + PART_CHARS] for at in range(0, len(text), PART_CHARS)]
        return [
            self._drafts.erasure(
                {
                    "access.target": VALUES_KIND,
                    "access.rows": erased.count,
                    "access.count": 1,
                    "request.id": request.id,
                    "request.digest": request.digest,
                    "erasure.values": part,
                    "erasure.part": number,
                    "erasure.parts": len(parts),
                }
            )
            for number, part in enumerate(parts, 1)
        ]

    def _require_possible(self, request: DeletionRequest, authority: Authority) -> None:
        """Look once more before it is confirmed: the same values, and no hold in force."""
        if request.kind != VALUES_KIND:
            raise ConflictError(f"the request {request.id} is for no erasure")
        if select_values(self._store.database, request.filter).digest != request.digest:
            raise ConflictError(
                f"the request {request.id} is over other values than are found now: ask anew"
            )
        holds = authority.holds_in_force(self._store.size)
        if holds:
            names = ", ".join(one.id for one in holds)
            raise ConflictError(f"nothing is erased while a hold is in force: {names}")
