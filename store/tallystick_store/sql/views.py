"""The views that SQL is asked over: their columns, and how each is read within a reach and a period.

No raw records, no blobs, no hashes: what a record says, one column a field, masked as it was kept. Texts that
take a right are NULL for those without it (reach.py), and `params`, `result` and `error_message` with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from tallystick.span_record import SPAN_COLUMNS
from tallystick_store.engine.duckdb import Reader
from tallystick_store.schema import EVENTS, arrow_types
from tallystick_store.shown_actions import SHOWN

_RAW: Final = ("leaf_hash", "statement", "disclosures", "disclosure_count")
_EVENT_COLUMNS: Final = tuple(name for name in EVENTS.column_names if name not in _RAW)
_PAYLOAD: Final = {"params": "params", "result": "result", "error_message": "error.message"}
"""Column -> field of the disclosure that it shows."""
_ACTION_COLUMNS: Final = (
    *("log_index", "time_us", "type", "outcome", "origin", "observer", "action_id"),
    *("action_parent_id", "trace_id", "span_id", "session", "agent_name", "tool_name"),
    *("prompt_name", "resource_uri", "server_name", "client_id", "client_name"),
    *("principal_id", "principal_ref", "principal_basis", "error_type"),
)
_OFFSET_BYTES: Final = 4
"""Of a text in Arrow, beside its own bytes."""
_DURATION: Final = "span_end_us - span_start_us"


def _disclosed(field: str) -> str:
    """Return SQL for the value of one disclosure line, `["<salt>","<field>","<value>"]`."""
    name = field.replace(".", r"\.")
    pattern = rf'(?m)^\["[0-9a-f]{{32}}","{name}",("(?:[^"\\]|\\.)*")\]$'
    return f"json_extract_string(nullif(regexp_extract(disclosures, '{pattern}', 1), ''), '$')"


@dataclass(frozen=True, slots=True)
class View:
    """One view: what stands in it, its columns with the SQL of each, and where they come from."""

    name: str
    sentence: str
    columns: dict[str, str]
    """Name -> SQL."""
    types: dict[str, pa.DataType]
    source: Callable[[], str]
    """FROM and WHERE; $1 and $2 are the period in µs, [$1, $2)."""

    def count(self, reader: Reader, period: tuple[int, int]) -> int:
        """Return how many rows a period has."""
        ((count,),) = reader.rows(f"SELECT count(*) FROM (SELECT 1 {self.source()})", period)  # noqa: S608 - own words
        return int(count)

    def size_bytes(
        self, reader: Reader, period: tuple[int, int], columns: Sequence[str] | None
    ) -> int:
        """Return how much `read` would return, in Arrow; looked at row by row and never held."""
        wanted = self._wanted(columns)
        sizes = " + ".join(
            f'coalesce(strlen("{name}"), 0) + {_OFFSET_BYTES}'
            if self.types[name] == pa.string()
            else str(max(1, self.types[name].bit_width // 8))
            for name in wanted
        )
        sql = f"SELECT coalesce(sum({sizes}), 0) FROM ({self._select(wanted)})"  # noqa: S608 - own words
        ((size_bytes,),) = reader.rows(sql, period)
        return int(size_bytes)

    def read(
        self, reader: Reader, period: tuple[int, int], columns: Sequence[str] | None
    ) -> pa.Table:
        """Return the rows of a period with some columns (None: all of them)."""
        wanted = self._wanted(columns)
        table = reader.arrow(self._select(wanted), period)
        return table.cast(pa.schema([(name, self.types[name]) for name in wanted]))

    def _wanted(self, columns: Sequence[str] | None) -> list[str]:
        wanted = [name for name in self.columns if columns is None or name in columns]
        return wanted or [next(iter(self.columns))]

    def _select(self, wanted: Sequence[str]) -> str:
        chosen = ", ".join(f'{self.columns[name]} AS "{name}"' for name in wanted)
        return f"SELECT {chosen} {self.source()}"


def _plain(names: Sequence[str], prefix: str = "") -> dict[str, str]:
    return {name: f'{prefix}"{name}"' for name in names}


def _event_types() -> dict[str, pa.DataType]:
    return arrow_types(EVENTS) | dict.fromkeys([*_PAYLOAD, "agent", "tool"], pa.string())


_SESSION_COLUMNS: Final = {
    "session": "session",
    "sender": "arg_min(sender, log_index)",
    "emitter": "max(emitter_name)",
    "service": "max(service_name)",
    "first_us": "min(time_us)",
    "last_us": "max(time_us)",
    "events": "count(*)",
    "is_closed": "bool_or(type = 'session.close')",
}
_SESSION_TYPES: Final = {
    "session": pa.string(),
    "sender": pa.string(),
    "emitter": pa.string(),
    "service": pa.string(),
    "first_us": pa.int64(),
    "last_us": pa.int64(),
    "events": pa.int64(),
    "is_closed": pa.bool_(),
}
_SPAN_NAMES: Final = ("log_index", "position", "rx_us", "sender", *SPAN_COLUMNS)
_SPAN_INTEGERS: Final = ("log_index", "position", "rx_us", "kind", "start_ns", "end_ns", "status")
_PERIOD: Final = "time_us >= $1 AND time_us < $2"

VIEWS: Final = {
    one.name: one
    for one in (
        View(
            "actions",
            "one row for each action: the record that ended it, or that began it while there is no end",
            {
                **_plain(_ACTION_COLUMNS, "e."),
                "duration_us": _DURATION,
                **{name: _disclosed(field) for name, field in _PAYLOAD.items()},
            },
            {**_event_types(), "duration_us": pa.int64()},
            lambda: (
                f"FROM ({SHOWN.format(period=_PERIOD)}) a JOIN events e ON e.log_index = a.log_index"
            ),
        ),
        View(
            "events",
            "every record; columns are the fields of docs/spec/record.md, with underscores",
            {
                **_plain(_EVENT_COLUMNS),
                **{name: _disclosed(field) for name, field in _PAYLOAD.items()},
            },
            _event_types(),
            lambda: f"FROM events WHERE {_PERIOD}",
        ),
        View(
            "sessions",
            "one row for each session that has a record in the period",
            _SESSION_COLUMNS,
            _SESSION_TYPES,
            lambda: f"FROM events WHERE {_PERIOD} AND session IS NOT NULL GROUP BY session",
        ),
        View(
            "spans",
            "spans of other instrumentation, without their attributes",
            _plain(_SPAN_NAMES),
            {name: pa.int64() if name in _SPAN_INTEGERS else pa.string() for name in _SPAN_NAMES},
            lambda: "FROM spans WHERE start_ns >= $1 * 1000 AND start_ns < $2 * 1000",
        ),
    )
}
"""The views by name."""
