"""What people said with their decisions: the name of a hold, reasons, and who they are by the name of their account.

Such texts name whomever they like, and those who ask for an erasure tend to name the person. So they are shown to
callers who may reveal names and say why, as everywhere; everybody else is told that they are withheld, or erased.
Lists alone show them, for each list that shows them is on record with the reason; an answer to a decision does not.
"""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import Request

from tallystick.verify.authority import DeletionRequest
from tallystick.verify.erasures import VALUES_KIND
from tallystick_ingest.api.absence import absences_of, withheld
from tallystick_ingest.api.guard import reader_of, service_of
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.standing import Standing
from tallystick_store.events import StoredEvent, read_events_at
from tallystick_store.governance.ledger import ErasureLedger

Shape = dict[str, Any]

_REASONS: Final = ("hold.reason", "request.reason")


class Words:
    """The words that stand at some places of the log, as one caller may read them."""

    def __init__(self, request: Request, caller: Caller, log_indexes: Iterable[int | None]) -> None:
        """Read them at once. Raises StoreError."""
        reader, service = reader_of(request, caller), service_of(request)
        wanted = [one for one in log_indexes if one is not None]
        found = read_events_at(reader, wanted, service.store.published) if wanted else ()
        self._events = {one.log_index: one for one in found}
        self._absences = absences_of(request, caller)
        self._has_names = reader.reach.has_names and request.method == "GET"

    def at(self, log_index: int | None) -> Shape | None:
        """Return what was said with the decision at a place; None where there is no such decision."""
        event = None if log_index is None else self._events.get(log_index)
        return None if event is None else self._said(event)

    def _said(self, event: StoredEvent) -> Shape:
        absent = self._absences.of_event(event)
        shown = event.disclosures if self._has_names else {}
        if not self._has_names and (absent is None or absent["why"] != "erased"):
            absent = withheld(max(1, len(event.statement.get("sd", ()))), "reveal")
        return {
            "by": event.said("client.id") or "",
            "by_name": shown.get("principal.id"),
            "name": shown.get("hold.name"),
            "reason": next((shown[one] for one in _REASONS if one in shown), None),
            "at_us": event.rx_us,
            "log_index": event.log_index,
            "absent": absent,
        }


def places_of(request: DeletionRequest) -> tuple[int | None, ...]:
    """Return where the log says that it was asked for, confirmed and withdrawn."""
    confirmation = request.confirmation
    confirmed = None if confirmation is None else confirmation.log_index
    return request.log_index, confirmed, request.withdrawn_index


def done_shape(request: DeletionRequest, standing: Standing, ledger: ErasureLedger) -> Shape | None:
    """Return what the log says of a request that was carried out; None until then."""
    if standing.done is None:
        return None
    done, is_erasure = standing.done, request.kind == VALUES_KIND
    taken = ledger.taken_by(request.id)
    return {
        "at_us": done.at_us,
        "log_index": done.log_index,
        "entries": done.entries,
        "events": taken.event_count if is_erasure else None,
        "spans": taken.span_count if is_erasure else None,
    }
