"""Why an answer lacks values that a record binds: kept back from this caller, erased under authority, or not kept.

That values were erased stands in the log's own records (`access.delete`), which only a caller whose reach is whole
can read. To anybody else it stays open which it is: a right that is lacking, or an erasure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import Request

from tallystick_ingest.api.guard import reason_of, service_of
from tallystick_ingest.auth.gate import Caller
from tallystick_store.events import StoredEvent
from tallystick_store.governance.ledger import Erasure
from tallystick_store.governance.stated import Stated, stated_requests
from tallystick_store.reach import Reach
from tallystick_store.spans import StoredSpan
from tallystick_store.store import Store

Shape = dict[str, Any]


def absences_of(request: Request, caller: Caller) -> "Absences":
    """Return what tells this caller why values are not in the answer to a request."""
    return Absences(service_of(request).store, caller.reach_for(reason_of(request)))


@dataclass(frozen=True)
class Absences:
    """Tells of one answer; the log is asked for the date of an erasure where there is one in it, and once."""

    store: Store
    reach: Reach

    def of_event(self, event: StoredEvent) -> Shape | None:
        """Return why values are not there that the statement of an event binds; None where all are."""
        values = len(event.statement.get("sd", ())) - len(event.disclosures)
        if values <= 0:
            return None
        return self._told(values, self.store.ledger.erasure_of(event.log_index))

    def of_span(self, span: StoredSpan) -> Shape | None:
        """Return why a span says nothing in words; None where its record is shown. It counts as one value."""
        if self.reach.has_payload and not span.is_blank:
            return None
        return self._told(1, self.store.ledger.erasure_of_span(span.log_index, span.position))

    def _told(self, values: int, erasure: Erasure | None) -> Shape:
        if not self.reach.is_full:
            return _shape(values, "unknown")
        if erasure is not None:
            said = self._stated.get(erasure.request)
            return _shape(values, "erased", erasure=_erased(erasure, said))
        if not self.reach.has_payload:
            return withheld(values, "payload")
        if not self.reach.has_names:
            return withheld(values, "reveal")
        return _shape(values, "not kept")

    @cached_property
    def _stated(self) -> Mapping[str, Stated]:
        return stated_requests(self.store.database)


def withheld(values: int, needs: str) -> Shape:
    """Return that values are kept back for want of a right."""
    return _shape(values, "withheld", needs=needs)


def _shape(values: int, why: str, needs: str | None = None, erasure: Shape | None = None) -> Shape:
    return {"values": values, "why": why, "needs": needs, "erasure": erasure}


def _erased(erasure: Erasure, said: Stated | None) -> Shape:
    return {
        "request": erasure.request,
        "confirmed_index": erasure.log_index,
        "stated_index": said.log_index if said else None,
        "stated_us": said.at_us if said else None,
    }
