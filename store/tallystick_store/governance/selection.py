"""Which entries of the log a class, a filter or a hold means, as SQL over the stored rows.

An event says itself what it is about, or its session does (the environment); a span that others sent is about
what the event says that was read from it. Spans of one request are one entry and go together or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tallystick.errors import ConfigError
from tallystick.verify.authority import Hold
from tallystick.verify.erased import Erased
from tallystick_store.engine.duckdb import Database
from tallystick_store.governance.classes import SPAN_TYPE, RetentionClass, RetentionPolicy
from tallystick_store.reach import ENVIRONMENT_OF_SPAN, MAX_PATTERN_CHARS, is_pattern, matches

KEPT_TYPES: Final = (
    "session.*",
    "key.*",
    "log.*",
    "config.changed",
    "access.delete",
)
"""What proves the rest is never deleted: sessions and their keys, and every decision."""

REQUEST_FILTERS: Final = ("environment", "agent", "tool", "type", "session", "principal", "trace")
"""What a request may be cut by, as shell patterns; `principal` is the keyed pseudonym."""
FILTERS: Final = (*REQUEST_FILTERS, "from_us", "to_us")
"""What a hold may be cut by. Times are [from_us, to_us)."""

_MOST_DIGITS: Final = 17
_COLUMNS: Final = {
    "agent": "agent_name",
    "tool": "tool_name",
    "session": "session",
    "principal": "principal_ref",
}
_ABOUT_SPAN: Final = (
    "to_base64(leaf_hash) IN (SELECT source_span_hash FROM events WHERE origin = 'derived' AND {})"
)
_OPENED: Final = "session IN (SELECT session FROM events WHERE type = 'session.open' AND {})"
_SPAN_ENVIRONMENT: Final = (
    "origin = 'derived' AND source_span_hash IN (SELECT to_base64(leaf_hash) FROM spans WHERE {})"
)
_TRACES: Final = (
    "SELECT trace_id FROM events WHERE trace_id IS NOT NULL AND {}"
    " UNION SELECT trace_id FROM spans WHERE trace_id IS NOT NULL AND {}"
)


@dataclass(slots=True)
class Condition:
    """What rows of `events` and of `spans` must fulfil; "true" for any."""

    event: list[str] = field(default_factory=list)
    span: list[str] = field(default_factory=list)

    def add(self, event: str, span: str) -> None:
        """Ask for more."""
        self.event.append(event)
        self.span.append(span)

    @property
    def of_event(self) -> str:
        """The condition on a row of `events`."""
        return _all(self.event)

    @property
    def of_span(self) -> str:
        """The condition on a row of `spans`."""
        return _all(self.span)


def class_condition(one: RetentionClass) -> Condition:
    """Return what a record of a class fulfils, whatever the classes before it say."""
    found = Condition()
    if one.types is not None:
        found.add(matches("type", one.types), matches(f"'{SPAN_TYPE}'", one.types))
    if one.environments is not None:
        _add_environments(found, one.environments)
    for column, patterns in (("agent_name", one.agents), ("tool_name", one.tools)):
        if patterns is not None:
            _add_named(found, column, patterns)
    return found


def filter_condition(wanted: Mapping[str, str]) -> Condition:
    """Return what a record fulfils that a filter means; raise ConfigError for a filter that is none."""
    found = Condition()
    for name, value in wanted.items():
        if name not in FILTERS or not is_pattern(value):
            raise ConfigError(
                f"a filter is one of {', '.join(FILTERS)}, with a value of 1 to {MAX_PATTERN_CHARS} printable"
                f" characters: got {name[:32]!r}"
            )
        _add_filter(found, name, value)
    return found


def held_condition(holds: Sequence[Hold]) -> Condition:
    """Return what a record fulfils that some hold covers: it, or another record of its trace, matches."""
    found = [_held(hold) for hold in holds]
    return Condition(
        [_any([one.of_event for one in found])], [_any([one.of_span for one in found])]
    )


def due_condition(policy: RetentionPolicy, name: str) -> Condition:
    """Return what a record fulfils whose first matching class is the one of this name."""
    found = Condition()
    for one in policy.classes:
        condition = class_condition(one)
        if one.name == name:
            found.add(condition.of_event, condition.of_span)
            return found
        found.add(
            f"NOT coalesce({condition.of_event}, false)",
            f"NOT coalesce({condition.of_span}, false)",
        )
    raise ConfigError(f"there is no retention class {name[:64]!r}")


def select_indexes(
    database: Database, wanted: Condition, *, before_us: int, below: int
) -> list[int]:
    """Return the log indexes under `below` that were received before a moment and fulfil a condition, in order.

    What must stay for the proof of the rest (KEPT_TYPES) is left out, what has a tombstone already, and a batch of
    spans of which one does not fulfil it.
    """
    events = database.rows(
        f"SELECT log_index FROM events WHERE {wanted.of_event} AND rx_us < ? AND log_index < ?"  # noqa: S608 - own words, quoted patterns
        f" AND NOT {matches('type', KEPT_TYPES)} AND log_index NOT IN (SELECT log_index FROM tombstones)",
        (before_us, below),
    )
    spans = database.rows(
        f"SELECT log_index FROM spans WHERE rx_us < ? AND log_index < ?"  # noqa: S608 - as above
        " AND log_index NOT IN (SELECT log_index FROM tombstones) GROUP BY log_index"
        f" HAVING bool_and(coalesce({wanted.of_span}, false))",
        (before_us, below),
    )
    return sorted(int(index) for (index,) in (*events, *spans))


def present_indexes(database: Database, indexes: Sequence[int], before_us: int) -> int:
    """Return how many of these entries have their content, no tombstone, and came before a moment."""
    ((count,),) = database.rows(
        "SELECT count(*) FROM (SELECT log_index FROM events WHERE rx_us < $2 AND log_index IN (SELECT unnest($1))"
        " UNION SELECT log_index FROM spans WHERE rx_us < $2 AND log_index IN (SELECT unnest($1)))"
        " WHERE log_index NOT IN (SELECT log_index FROM tombstones)",
        (list(indexes), before_us),
    )
    return int(count)


def held_indexes(database: Database, holds: Sequence[Hold]) -> frozenset[int]:
    """Return the log indexes that some hold covers; a batch of spans is held when one of them is."""
    if not holds:
        return frozenset()
    held = held_condition(holds)
    rows = database.rows(
        f"SELECT log_index FROM events WHERE {held.of_event}"  # noqa: S608 - own words, quoted patterns
        f" UNION SELECT log_index FROM spans WHERE {held.of_span}"
    )
    return frozenset(int(index) for (index,) in rows)


def held_values(database: Database, holds: Sequence[Hold], erased: Erased) -> list[int]:
    """Return the log indexes of those values that some hold covers; of a batch of spans each counts for itself."""
    if not holds:
        return []
    held = held_condition(holds)
    events = database.rows(f"SELECT log_index FROM events WHERE {held.of_event}")  # noqa: S608 - own words, quoted patterns
    spans = database.rows(f"SELECT log_index, position FROM spans WHERE {held.of_span}")  # noqa: S608 - as above
    found = {index for (index,) in events if erased.covers(index)}
    return sorted(found | {index for index, at in spans if erased.covers_span(index, at)})


def buried_indexes(database: Database, indexes: Sequence[int]) -> list[int]:
    """Return those of these entries that have a tombstone: they are deleted, or about to be."""
    sql = "SELECT log_index FROM tombstones WHERE log_index IN (SELECT unnest(?)) ORDER BY 1"
    return [int(index) for (index,) in database.rows(sql, [list(indexes)])]


def _held(hold: Hold) -> Condition:
    direct = filter_condition(hold.filter)
    traces = f"trace_id IN ({_TRACES.format(direct.of_event, direct.of_span)})"
    return Condition(
        [f"(coalesce({direct.of_event}, false) OR {traces})"],
        [f"(coalesce({direct.of_span}, false) OR {traces})"],
    )


def _add_environments(found: Condition, patterns: Sequence[str]) -> None:
    opened = _OPENED.format(matches("deployment_environment", patterns))
    of_span = matches(ENVIRONMENT_OF_SPAN, patterns)
    found.add(f"({opened} OR ({_SPAN_ENVIRONMENT.format(of_span)}))", of_span)


def _add_named(found: Condition, column: str, patterns: Sequence[str]) -> None:
    condition = matches(column, patterns)
    found.add(condition, _ABOUT_SPAN.format(condition))


def _add_filter(found: Condition, name: str, value: str) -> None:
    if name in _COLUMNS:
        _add_named(found, _COLUMNS[name], [value])
    elif name == "type":
        found.add(matches("type", [value]), matches(f"'{SPAN_TYPE}'", [value]))
    elif name == "environment":
        _add_environments(found, [value])
    elif name == "trace":
        found.add(matches("trace_id", [value]), matches("trace_id", [value]))
    else:
        _add_time(found, ">=" if name == "from_us" else "<", _moment(value))


def _add_time(found: Condition, comparison: str, moment_us: int) -> None:
    """Ask that one of the two times of a record fits: when it happened, or when it was received."""
    received = f"rx_us {comparison} {moment_us}"
    found.add(
        f"(time_us {comparison} {moment_us} OR {received})",
        f"(start_ns // 1000 {comparison} {moment_us} OR {received})",
    )


def _moment(value: str) -> int:
    if not value.isascii() or not value.isdecimal() or len(value) > _MOST_DIGITS:
        raise ConfigError(f"a time is whole microseconds since 1970 UTC, got {value[:32]!r}")
    return int(value)


def _all(conditions: Sequence[str]) -> str:
    return f"({' AND '.join(conditions)})" if conditions else "true"


def _any(conditions: Sequence[str]) -> str:
    return f"({' OR '.join(conditions)})" if conditions else "false"
