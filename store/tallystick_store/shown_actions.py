"""The actions that a list shows, as SQL: what counts add up to what `actions.list_actions` gives.

Left out: a start whose end is kept, and the reading of a foreign span of which a native record tells
too.
"""

from typing import Final

ENDS: Final = ("tool.completed", "tool.denied", "resource.read", "prompt.get")
START: Final = "tool.started"
UNKNOWN: Final = "unknown"
"""Outcome of an action that was started and has no end."""


def _quoted(*words: str) -> str:
    return ", ".join(f"'{word}'" for word in words)


IS_FAILED: Final = "outcome IN ('failure', 'timeout')"
IS_DENIED: Final = "(type = 'tool.denied' OR outcome = 'denied')"
"""Conditions on rows of `events`; a refused call that also failed is denied, and not failed too."""

COUNTS: Final = f"""
    count(*) AS actions,
    count(*) FILTER ({IS_FAILED} AND NOT {IS_DENIED}) AS failed,
    count(*) FILTER ({IS_DENIED}) AS denied
"""

SHOWN: Final = f"""
    SELECT * FROM events e
    WHERE log_index IS NOT NULL AND action_id IS NOT NULL
    AND type IN ({_quoted(*ENDS, START)}) AND {{period}}
    AND (type <> '{START}' OR action_id NOT IN (
        SELECT action_id FROM events WHERE action_id IS NOT NULL AND type IN ({_quoted(*ENDS)})))
    AND (origin <> 'derived' OR trace_id IS NULL OR (trace_id, coalesce(span_id, '')) NOT IN (
        SELECT (trace_id, coalesce(span_id, '')) FROM events
        WHERE origin = 'native' AND trace_id IS NOT NULL))
"""  # noqa: S608 - own words
"""Fill in `period`: a condition on rows of `events`."""
