"""The newest records of actions in the order of the log: what a live view shows, stretch by stretch."""

from dataclasses import dataclass
from typing import Final

from tallystick_store.actions import Action, ActionFilter, outcome_of
from tallystick_store.engine.duckdb import Reader
from tallystick_store.events import read_events_at
from tallystick_store.published import PublishedLog
from tallystick_store.shown_actions import ENDS, START, quoted

MAX_ACTIONS: Final = 200
"""Of one stretch: about 12 ms to read."""
MAX_ENTRIES: Final = 20_000
"""Log entries of one stretch, whether they fulfil the filter or not."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What stands in [start, end) of the log, in its order."""

    actions: tuple[Action, ...]
    end: int
    """Where the next stretch begins."""


def read_stretch(
    reader: Reader,
    wanted: ActionFilter,
    start: int,
    log_size: int,
    published: PublishedLog | None = None,
) -> Stretch:
    """Return the records that begin or end an action, from `start` on, at most MAX_ACTIONS of them.

    Each record is given once, as it was committed: an action that has begun and ended is given twice.
    """
    end = min(log_size, start + MAX_ENTRIES)
    conditions, parameters = wanted.conditions()
    conditions += ["action_id IS NOT NULL", f"type IN ({quoted(*ENDS, START)})"]
    sql = (
        "SELECT log_index FROM events"  # noqa: S608 - own words
        f" WHERE {' AND '.join(conditions)} AND log_index >= ? AND log_index < ?"
        " ORDER BY log_index LIMIT ?"
    )
    rows = reader.rows(sql, [*parameters, start, end, MAX_ACTIONS])
    indexes = [int(log_index) for (log_index,) in rows]
    if len(indexes) == MAX_ACTIONS:
        end = indexes[-1] + 1
    if not indexes:
        return Stretch((), end)
    events = read_events_at(reader, indexes, published)
    return Stretch(tuple(Action(event, outcome_of(event)) for event in events), end)
