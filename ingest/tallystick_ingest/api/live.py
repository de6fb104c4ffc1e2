"""GET /api/v1/live: actions as they are committed, as server-sent events.

The first record of a tail is written before anything goes out, a second one, with the number of actions, when it
has ended. Whoever connects again with `Last-Event-ID` gets what came since, once.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from tallystick.errors import AuthenticationError, AuthorizationError, TallystickError
from tallystick_ingest.api.absence import absences_of
from tallystick_ingest.api.answers.form import Responses
from tallystick_ingest.api.filters import Filters, Pseudonyms
from tallystick_ingest.api.guard import caller_with, reader_of, record_access, service_of
from tallystick_ingest.api.shapes import action_shape
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.drafts import Access
from tallystick_ingest.live import Batch, Question, Shown
from tallystick_ingest.otlp.http import header_map
from tallystick_ingest.service import Service
from tallystick_ingest.turnstile import NoRoomError
from tallystick_store.actions import ActionFilter
from tallystick_store.live import read_stretch

EVENT_STREAM: Final = "text/event-stream"
MAX_STALL_S: Final = 60.0
"""How long a reader may take nothing at all before its connection is closed."""
_STREAM: Final[Responses] = {
    200: {
        "description": "Events `action`, with the log index as id; `lagged` and `end`, which are the last",
        "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
    }
}
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))
_log = logging.getLogger("tallystick.live")

LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        lt=2**63,
        description="Log index of the last event that was received.",
    ),
]


class EventStream(StreamingResponse):
    """A stream whose reader has to take something now and then."""

    media_type = EVENT_STREAM

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - as Starlette
        """Send it; end the connection of a reader that takes nothing."""

        async def send_in_time(event: Any) -> None:  # noqa: ANN401 - as Starlette
            async with asyncio.timeout(MAX_STALL_S):
                await send(event)

        await super().__call__(scope, receive, send_in_time)


@router.get("/live", response_class=EventStream, responses=_STREAM)
def live(
    request: Request,
    filters: Filters,
    last_event_id: LastEventId = None,
    caller: Caller = _may_read,
) -> StreamingResponse:
    """Follow actions as they are committed: each record that begins or ends one, in the order of the log.

    Filters as those of `/actions`. From now on, or from behind `Last-Event-ID`. A heartbeat of 15 s carries
    an id too. `lagged` tells a reader that fell behind where to go on; `end` says why nothing more comes.
    """
    service = service_of(request)
    wanted = filters.wanted(service)
    try:
        service.live.places.require_room(caller.id)
    except NoRoomError as error:
        raise HTTPException(429, str(error), {"retry-after": "1"}) from None
    log_size = service.store.size
    start = log_size if last_event_id is None else min(last_event_id + 1, log_size)
    query = {**filters.stated(), "after": start - 1}
    record_access(request, caller, "access.search", "live", query, 0)
    question = _question(request, caller, wanted)
    access = Access("access.search", "live.end", caller, query, 0)
    return EventStream(_told(service, question, start, access), headers=_HEADERS)


def _question(request: Request, caller: Caller, wanted: ActionFilter) -> Question:
    service, reader = service_of(request), reader_of(request, caller)
    headers = header_map(request.scope)
    pseudonyms = Pseudonyms(request, caller)
    at_first = pseudonyms.within(wanted)

    def read(start: int, log_size: int) -> Batch:
        asked = pseudonyms.within(wanted, start, at_first.principal_refs or ())
        found = read_stretch(reader, asked, start, log_size, service.store.published)
        absences = absences_of(request, caller)
        shown = [
            Shown(one.event.log_index, orjson.dumps(action_shape(one, absences)))
            for one in found.actions
        ]
        return Batch(tuple(shown), found.end)

    def ends_for() -> str | None:
        try:
            now = service.gate.caller(headers)
        except (AuthenticationError, AuthorizationError):
            return "the credential is not valid any more"
        except TallystickError:
            return None  # it cannot be looked at now; it is looked at again soon
        is_same = (now.id, now.scopes, now.reach) == (caller.id, caller.scopes, caller.reach)
        return None if is_same else "what the credential may read has changed: connect again"

    return Question((reader.reach, wanted, at_first), read, ends_for)


async def _told(
    service: Service, question: Question, start: int, access: Access
) -> AsyncIterator[bytes]:
    """Yield what goes out, count what went, and record the end whatever it is."""
    count = 0
    try:
        with service.live.places.turn(access.caller.id):
            async with contextlib.aclosing(service.live.events(question, start)) as events:
                async for chunk, actions in events:
                    yield chunk
                    count += actions
    finally:
        service.live.when_over(lambda: _record_end(service, replace(access, rows=count)))


def _record_end(service: Service, access: Access) -> None:
    try:
        service.accesses.record(access)
    except TallystickError as error:
        _log.warning("the end of a tail could not be recorded: %s", error)
