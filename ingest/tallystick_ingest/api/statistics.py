"""Statistics: how tools fare by hour or over a period, which are new, and which agents use them for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from tallystick_ingest.api.answers.form import Answer
from tallystick_ingest.api.answers.statistics import (
    NewToolsAnswer,
    NewToolShape,
    ToolStatisticsAnswer,
    ToolStatisticsShape,
    UseShape,
    WhoAnswer,
)
from tallystick_ingest.api.guard import (
    BadRequestError,
    caller_with,
    reader_of,
    record_access,
    service_of,
)
from tallystick_ingest.api.listing import Extent, Listed, Rows, answer_list
from tallystick_ingest.api.parameters import SinceText, UntilText, moment
from tallystick_ingest.auth.gate import Caller
from tallystick_store.statistics import MAX_ROWS, new_tools, tool_statistics, who_uses_what

_DAY: Final = "24h"

router = APIRouter(prefix="/api/v1")
_may_read = Depends(caller_with("read"))


@router.get("/statistics/tools", response_model=ToolStatisticsAnswer)
def statistics_of_tools(
    request: Request,
    since: SinceText = _DAY,
    until: UntilText = "now",
    by: Literal["period", "hour"] = "period",
    caller: Caller = _may_read,
) -> Response:
    """Count the actions of each tool and give percentiles of their durations, each within 5 %."""
    asked = _Asked.of(request, caller, since, until)
    found, is_cut = tool_statistics(
        reader_of(request, caller), asked.from_us, asked.to_us, is_hourly=by == "hour"
    )
    return asked.answer("statistics", "tools", ToolStatisticsShape, _shapes(found), is_cut)


@router.get("/tools/new", response_model=NewToolsAnswer)
def tools_new(
    request: Request,
    since: SinceText = _DAY,
    until: UntilText = "now",
    caller: Caller = _may_read,
) -> Response:
    """List the tools that were seen for the first time in [from, to), by the clocks of the emitters."""
    asked = _Asked.of(request, caller, since, until)
    found, is_cut = new_tools(reader_of(request, caller), asked.from_us, asked.to_us)
    return asked.answer("tools", "tools", NewToolShape, _shapes(found), is_cut)


@router.get("/statistics/who", response_model=WhoAnswer)
def statistics_of_who(
    request: Request,
    since: SinceText = _DAY,
    until: UntilText = "now",
    limit: Annotated[int, Query(ge=1, le=MAX_ROWS)] = 1_000,
    caller: Caller = _may_read,
) -> Response:
    """Count the actions of each agent with each tool on behalf of each person; people by their pseudonyms."""
    asked = _Asked.of(request, caller, since, until)
    found, is_cut = who_uses_what(reader_of(request, caller), asked.from_us, asked.to_us, limit)
    return asked.answer("statistics", "uses", UseShape, _shapes(found), is_cut)


def _shapes(found: Sequence[Any]) -> list[Mapping[str, Any]]:
    return [asdict(one) for one in found]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question about a period."""

    request: Request
    caller: Caller
    query: dict[str, Any]
    from_us: int
    to_us: int
    log_size: int

    @classmethod
    def of(cls, request: Request, caller: Caller, since: str, until: str) -> "_Asked":
        """Read the period; raise BadRequestError for an empty one."""
        service = service_of(request)
        from_us, to_us = moment(since, service), moment(until, service)
        if from_us >= to_us:
            raise BadRequestError("the period is empty: `from` must lie before `to`")
        query = {"from": since, "to": until}
        return cls(request, caller, query, from_us, to_us, service.store.size)

    def answer(
        self,
        target: str,
        name: str,
        model: type[Answer],
        shapes: Sequence[Mapping[str, Any]],
        is_cut: bool,
    ) -> Response:
        """Record the reading and answer."""
        record_access(self.request, self.caller, "access.search", target, self.query, len(shapes))
        further = {"period": {"from_us": self.from_us, "to_us": self.to_us}}
        listed = Listed(Extent(self.log_size, is_cut), [Rows(name, model, shapes)], further)
        return answer_list(self.request, listed)
