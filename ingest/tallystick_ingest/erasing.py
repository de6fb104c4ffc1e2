"""Erasures of the service: asked for and confirmed at the desk of two people, stated in the log, and carried out.

What has to be done follows from the log and the ledger alone: a confirmed request that is not in the ledger is stated
and carried out, one that is there and not done is carried out to the end. So a kill at any moment costs nothing but
time. A hold wins until the log states which values go. Records that are to be erased are not deleted before that is
done, and records that are being deleted are not erased any more, so that neither pulls the rows from under the other.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from tallystick.errors import AdmissionError, StoreError
from tallystick.verify.authority import Authority, DeletionRequest
from tallystick.verify.erased import Erased
from tallystick.verify.erasures import VALUES_KIND
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.drafts import Drafts
from tallystick_ingest.forgetting import Forgetting
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.standing import Standing, standings
from tallystick_ingest.two_people import TwoPeople
from tallystick_store.governance.erasing import carry_out
from tallystick_store.governance.ledger import Erasure
from tallystick_store.governance.requests import ConflictError, Wanted
from tallystick_store.governance.selection import buried_indexes, held_values
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
        forgetting: Forgetting,
    ) -> None:
        """Begin with nothing to do; `resume` looks what was left. What stands beside the log goes by `forgetting`."""
        self._store = store
        self._two_people = two_people
        self._drafts = drafts
        self._state = state
        self._forgetting = forgetting
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
        """Record that a person asks for an erasure.

        Raises AdmissionError where there is nothing to erase, and as `Forgetting.require_left`.
        """
        self._forgetting.require_left(wanted)
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

    def requests(self) -> list[tuple[DeletionRequest, Standing]]:
        """Return every request for an erasure with where it stands, oldest first."""
        asked = self._two_people.authority().requests.values()
        found = [one for one in asked if one.kind == VALUES_KIND]
        stands = standings(self._store, found, self._two_people.now_us())
        return [(one, stands[one.id]) for one in found]

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

    def spoken_for(self) -> frozenset[int]:
        """Return the log indexes of entries with values that are to be erased still. Raises StoreError."""
        waiting = [one.erased for one in self._store.ledger.unfinished]
        for request in self._unstated():
            found = select_values(self._store.database, request.filter)
            waiting += [found] if found.digest == request.digest else []
        return frozenset().union(*map(log_indexes, waiting))

    def _run(self) -> None:
        """Do each step that is left; one that fails is told, and keeps no other from being done."""
        failure = None
        for step in self._steps():
            try:
                step()
            except (StoreError, OSError, BusyError, AdmissionError) as error:
                failure = failure or str(error)
                _log.error("an erasure is not carried out yet, and is tried again: %s", error)
        self._failure = failure

    def _steps(self) -> Iterator[Callable[[], object]]:
        yield from [partial(self._carry_out, one) for one in self._store.ledger.unfinished]
        try:
            unstated = self._unstated()
        except StoreError as error:
            yield partial(_fail, error)
        else:
            yield from (partial(self._begin, one) for one in unstated)

    def _unstated(self) -> list[DeletionRequest]:
        """Return what was confirmed and is not in the ledger."""
        return [
            one
            for one in self._two_people.authority().requests.values()
            if one.kind == VALUES_KIND
            and one.confirmation is not None
            and one.id not in self._store.ledger
        ]

    def _begin(self, request: DeletionRequest) -> None:
        """Say in the log which values go, and let them go."""
        with self._two_people.deciding:
            erasure = self._stated(request)
        self._carry_out(erasure)

    def _carry_out(self, erasure: Erasure) -> None:
        carry_out(self._store, erasure)
        self._forgetting.drop_copies()

    def _stated(self, request: DeletionRequest) -> Erasure:
        erased = select_values(self._store.database, request.filter)
        if erased.digest != request.digest or request.confirmation is None:
            raise StoreError(f"the request {request.id} is over other values than are found now")
        self._require_free(erased, self._two_people.authority())
        blobs = named_blobs(self._store.database, erased)
        self._forgetting.forget(request.filter)
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
        """Look once more before it is confirmed: the same values, none on hold, none being deleted."""
        if request.kind != VALUES_KIND:
            raise ConflictError(f"the request {request.id} is for no erasure")
        self._forgetting.require_left(request.filter)
        erased = select_values(self._store.database, request.filter)
        if erased.digest != request.digest:
            raise ConflictError(
                f"the request {request.id} is over other values than are found now: ask anew"
            )
        self._require_free(erased, authority)
        deleted = buried_indexes(self._store.database, sorted(log_indexes(erased)))
        if deleted:
            raise ConflictError(
                f"{len(deleted)} of these records are being deleted: ask anew when that is done"
            )

    def _require_free(self, erased: Erased, authority: Authority) -> None:
        holds = authority.holds_in_force(self._store.size)
        held = held_values(self._store.database, holds, erased)
        if held:
            names = ", ".join(one.id for one in holds)
            raise ConflictError(
                f"a hold covers {len(held)} of these records, and nothing of them is erased: {names}"
            )


def log_indexes(erased: Erased) -> frozenset[int]:
    """Return the log indexes of the entries of which values go."""
    return frozenset(erased.events()) | {index for index, _ in erased.spans()}


def _fail(error: StoreError) -> None:
    raise error
