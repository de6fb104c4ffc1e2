"""Credentials that are used otherwise than by one client at one server, told by their keyed digests.

A server that sends on what it was given (a token passed on), and a key or token that several people, programs,
agents or servers have in common. A finding is a question to somebody, no proof of a wrong: two agents of one
program may well share its key.
"""

from dataclasses import dataclass
from typing import Final

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.shown_actions import ENDS, quoted

MAX_FINDINGS: Final = 200
MAX_NAMES: Final = 20
"""Names of clients, agents and servers that are given of one credential."""

_CALLS: Final = f"""
    SELECT observer, sender, action_id, action_parent_id, trace_id, time_us, log_index, credential_ref, credential_kind,
           principal_ref, coalesce(client_id, client_name) AS client, coalesce(agent_name, agent_id) AS agent,
           server_name AS server
    FROM events WHERE credential_ref IS NOT NULL AND type IN ({quoted(*ENDS)})
"""  # noqa: S608 - own words
_PASSED_ON: Final = f"""
    WITH calls AS MATERIALIZED ({_CALLS})
    SELECT received.credential_ref, coalesce(any_value(received.credential_kind), ''),
           coalesce(received.server, ''), coalesce(sent.server, ''),
           count(DISTINCT sent.action_id), min(sent.time_us), max(sent.time_us),
           coalesce(arg_max(sent.trace_id, (sent.time_us, sent.log_index)), '')
    FROM calls received JOIN calls sent ON sent.action_parent_id = received.action_id
         AND sent.credential_ref = received.credential_ref
    WHERE received.observer = 'mcp_server' AND sent.observer = 'mcp_client'
    GROUP BY received.credential_ref, received.server, sent.server
    ORDER BY max(sent.time_us) DESC, received.credential_ref, received.server, sent.server LIMIT ?
"""  # noqa: S608 - own words
_NAMES: Final = "list_sort(list(DISTINCT {0}) FILTER ({0} IS NOT NULL{1}))"
_AT_SERVER: Final = " AND observer = 'mcp_server'"
_SHARED: Final = f"""
    SELECT * FROM (
        SELECT credential_ref, coalesce(any_value(credential_kind), ''),
               count(DISTINCT principal_ref) FILTER (observer = 'mcp_server') AS principals,
               coalesce({_NAMES.format("client", _AT_SERVER)}, []) AS clients,
               coalesce({_NAMES.format("agent", "")}, []) AS agents,
               coalesce({_NAMES.format("server", "")}, []) AS servers,
               count(DISTINCT action_id) AS calls, min(time_us) AS first_us, max(time_us) AS last_us,
               coalesce(arg_max(trace_id, (time_us, log_index)), '') AS trace_id
        FROM ({_CALLS}) GROUP BY credential_ref
    )
    WHERE principals > 1 OR len(clients) > 1 OR len(agents) > 1 OR len(servers) > 1
    ORDER BY last_us DESC, credential_ref LIMIT ?
"""  # noqa: S608 - own words


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A credential that one server received and, inside of that call, sent to another."""

    credential_ref: str
    kind: str
    received_by: str
    passed_on_to: str
    """Names of the servers, empty where they gave none."""
    calls: int
    first_us: int
    last_us: int
    trace_id: str
    """Of the last of these calls."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A credential that more than one principal, client or agent used, or that went to more than one server."""

    credential_ref: str
    kind: str
    principals: int
    clients: tuple[str, ...]
    """Programs that a server saw present it."""
    agents: tuple[str, ...]
    servers: tuple[str, ...]
    """Each at most MAX_NAMES of them, sorted."""
    has_more_names: bool
    calls: int
    first_us: int
    last_us: int
    trace_id: str


def passed_on(database: Reader, *, limit: int = MAX_FINDINGS) -> tuple[tuple[PassedOn, ...], bool]:
    """Return credentials that were passed on, newest first, and whether there are more than `limit`."""
    rows = database.rows(_PASSED_ON, [limit + 1])
    return tuple(PassedOn(*row) for row in rows[:limit]), len(rows) > limit


def shared(database: Reader, *, limit: int = MAX_FINDINGS) -> tuple[tuple[Shared, ...], bool]:
    """Return credentials that several have in common, newest first, and whether there are more than `limit`."""
    rows = database.rows(_SHARED, [limit + 1])
    return tuple(_shared(row) for row in rows[:limit]), len(rows) > limit


def _shared(row: Row) -> Shared:
    ref, kind, principals, clients, agents, servers, *rest = row
    some = [tuple(names[:MAX_NAMES]) for names in (clients, agents, servers)]
    has_more = any(len(names) > MAX_NAMES for names in (clients, agents, servers))
    return Shared(ref, kind, principals, some[0], some[1], some[2], has_more, *rest)
