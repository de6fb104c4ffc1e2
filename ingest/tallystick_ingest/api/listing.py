"""Lists as answers: JSON, or one Arrow stream for whoever accepts that, and never shorter in silence.

Each says whether there is more than it holds (`incomplete`) and how much of the log it speaks of (`as_of`):
in JSON as members, in Arrow in the schema's metadata and in headers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import pyarrow as pa
from fastapi import Request
from fastapi.responses import JSONResponse, Response

from tallystick_ingest.api.answers.form import Answer
from tallystick_ingest.api.arrow_form import arrow_stream, arrow_table

ARROW_STREAM: Final = "application/vnd.apache.arrow.stream"
JSON: Final = "application/json"
CURSOR_HEADER: Final = "Tallystick-Cursor"
"""Of an Arrow answer: the cursor of the next page; missing: this is the last one."""
INCOMPLETE_HEADER: Final = "Tallystick-Incomplete"
AS_OF_HEADER: Final = "Tallystick-As-Of"
"""Of an Arrow answer: everything below this place of the log was looked at."""


class OrjsonResponse(JSONResponse):
    """JSON by orjson: what the store holds was checked when it came in."""

    def render(self, content: object) -> bytes:
        """Return the bytes of a value of plain types and dataclasses."""
        return orjson.dumps(content)


def answer_json(value: object) -> JSONResponse:
    """Answer with a value of plain types and dataclasses."""
    return OrjsonResponse(value)


@dataclass(frozen=True, slots=True)
class Rows:
    """One list of an answer."""

    name: str
    model: type[Answer]
    shapes: Sequence[Mapping[str, Any]]
    make_table: Callable[[], pa.Table] | None = None
    """Makes the Arrow table, where its columns are not those of the JSON."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of what was asked for an answer holds."""

    log_size: int
    is_incomplete: bool = False
    cursor: tuple[str, str | None] | None = None
    """Name of its member, and the cursor of the next page; None: this is the last one, or there are no pages."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An answer with one or more lists: the first is the one that Arrow gives, unless another is named."""

    extent: Extent
    rows: Sequence[Rows]
    further: Mapping[str, Any] = field(default_factory=dict)
    """Members beside the lists, in JSON alone."""


def answer_list(request: Request, listed: Listed, wanted: str | None = None) -> Response:
    """Answer in the form that the request accepts; `wanted` names the list that Arrow is to give."""
    if accepts_arrow(request.headers.get("accept", "")):
        return _arrow_answer(listed, wanted)
    return answer_json(
        {
            **{one.name: one.shapes for one in listed.rows},
            **dict([listed.extent.cursor] if listed.extent.cursor else []),
            **listed.further,
            "incomplete": listed.extent.is_incomplete,
            "as_of": {"log_size": listed.extent.log_size},
        }
    )


def accepts_arrow(accept: str) -> bool:
    """Whether an Accept header prefers Arrow to JSON, or names it alone."""
    weights: dict[str, float] = {}
    for part in accept.lower().split(","):
        media_type, *parameters = (word.strip() for word in part.split(";"))
        weights[media_type] = _weight(parameters)
    arrow = weights.get(ARROW_STREAM, 0.0)
    return arrow > 0 and arrow >= weights.get(JSON, 0.0)


def _weight(parameters: Sequence[str]) -> float:
    for one in parameters:
        name, _, value = one.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _arrow_answer(listed: Listed, wanted: str | None) -> Response:
    [rows] = [one for one in listed.rows if one.name == wanted] or listed.rows[:1]
    extent = listed.extent
    said = {
        INCOMPLETE_HEADER: "true" if extent.is_incomplete else "false",
        AS_OF_HEADER: str(extent.log_size),
    }
    if extent.cursor is not None and extent.cursor[1] is not None:
        said[CURSOR_HEADER] = extent.cursor[1]
    table = rows.make_table() if rows.make_table else arrow_table(rows.model, rows.shapes)
    return Response(arrow_stream(table, said), media_type=ARROW_STREAM, headers=said)
