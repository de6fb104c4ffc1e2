"""The actions that a list shows, as SQL: what counts add up to what `actions.list_actions` gives.

Left out: a start whose end is kept, and the reading of a foreign span of which a native record tells
too.
"""

from typing import Final

ENDS: Final = ("tool.completed", "tool.denied", "resource.read", "prompt.get")
START: Final = "tool.started"
UNKNOWN: Final = "unknown"
"""Outcome of an action that was started and has no end."""


def quoted(*words: str) -> str:
    """Return words of ours as a list of SQL literals: a constant list lets the database skip rows."""
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
    WITH candidates AS MATERIALIZED (
        SELECT log_index, time_us, type, outcome, action_id, origin, trace_id, span_id, session, seq,
               tool_name, prompt_name, server_name, agent_name, mask_hits
        FROM events
        WHERE log_index IS NOT NULL AND action_id IS NOT NULL
        AND type IN ({quoted(*ENDS, START)}) AND {{period}}
    ),
    ended AS (
        SELECT DISTINCT action_id FROM events
        WHERE type IN ({quoted(*ENDS)})
        AND action_id IN (SELECT action_id FROM candidates WHERE type = '{START}')
    ),
    native AS (
        SELECT DISTINCT trace_id, span_id FROM events
        WHERE origin = 'native'
        AND trace_id IN (SELECT trace_id FROM candidates WHERE origin = 'derived')
    )
    SELECT c.* FROM candidates c
    LEFT JOIN ended e ON e.action_id = CASE WHEN c.type = '{START}' THEN c.action_id END
    LEFT JOIN native n
    ON n.trace_id = CASE WHEN c.origin = 'derived' THEN c.trace_id END AND n.span_id = c.span_id
    WHERE e.action_id IS NULL AND n.trace_id IS NULL
"""  # noqa: S608 - own words
"""Fill in `period`: a condition on rows of `events`."""
