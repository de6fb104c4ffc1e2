"""The tables of a report that judge nothing: what was recorded, by whom, what changed, who decided.

Each is one query over the exported files, printed with its hash like those of the checks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tallystick_store.engine.analysis import Analysis
from tallystick_store.evidence.checks import Answer, NamedQuery, ask
from tallystick_store.evidence.tables import compose

MAX_ROWS: Final = 200
"""Rows that a table of the report has; its query gives the others without its LIMIT."""

Section = Literal["integrity", "coverage", "changes", "oversight", "access"]
_MOMENT: Final = re.compile(r"<<(.+?)>>")
_READABLE: Final = r"strftime(make_timestamp(\1), '%Y-%m-%d %H:%M:%S')"
"""`<<time_us>>` in a query: the time as a person reads it, in UTC."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One table: `empty` is what stands in its place where it has no row."""

    id: str
    section: Section
    title: str
    sql: str
    empty: str
    note: str = ""

    @property
    def query(self) -> NamedQuery:
        """The query as it is printed."""
        readable = _MOMENT.sub(_READABLE, self.sql.strip())
        return NamedQuery(self.id, compose(f"{readable}\nLIMIT {MAX_ROWS}"))


@dataclass(frozen=True, slots=True)
class Listed:
    """A table that was filled."""

    listing: Listing
    answer: Answer

    @property
    def is_cut(self) -> bool:
        """Whether there may be more rows."""
        return len(self.answer.rows) == MAX_ROWS


def fill(analysis: Analysis) -> Iterator[Listed]:
    """Yield every table. Raises StoreError."""
    for listing in LISTINGS:
        yield Listed(listing, ask(analysis, listing.query))


