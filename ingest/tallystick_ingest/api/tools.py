"""The tools that are known: their definitions, what is flagged in them, and how they changed."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, TypeAdapter

from tallystick.event import Statement
from tallystick.tooldef.phrases import NOTICES
from tallystick_ingest.api.absence import absences_of
from tallystick_ingest.api.answers.form import NOTHING_THERE
from tallystick_ingest.api.answers.tools import (
    HistoryAnswer,
    ToolsAnswer,
    ToolShape,
    VersionShape,
)
from tallystick_ingest.api.cursor import CursorText, print_cursor, read_cursor
from tallystick_ingest.api.guard import (
    NotFoundError,
    caller_with,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import Extent, Listed, Rows, answer_list
from tallystick_ingest.api.parameters import TextFilter
from tallystick_ingest.api.shapes import faults_shape
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.definition_diff import diff_of, differing, read_offered
from tallystick_store.definitions import (
    MAX_RANK,
    MAX_TOOLS,
    KnownTool,
    Place,
    ToolKey,
    Version,
    known_tools,
    versions_of,
)
from tallystick_store.events import StoredEvent

_MAX_CHARS: Final = 256

router = APIRouter(prefix="/api/v1/tools")
_may_read = Depends(caller_with("read"))
_Name = Annotated[str, Field(max_length=_MAX_CHARS)]
_Rank = Annotated[int, Field(ge=0, le=MAX_RANK)]
_PLACE: Final = TypeAdapter(tuple[_Rank, str, str, str, str, str, str])


class _Wanted(BaseModel):
    """The members of `ToolKey`."""

    observer: _Name
    tool: _Name
    server: _Name = ""
    server_ref: _Name = ""
    service: _Name = ""
    agent: _Name = ""


@router.get("", response_model=ToolsAnswer)
def tools(
    request: Request,
    server: TextFilter = None,
    tool: TextFilter = None,
    limit: Annotated[int, Query(ge=1, le=MAX_TOOLS)] = MAX_TOOLS,
    after: CursorText = None,
    caller: Caller = _may_read,
) -> Response:
    """List tools, those first whose definition changed; `after` of the answer asks for the next page."""
    query = {name: value for name, value in (("server", server), ("tool", tool)) if value}
    place = None if after is None else _place(query, after)
    log_size = service_of(request).store.size
    page = known_tools(reader_of(request, caller), server, tool, limit=limit, after=place)
    record_access(request, caller, "access.search", "tools", query, len(page.tools))
    rows = Rows("tools", ToolShape, [_tool_shape(one) for one in page.tools])
    cursor = None if page.after is None else _cursor(query, page.after)
    extent = Extent(log_size, is_incomplete=cursor is not None, cursor=("after", cursor))
    return answer_list(request, Listed(extent, [rows]))


@router.get("/history", response_model=HistoryAnswer, responses=NOTHING_THERE)
def history(
    request: Request,
    wanted: Annotated[_Wanted, Query()],
    caller: Caller = _may_read,
) -> Response:
    """Return the definitions of one tool, newest first, each with how it differs from the one before."""
    key = ToolKey(**wanted.model_dump())
    log_size = service_of(request).store.size
    versions, is_cut = versions_of(reader_of(request, caller), key)
    record_access(request, caller, "access.read", "tool", asdict(key), len(versions))
    if not versions:
        raise NotFoundError("no definition of such a tool was recorded")
    by_digest = {_digest(one.event): one for one in versions}
    absences = absences_of(request, caller)
    shapes = [
        {
            **_version_shape(one, by_digest.get(one.previous_digest or "")),
            "absent": absences.of_event(one.event),
        }
        for one in versions
    ]
    rows = Rows("versions", VersionShape, shapes)
    return answer_list(request, Listed(Extent(log_size, is_cut), [rows]))


def _cursor(query: Mapping[str, str], place: Place) -> str:
    return print_cursor("tools", query, [place.rank, *astuple(place.key)])


def _place(query: Mapping[str, str], cursor: str) -> Place:
    rank, *key = read_cursor("tools", query, cursor, _PLACE)
    return Place(rank, ToolKey(*key))


def _tool_shape(known: KnownTool) -> dict[str, Any]:
    newest = known.newest
    said: Statement = newest.statement if newest is not None else {}
    return {
        **asdict(known.key),
        "digest": known.digest,
        "first_us": known.first_us,
        "last_us": known.last_us,
        "versions": known.versions,
        "emitters": known.emitters,
        "changes": known.changes,
        "changed_us": known.changed_us,
        "moved_us": known.moved_us,
        "former_digest": known.former_digest,
        "is_listed": known.is_listed,
        **_flags(said),
        "log_index": None if newest is None else newest.log_index,
        "sealing": None if newest is None else newest.proof,
        "faults": faults_shape(newest.faults) if newest is not None else [],
    }


def _version_shape(version: Version, before: Version | None) -> dict[str, Any]:
    event = version.event
    after = read_offered(event.disclosures.get("tool.definition"))
    earlier = before.event.disclosures.get("tool.definition") if before is not None else None
    changed, diff = _changes(version, read_offered(earlier), after)
    return {
        "log_index": event.log_index,
        "time_us": event.said("time_us") or 0,
        "emitter": version.emitter,
        "digest": _digest(event),
        "previous_digest": version.previous_digest,
        "changed": changed,
        "diff": diff,
        **_flags(event.statement),
        "findings": _findings(event.disclosures.get("tool.findings")),
        "definition": event.disclosures.get("tool.definition"),
        "sealing": event.proof,
        "faults": faults_shape(event.faults),
    }


def _changes(
    version: Version, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[Sequence[str], list[dict[str, Any]]]:
    """Name the members that changed, by the emitter's own word where it has one, and compare them."""
    said = version.event.statement
    is_said = said.get("tool.previous_digest") == version.previous_digest is not None
    stated = tuple(said.get("tool.changed", ())) if is_said else ()
    if before is None or after is None:
        return stated, []
    changed = stated or differing(before, after)
    return changed, [asdict(one) for one in diff_of(before, after, changed)]


def _flags(said: Statement) -> dict[str, Any]:
    """Return what is flagged, apart from what honest definitions hold as well; null: nobody looked."""
    flags = said.get("tool.flags")
    if flags is None:
        return {"flags": None, "notices": None}
    return {
        "flags": {kind: count for kind, count in flags.items() if kind not in NOTICES},
        "notices": {kind: count for kind, count in flags.items() if kind in NOTICES},
    }


def _findings(text: str | None) -> list[Any]:
    found = read_offered(f'{{"all":{text}}}') if text else None
    listed = found["all"] if found is not None else []
    return listed if isinstance(listed, list) else []


def _digest(event: StoredEvent) -> str:
    return str(event.said("tool.definition_digest") or "")
