"""Parameters that several routes take, each with its bounds and what it means."""

from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import Field

from tallystick.errors import ConfigError
from tallystick_ingest.api.answers.form import Index
from tallystick_ingest.api.guard import BadRequestError
from tallystick_ingest.moment import parse_moment
from tallystick_ingest.service import Service

MAX_TEXT_CHARS: Final = 256
MAX_MOMENT_CHARS: Final = 64
_MOMENT: Final = "2026-11-22, 2026-11-22T15:00:00Z, today, now, 30m (ago), or µs since 1970"
_SINCE: Final = f"Not before this moment: {_MOMENT}."
_UNTIL: Final = f"Before this moment: {_MOMENT}."

_FROM: Final[Any] = Query(
    alias="from", max_length=MAX_MOMENT_CHARS, description=_SINCE, examples=["24h"]
)
_TO: Final[Any] = Query(
    alias="to", max_length=MAX_MOMENT_CHARS, description=_UNTIL, examples=["now"]
)
SinceText = Annotated[str, _FROM]
UntilText = Annotated[str, _TO]
AnySince = Annotated[str | None, _FROM]
AnyUntil = Annotated[str | None, _TO]
"""The same where a list may do without a period."""
SinceMoment = Annotated[str, Field(alias="from", max_length=MAX_MOMENT_CHARS, description=_SINCE)]
UntilMoment = Annotated[str, Field(alias="to", max_length=MAX_MOMENT_CHARS, description=_UNTIL)]
"""The same in a body."""
TextFilter = Annotated[str | None, Query(max_length=MAX_TEXT_CHARS, examples=["lookup"])]
"""A filter that must be equal."""
TraceId = Annotated[
    str, Path(max_length=MAX_MOMENT_CHARS, examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
]
ActionId = Annotated[
    str, Path(max_length=MAX_TEXT_CHARS, examples=["0af7651916cd43dd8448eb211c80319c"])
]
LogIndex = Annotated[Index, Path(description="A place in the log, from 0.", examples=[0])]


def moment(text: str, service: Service) -> int:
    """Read a moment; raise BadRequestError for what is none."""
    try:
        return parse_moment(text, service.clock.now_us())
    except ConfigError as error:
        raise BadRequestError(str(error)) from None