LISTINGS: Final = (
    Listing(
        "L-sealing",
        "integrity",
        "How the records of the period are signed",
        """
SELECT CASE WHEN origin = 'derived' THEN 'derived: the reading of a foreign span, not signed at its source'
            WHEN sealed THEN 'sealed: signed by the session that made it'
            WHEN recovered THEN 'recovered: adopted by a later session of the same emitter'
            ELSE 'unsealed: neither' END AS how,
       count(*) AS records, min(log_index) AS first_log_index
FROM (
  SELECT e.log_index, e.origin,
         EXISTS (FROM seals s WHERE s.session = e.session AND s.old_size <= e.seq AND e.seq < s.size) AS sealed,
         e.leaf_hash IN (SELECT unnest(recovered_leaves) FROM (SELECT recovered_leaves FROM events
                         UNION ALL SELECT recovered_leaves FROM context)) AS recovered
  FROM events e)
GROUP BY how ORDER BY records DESC, how""",
        "There are no records in this period.",
    ),
    Listing(
        "L-records",
        "coverage",
        "Records by type",
        """
SELECT type, origin, count(*) AS records, count(DISTINCT session) AS sessions
FROM events GROUP BY type, origin ORDER BY type, origin""",
        "There are no records in this period.",
    ),
    Listing(
        "L-days",
        "coverage",
        "Days of the period",
        """
SELECT strftime(d.day, '%Y-%m-%d') AS day, d.records, coalesce(c.calls, 0) AS calls,
       coalesce(c.failed, 0) AS failed, coalesce(c.denied, 0) AS denied
FROM (SELECT date_trunc('day', make_timestamp(rx_us)) AS day, count(*) AS records
      FROM entries WHERE kind = 'event' GROUP BY 1) d
LEFT JOIN (SELECT date_trunc('day', make_timestamp(rx_us)) AS day, count(*) AS calls,
                  count(*) FILTER (outcome IN ('failure', 'timeout', 'cancelled')) AS failed,
                  count(*) FILTER (outcome = 'denied') AS denied
           FROM calls GROUP BY 1) c ON c.day = d.day
ORDER BY d.day""",
        "No day of this period has a record.",
        "Days are those of receipt, in UTC. A call is the record that ends it; both sides of one call count.",
    ),
    Listing(
        "L-sessions",
        "coverage",
        "Sessions: process runs that recorded",
        """
SELECT any_value(o.service_name) AS service, any_value(o.emitter_name) AS emitter, e.session,
       <<min(e.time_us)>> AS first_record,
       <<max(e.time_us)>> AS last_record, count(*) AS records,
       CASE WHEN bool_or(e.type = 'session.close') THEN 'closed' ELSE 'open or silent' END AS ending
FROM events e
LEFT JOIN (SELECT session, service_name, emitter_name FROM events WHERE type = 'session.open'
           UNION ALL
           SELECT session, service_name, emitter_name FROM context WHERE type = 'session.open') o
  ON o.session = e.session
WHERE e.session IS NOT NULL
GROUP BY e.session ORDER BY min(e.log_index)""",
        "No session recorded anything in this period.",
    ),
    Listing(
        "L-agents",
        "coverage",
        "Agents seen",
        """
SELECT coalesce(agent_name, agent_id) AS agent, agent_version AS version, agent_basis AS basis,
       count(*) AS calls, count(DISTINCT tool_name) AS tools,
       count(*) FILTER (outcome IN ('failure', 'timeout', 'cancelled')) AS failed,
       count(*) FILTER (outcome = 'denied') AS denied
FROM calls WHERE coalesce(agent_name, agent_id) IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY calls DESC, agent, version, basis""",
        "No call of this period names an agent.",
    ),
    Listing(
        "L-tools",
        "coverage",
        "Tools seen",
        """
SELECT server_name AS server, tool_name AS tool, observer AS recorded_by, count(*) AS calls,
       count(*) FILTER (outcome = 'success') AS success,
       count(*) FILTER (outcome IN ('failure', 'timeout', 'cancelled')) AS failed,
       count(*) FILTER (outcome = 'denied') AS denied,
       count(DISTINCT tool_definition_digest) AS definitions
FROM calls WHERE tool_name IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY calls DESC, server, tool, recorded_by""",
        "No tool was called in this period.",
        "Client and server of one call record it each; the column says which side did.",
    ),
    Listing(
        "L-callers",
        "coverage",
        "On whose behalf",
        """
SELECT coalesce(principal_type, 'not stated') AS principal, coalesce(principal_basis, 'not stated') AS basis,
       coalesce(principal_auth_method, 'not stated') AS authentication, count(*) AS calls,
       count(DISTINCT principal_ref) AS different_principals
FROM calls GROUP BY 1, 2, 3 ORDER BY calls DESC, principal, basis, authentication""",
        "There are no calls in this period.",
    ),
    Listing(
        "L-masking",
        "coverage",
        "What was masked before it was written",
        """
SELECT hit.key AS field_and_kind, sum(hit.value) AS hits, count(*) AS records
FROM (SELECT unnest(map_entries(TRY_CAST(mask_hits AS MAP(VARCHAR, BIGINT)))) AS hit
      FROM events WHERE mask_hits IS NOT NULL)
GROUP BY hit.key ORDER BY hits DESC, field_and_kind""",
        "Nothing was masked in this period.",
    ),
    Listing(
        "L-losses",
        "coverage",
        "Losses and refusals that were declared",
        """
SELECT <<time_us>> AS time, type, coalesce(reject_sender, sender) AS sender,
       coalesce(drop_reason, reject_counts::VARCHAR) AS reason, drop_count AS records_lost, log_index
FROM events WHERE type IN ('log.drop', 'log.gap', 'log.pause', 'log.reject') ORDER BY log_index""",
        "No loss, gap, pause or refusal was declared in this period.",
    ),
    Listing(
        "L-changes",
        "changes",
        "Changes that were seen",
        """
SELECT <<time_us>> AS time, component, name, old_value AS from_value, new_value AS to_value,
       log_index
FROM changes ORDER BY log_index, component, name""",
        "No tool definition, agent, server, service or masking policy changed between two records of this period.",
    ),
    Listing(
        "L-declared-changes",
        "changes",
        "Changes that were declared: configuration and keys",
        """
SELECT <<time_us>> AS time, type, coalesce(key_purpose || ' key ' || key_name,
         json_extract_string(attributes, '$.component')) AS what,
       json_extract_string(attributes, '$.new') AS to_value,
       coalesce(principal_ref, agent_name, sender) AS stated_by,
       coalesce(json_extract_string(attributes, '$.conclusion'),
                json_extract_string(attributes, '$.reason')) AS conclusion_or_reason, log_index
FROM events WHERE type IN ('config.changed', 'key.added', 'key.revoked') ORDER BY log_index""",
        "No change of configuration or keys was declared in this period.",
    ),
    Listing(
        "L-decisions",
        "oversight",
        "Approvals, stops, risk flags and incidents",
        """
SELECT <<time_us>> AS time, type, approval_id AS request, approval_mode AS mode,
       approval_decision AS decision, coalesce(principal_ref, agent_name) AS by_whom,
       principal_basis AS basis, trace_id AS trace, log_index
FROM events WHERE type LIKE 'approval.%' OR type LIKE 'incident.%' OR type IN ('oversight.stop', 'risk.flagged')
ORDER BY log_index""",
        "No approval, stop, risk flag or incident was recorded in this period. That is no finding in favour "
        "of oversight: nothing was recorded.",
    ),
    Listing(
        "L-denied",
        "oversight",
        "Calls that a policy denied",
        """
SELECT <<time_us>> AS time, tool_name AS tool, coalesce(agent_name, client_name) AS caller,
       decision_effect AS effect, decision_policy_id AS policy, decision_rule AS rule,
       decision_enforced AS enforced, trace_id AS trace, log_index
FROM events WHERE type = 'tool.denied' OR (type = 'authz.decision' AND decision_effect = 'deny')
ORDER BY log_index""",
        "No call was denied in this period.",
    ),
    Listing(
        "L-reads",
        "access",
        "Who read and exported the log",
        """
SELECT type, access_target AS target, client_name AS reader, client_id AS credential, client_basis AS basis,
       sum(access_count) AS times, sum(access_rows) AS rows_given, <<min(time_us)>> AS first,
       <<max(time_us)>> AS last
FROM events WHERE type LIKE 'access.%'
GROUP BY 1, 2, 3, 4, 5 ORDER BY min(log_index)""",
        "No read or export was recorded in this period.",
        "The export that made this package is recorded when it is ready, and so stands in a later one.",
    ),
)
"""Every table, in the order of the report."""
