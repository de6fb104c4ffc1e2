"""POST /api/v1/sql: one SELECT over masked views of what the caller may read.

The text runs in a process of its own (store/sql), never in the service. What is recorded of it is its keyed
digest and the views it names: a text may hold somebody's name.
"""

from dataclasses import replace
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import Field
from starlette.exceptions import HTTPException

from tallystick_ingest.api.answers.form import Answer, Count, Listing
from tallystick_ingest.api.body import Body
from tallystick_ingest.api.guard import BadRequestError, caller_with, record_access, service_of
from tallystick_ingest.api.listing import (
    ARROW_STREAM,
    AS_OF_HEADER,
    INCOMPLETE_HEADER,
    JSON,
    accepts_arrow,
)
from tallystick_ingest.api.parameters import SinceMoment, UntilMoment, moment
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.service import Service
from tallystick_ingest.turnstile import NoRoomError
from tallystick_store.engine.duckdb import Reader
from tallystick_store.sql.runner import MAX_ROWS, SqlAnswer, SqlError, SqlQuestion, run_sql
from tallystick_store.sql.views import VIEWS

MAX_SQL_CHARS: Final = 65_536
_BUSY_S: Final = "2"

router = APIRouter(prefix="/api/v1")
_may_ask = Depends(caller_with("sql"))


class SqlBody(Body):
    """One SELECT, the period that its views hold, and how many rows are wanted."""

    sql: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_SQL_CHARS,
            examples=["SELECT tool_name, count(*) FROM actions GROUP BY ALL"],
        ),
    ]
    since: SinceMoment = "24h"
    until: UntilMoment = "now"
    limit: Annotated[int, Field(ge=1, le=MAX_ROWS)] = 1_000


class ColumnShape(Answer):
    """One column of an answer; its type as Arrow calls it."""

    name: str
    type: str


class SqlRowsAnswer(Listing):
    """The rows of a query. A number that JSON has no room for is a text, bytes are base64, NaN is null."""

    columns: list[ColumnShape]
    rows: list[list[Any]]


class ViewShape(Answer):
    """One view that can be asked, and its columns."""

    name: str
    sentence: str
    columns: list[ColumnShape]


class ViewsAnswer(Answer):
    """The views that SQL is asked over."""

    views: list[ViewShape]
    max_rows: Count


@router.get("/sql/views", response_model=ViewsAnswer)
def sql_views(_caller: Caller = _may_ask) -> Response:
    """List the views and their columns."""
    shown = [
        {
            "name": view.name,
            "sentence": view.sentence,
            "columns": [{"name": one, "type": str(view.types[one])} for one in view.columns],
        }
        for view in VIEWS.values()
    ]
    return Response(orjson.dumps({"views": shown, "max_rows": MAX_ROWS}), media_type=JSON)


@router.post("/sql", response_model=SqlRowsAnswer)
def sql(body: SqlBody, request: Request, caller: Caller = _may_ask) -> Response:
    """Answer one SELECT over the views `actions`, `events`, `sessions` and `spans` of a period.

    Ended after 10 s, or with more than 512 MiB, and then there is no answer. `incomplete`: it has more rows.
    """
    service = service_of(request)
    from_us, to_us = moment(body.since, service), moment(body.until, service)
    if from_us >= to_us:
        raise BadRequestError("the period is empty: `from` must lie before `to`")
    is_arrow = accepts_arrow(request.headers.get("accept", ""))
    question = SqlQuestion(body.sql, from_us, to_us, body.limit, is_arrow)
    log_size = service.store.size
    try:
        with service.sql_turns.turn(caller.id):
            answer = run_sql(_reader(service, caller), question)
    except NoRoomError as error:
        raise HTTPException(429, str(error), {"retry-after": _BUSY_S}) from None
    except SqlError as error:
        _record(request, caller, body, (), 0)
        raise BadRequestError(str(error)) from None
    _record(request, caller, body, answer.tables, answer.rows)
    return _arrow(answer, log_size) if is_arrow else _json(answer, log_size)


def _reader(service: Service, caller: Caller) -> Reader:
    """Return what SQL may read: payload with that right alone, and names of people never, which takes a reason."""
    reach = replace(caller.reach_for(""), has_names=False)
    return service.store.database.within(reach)


def _record(
    request: Request, caller: Caller, body: SqlBody, tables: tuple[str, ...], rows: int
) -> None:
    target = " ".join(("sql", *tables))
    query = {"sql": body.sql, "from": body.since, "to": body.until}
    record_access(request, caller, "access.search", target, query, rows)


def _json(answer: SqlAnswer, log_size: int) -> Response:
    """Wrap the rows, which are JSON already."""
    said = {
        "incomplete": answer.is_incomplete,
        "as_of": {"log_size": log_size},
        "columns": answer.columns,
    }
    head = orjson.dumps(said).removesuffix(b"}")
    return Response(head + b',"rows":' + answer.content + b"}", media_type=JSON)


def _arrow(answer: SqlAnswer, log_size: int) -> Response:
    headers = {
        INCOMPLETE_HEADER: str(answer.is_incomplete).lower(),
        AS_OF_HEADER: str(log_size),
    }
    return Response(answer.content, media_type=ARROW_STREAM, headers=headers)
