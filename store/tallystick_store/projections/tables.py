"""The tables of projections. `upto` is the end of the window that a row is a part of.

They hold no value of a disclosure: who a person is stands in `events` alone, under the log index that a part
names. Texts are looked up by 63 bits of their MD5 (`key_of`): a number is compared ten times faster.
"""

import hashlib
from typing import Final

from tallystick_store.schema import Column, Table


def key_of(text: str) -> str:
    """Return the SQL expression of the number under which an SQL text is looked up."""
    return f"(md5_number({text}) >> 65)::BIGINT"


def key(text: str) -> int:
    """Return the number under which a text is looked up: that of `key_of`."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "little") >> 1


_UPTO: Final = Column("upto", "BIGINT")
_RANGE: Final = (Column("first_index", "BIGINT"), Column("last_index", "BIGINT"))
_TOOL: Final = (Column("server", "VARCHAR"), Column("tool", "VARCHAR"))
_COUNTS: Final = (
    Column("actions", "BIGINT"),
    Column("failed", "BIGINT"),
    Column("denied", "BIGINT"),
    Column("derived", "BIGINT"),
    Column("masked", "BIGINT"),
)

PROJECTED: Final = Table("projected", (Column("start", "BIGINT"), _UPTO))
"""The windows whose parts are here; a row is written with them."""

TRACE_PARTS: Final = Table(
    "trace_parts",
    (
        _UPTO,
        Column("trace_key", "BIGINT"),
        Column("trace_id", "VARCHAR"),
        *_RANGE,
        Column("first_us", "BIGINT"),
        Column("last_us", "BIGINT"),
        Column("end_us", "BIGINT"),
        Column("spans", "BIGINT"),
    ),
)
"""`first_us` and `last_us` are of when records were made and spans began, `end_us` of when spans ended."""

ACTION_PARTS: Final = Table(
    "action_parts",
    (_UPTO, Column("action_key", "BIGINT"), *_RANGE, Column("has_end", "BOOLEAN")),
)

NATIVE_SPANS: Final = Table("native_spans", (_UPTO, Column("span_key", "BIGINT")))
"""The key of trace id and span id, of each native record that has both."""

UNSURE_CALLS: Final = Table(
    "unsure_calls",
    (
        _UPTO,
        Column("action_key", "BIGINT"),
        Column("span_key", "BIGINT"),
        Column("time_us", "BIGINT"),
        Column("agent", "VARCHAR"),
        *_TOOL,
        Column("person", "VARCHAR"),
        Column("duration", "INTEGER"),
        *_COUNTS,
    ),
)
"""Calls that count unless another window holds their end, or a native record of the same span.

`action_key` is set for a start, `span_key` for what was derived."""

TOOL_HOURS: Final = Table(
    "tool_hours",
    (_UPTO, Column("unit", "BIGINT"), Column("agent", "VARCHAR"), *_TOOL, *_COUNTS),
)
DURATION_HOURS: Final = Table(
    "duration_hours",
    (_UPTO, Column("unit", "BIGINT"), *_TOOL, Column("duration", "INTEGER"), *_COUNTS),
)
WHO_DAYS: Final = Table(
    "who_days",
    (
        *(_UPTO, Column("unit", "BIGINT"), Column("agent", "VARCHAR"), *_TOOL),
        *(Column("person", "VARCHAR"), *_COUNTS),
    ),
)
"""`unit` numbers the hours, or days, since 1970."""

NOTED_HOURS: Final = Table(
    "noted_hours",
    (
        *(_UPTO, Column("unit", "BIGINT"), Column("what", "VARCHAR")),
        *(Column("value", "VARCHAR"), Column("times", "BIGINT")),
    ),
)
"""What a service and its emitters say about themselves: refusals, losses, spans that had to be masked."""

TOOLS_SEEN: Final = Table(
    "tools_seen", (_UPTO, *_TOOL, Column("first_us", "BIGINT"), Column("first_index", "BIGINT"))
)

SESSION_PARTS: Final = Table(
    "session_parts",
    (
        _UPTO,
        Column("session", "VARCHAR"),
        *_RANGE,
        Column("sender", "VARCHAR"),
        Column("emitter", "VARCHAR"),
        Column("service", "VARCHAR"),
        Column("first_us", "BIGINT"),
        Column("last_us", "BIGINT"),
        Column("heard_us", "BIGINT"),
        Column("events", "BIGINT"),
        Column("min_seq", "BIGINT"),
        Column("max_seq", "BIGINT"),
        Column("is_run", "BOOLEAN"),
        Column("is_closed", "BOOLEAN"),
        Column("sealed", "BIGINT"),
    ),
)
"""`is_run`: the events' sequence numbers are all from `min_seq` to `max_seq`. `sealed` is the largest
size that a seal states. Events and seals of one window make one part; without events all but
`session` and `sealed` is NULL."""

PROJECTIONS: Final = (
    PROJECTED,
    TRACE_PARTS,
    ACTION_PARTS,
    NATIVE_SPANS,
    UNSURE_CALLS,
    TOOL_HOURS,
    DURATION_HOURS,
    WHO_DAYS,
    NOTED_HOURS,
    TOOLS_SEEN,
    SESSION_PARTS,
)
