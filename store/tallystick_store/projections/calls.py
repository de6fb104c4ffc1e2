"""The calls that count, as SQL: what the roll-ups hold, and what they still have to be corrected by.

A call counts as `shown_actions` says: not a start whose end is kept, nor the reading of a foreign span of
which a native record tells too. Within one window both are seen; where the other record may stand in
another window, the call is counted and noted as unsure, and a reader takes off those that do not count.
"""

from typing import Final

from tallystick_store.projections.tables import key_of
from tallystick_store.shown_actions import ENDS, IS_DENIED, IS_FAILED, START, quoted

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US

DURATION_RATIO: Final = 1.1
"""Bounds of the classes of durations grow by this: a percentile read from them is within 5 % of one."""

_MASKED: Final = (
    "coalesce(list_sum(TRY_CAST(CASE WHEN json_valid(mask_hits) THEN mask_hits->'$.*' END"
    " AS BIGINT[])), 0)::BIGINT"
)
_DURATION_US: Final = "span_end_us - span_start_us"
_DURATION: Final = f"""
    CASE WHEN {_DURATION_US} >= 0
         THEN CASE WHEN {_DURATION_US} < 1 THEN -1
              ELSE floor(ln({_DURATION_US}) / ln({DURATION_RATIO}))::INTEGER END
    END
"""
"""The class of a duration: n holds [RATIO^n, RATIO^(n+1)) µs, and -1 what took no time; NULL: not measured."""

IS_CALL: Final = f"""
    log_index IS NOT NULL AND action_id IS NOT NULL AND time_us IS NOT NULL
    AND type IN ({quoted(*ENDS, START)})
"""

CALLS: Final = f"""
    SELECT log_index, time_us, type = '{START}' AS is_start, origin = 'derived' AS is_derived,
           action_id, trace_id, span_id,
           coalesce(agent_name, '') AS agent, coalesce(server_name, '') AS server,
           coalesce(tool_name, prompt_name, '') AS tool, coalesce(principal_ref, '') AS person,
           {_DURATION} AS duration, 1 AS actions,
           coalesce({IS_FAILED} AND NOT {IS_DENIED}, false)::BIGINT AS failed,
           coalesce({IS_DENIED}, false)::BIGINT AS denied,
           coalesce(origin = 'derived', false)::BIGINT AS derived,
           {_MASKED} AS masked
    FROM events WHERE {IS_CALL}
"""  # noqa: S608 - own words
"""Every record that may stand for a call; further conditions may follow."""

SEEN_TOOLS: Final = """
    SELECT server, tool, min(time_us) AS first_us,
           arg_min(log_index, (time_us, log_index)) AS first_index
    FROM ({calls}) WHERE tool <> '' GROUP BY server, tool
"""
"""Each tool among `calls`, and which record named it first."""

COUNTS: Final = ("actions", "failed", "denied", "derived", "masked")
SUMS: Final = ", ".join(f"sum({name})::BIGINT AS {name}" for name in COUNTS)

ACTION_KEY: Final = f"CASE WHEN is_start THEN {key_of('action_id')} END"
SPAN_KEY: Final = f"CASE WHEN is_derived THEN {key_of('trace_id || span_id')} END"


def kept_calls(where: str) -> str:
    """Return `WITH ... kept`: the calls among the rows of a condition that count, as far as these rows tell."""
    return f"""
        WITH candidates AS MATERIALIZED ({CALLS} AND {where}),
        ended AS (
            SELECT DISTINCT action_id AS ended_id FROM events
            WHERE {where} AND type IN ({quoted(*ENDS)})
            AND action_id IN (SELECT action_id FROM candidates WHERE is_start)
        ),
        native AS (
            SELECT DISTINCT trace_id AS native_trace, span_id AS native_span FROM events
            WHERE {where} AND origin = 'native'
            AND trace_id IN (SELECT trace_id FROM candidates WHERE is_derived)
        ),
        kept AS (
            SELECT c.* FROM candidates c
            LEFT JOIN ended ON ended_id = CASE WHEN is_start THEN action_id END
            LEFT JOIN native ON native_trace = CASE WHEN is_derived THEN trace_id END
                             AND native_span = span_id
            WHERE ended_id IS NULL AND native_trace IS NULL
        )
    """  # noqa: S608 - own words
