"""The filters of actions, as the routes that list or follow actions take them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Final

from fastapi import Depends, Query, Request

from tallystick.capture.call import Outcome
from tallystick.capture.identity import joined
from tallystick_ingest.api.guard import reader_of, service_of
from tallystick_ingest.api.parameters import AnySince, AnyUntil, TextFilter, moment
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.service import Service
from tallystick_store.actions import ActionFilter
from tallystick_store.query import Query as Questions

_NAMES: Final = {"since": "from", "until": "to", "type_": "type"}


@dataclass(frozen=True, slots=True)
class ActionFilters:
    """What a request states; None: nothing."""

    since: AnySince = None
    until: AnyUntil = None
    agent: TextFilter = None
    tool: TextFilter = None
    principal: TextFilter = None
    outcome: Outcome | None = None
    type_: Annotated[TextFilter, Query(alias="type")] = None
    session: TextFilter = None

    def stated(self) -> dict[str, str]:
        """Return the filters that are given, each under its name in the request."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return {_NAMES.get(name, name): value for name, value in given.items()}

    def wanted(self, service: Service) -> ActionFilter:
        """Return them as the store takes them, with moments for words; raise BadRequestError for what is none."""
        return ActionFilter(
            from_us=None if self.since is None else moment(self.since, service),
            to_us=None if self.until is None else moment(self.until, service),
            agent=self.agent,
            tool=self.tool,
            principal=self.principal,
            outcome=self.outcome,
            type=self.type_,
            session=self.session,
        )


Filters = Annotated[ActionFilters, Depends()]


class Pseudonyms:
    """Puts pseudonyms in the place of a name: it may be masked in the records, or not be shown to the caller."""

    def __init__(self, request: Request, caller: Caller) -> None:
        """Look names up in what the caller may read."""
        service = service_of(request)
        self._shows_names = reader_of(request, caller).reach.has_names
        self._masker = service.masking.masker
        reach = replace(caller.reach_for(""), has_names=True)
        self._named = Questions(service.store.database.within(reach))

    def within(
        self, wanted: ActionFilter, start: int = 0, known: Sequence[str] = ()
    ) -> ActionFilter:
        """Return the filter with the pseudonyms that the log states from `start` on, beside those `known` already."""
        if wanted.principal is None:
            return wanted
        names = {wanted.principal, str(self._masker.mask_text(wanted.principal).value)}
        if self._shows_names and len(names) == 1:
            return wanted
        found = {ref for name in names for ref in self._named.refs_of(name, start)}
        refs = {*names, *known, *found, self._own_ref(wanted.principal)}
        return replace(wanted, principal=None, principal_refs=tuple(sorted(refs)))

    def _own_ref(self, name: str) -> str:
        """Return the pseudonym of a person whom nobody but the emitter's own program names."""
        return self._masker.digest("principal", joined(None, name).encode()) or ""
