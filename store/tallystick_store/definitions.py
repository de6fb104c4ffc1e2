r"""Definitions of tools over the whole log: which are offered, since when, and when they changed.

A tool of an MCP server is what one side (`observer`) saw under one name at one server, told from others of its name
by `server.ref`. A tool of a program itself, a function or one of an agent framework, is told by the program's
service, the agent and, of a function, its place (`server.ref` again). A change is between two definitions that
the same emitter recorded of it one after the other, by the emitter's own clock: records of one emitter may arrive
late and in any order, and two machines may well use two releases of a server. Of a program's own tool only a
definition that its emitter had not recorded before is a change: it may hold two tools of one name at once. A server
of a known name at an address that its emitter had not recorded before is said to be at a new address. Tools
that were called and whose definition nobody recorded are told by their calls alone.
"""

from dataclasses import astuple, dataclass
from typing import Final

from tallystick_store.engine.duckdb import Reader, Row
from tallystick_store.events import StoredEvent, read_events_at
from tallystick_store.published import PublishedLog
from tallystick_store.shown_actions import ENDS, START, quoted

MAX_TOOLS: Final = 500
MAX_VERSIONS: Final = 50
MAX_RANK: Final = 2

_KEY: Final = "observer, server, server_ref, service, agent, tool"
"""The members of `ToolKey`, in its order."""
_ORDER: Final = "server, tool, observer, server_ref, service, agent"
"""The same, as a list is read: both sides of a tool stand together."""
_OWN: Final = "('agent', 'function')"
"""Observers of tools that are the program's own."""
_SERVER: Final = r"""regexp_extract(statement, '"server\.ref":"([0-9a-f]{1,64})"', 1)"""
"""In the one spelling of a statement a quote inside a text is escaped: no text can look like this member."""
_OPENED: Final = """
    SELECT session, any_value(emitter_name) AS emitter, any_value(service_name) AS service
    FROM events WHERE type = 'session.open' GROUP BY session
"""
_NAMED: Final = f"""
    coalesce(e.observer, '') AS observer,
    CASE WHEN e.observer IN {_OWN} THEN '' ELSE coalesce(e.server_name, '') END AS server,
    CASE WHEN e.observer IN {_OWN} THEN coalesce(o.service, '') ELSE '' END AS service,
    CASE WHEN e.observer IN {_OWN} THEN coalesce(e.agent_name, '') ELSE '' END AS agent,
    e.tool_name AS tool
"""
_SEEN: Final = f"""
    SELECT e.log_index, e.time_us, coalesce({_SERVER}, '') AS server_ref, {_NAMED},
           e.tool_definition_digest AS digest, coalesce(e.sender, '') || ' ' || coalesce(o.emitter, '') AS emitter
    FROM events e LEFT JOIN ({_OPENED}) o ON o.session = e.session
    WHERE e.type = 'tooldef.observed' AND e.tool_name IS NOT NULL AND e.tool_definition_digest IS NOT NULL
"""  # noqa: S608 - own words
_STEPS: Final = f"""
    SELECT *, coalesce(previous <> digest AND (observer NOT IN {_OWN} OR nth = 1), false) AS is_change
    FROM (
        SELECT *, lag(digest) OVER (PARTITION BY emitter, {_KEY} ORDER BY time_us, log_index) AS previous,
               row_number() OVER (PARTITION BY emitter, {_KEY}, digest ORDER BY time_us, log_index) AS nth
        FROM seen
    )
"""  # noqa: S608 - own words
_LISTED: Final = f"""
    SELECT {_KEY}, arg_max(digest, (time_us, log_index)) AS newest,
           min(time_us) AS first_us, max(time_us) AS last_us, count(DISTINCT digest) AS versions,
           count(DISTINCT emitter) AS emitters, count(*) FILTER (is_change) AS changes,
           max(time_us) FILTER (is_change) AS changed_us,
           arg_max(log_index, (time_us, log_index)) AS newest_index
    FROM ({_STEPS}) GROUP BY ALL
"""  # noqa: S608 - own words
_CALLED: Final = f"""
    SELECT observer, server, '' AS server_ref, service, agent, tool,
           arg_max(digest, (time_us, log_index)) AS newest,
           min(time_us) AS first_us, max(time_us) AS last_us, count(DISTINCT digest) AS versions,
           count(DISTINCT sender) AS emitters, count(DISTINCT digest) - 1 AS changes,
           NULL AS changed_us, NULL AS newest_index
    FROM (
        SELECT {_NAMED}, e.log_index, e.time_us, e.sender, e.tool_definition_digest AS digest
        FROM events e LEFT JOIN ({_OPENED}) o ON o.session = e.session
        WHERE e.type IN ({quoted(*ENDS, START)}) AND e.tool_name IS NOT NULL
        AND e.tool_definition_digest IS NOT NULL
    )
    WHERE observer <> 'agent' OR digest NOT IN (SELECT digest FROM seen)
    GROUP BY ALL
"""  # noqa: S608 - own words
"""A call of an agent may state the definition of a server's tool: that one is listed already."""
_ARRIVED: Final = f"""
    WITH addresses AS (
        SELECT emitter, observer, server, server_ref, min(time_us) AS arrived_us
        FROM seen WHERE observer NOT IN {_OWN} AND server <> '' AND server_ref <> '' GROUP BY ALL
    )
    SELECT a.* FROM addresses a
    WHERE EXISTS (
        SELECT 1 FROM addresses b
        WHERE b.emitter = a.emitter AND b.observer = a.observer AND b.server = a.server
        AND b.arrived_us < a.arrived_us
    )
"""  # noqa: S608 - own words
_FORMER: Final = """
    SELECT a.observer, a.server, a.server_ref, s.tool, arg_max(s.digest, (s.time_us, s.log_index)) AS former
    FROM arrived a JOIN seen s
    ON s.emitter = a.emitter AND s.observer = a.observer AND s.server = a.server
    AND s.server_ref NOT IN ('', a.server_ref) AND s.time_us < a.arrived_us
    GROUP BY ALL
"""
_TOOLS: Final = f"""
    WITH seen AS MATERIALIZED ({_SEEN}), listed AS MATERIALIZED ({_LISTED}),
         arrived AS MATERIALIZED ({_ARRIVED}), former AS ({_FORMER}),
         moved AS (
             SELECT observer, server, server_ref, max(arrived_us) AS moved_us FROM arrived GROUP BY ALL
         ),
         known AS (
             SELECT * FROM listed
             UNION ALL
             SELECT * FROM ({_CALLED}) c
             WHERE NOT EXISTS (SELECT 1 FROM listed l WHERE l.observer = c.observer AND l.server = c.server
                               AND l.service = c.service AND l.agent = c.agent AND l.tool = c.tool)
         )
    SELECT k.*, moved_us, former,
           CASE WHEN changes > 0 THEN 0 WHEN moved_us IS NOT NULL THEN 1 ELSE 2 END AS place
    FROM known k
    LEFT JOIN moved USING (observer, server, server_ref)
    LEFT JOIN former USING (observer, server, server_ref, tool)
    WHERE ($1 IS NULL OR server = $1) AND ($2 IS NULL OR tool = $2)
    AND ($3 IS NULL OR (place, {_ORDER}) > ($3, $4, $5, $6, $7, $8, $9))
    ORDER BY place, {_ORDER} LIMIT $10
"""  # noqa: S608 - own words
_VERSIONS: Final = f"""
    WITH seen AS MATERIALIZED ({_SEEN})
    SELECT log_index, emitter, previous FROM ({_STEPS})
    WHERE (previous IS NULL OR is_change)
    AND ({_KEY}) = ($1, $2, $3, $4, $5, $6)
    ORDER BY time_us DESC, log_index DESC LIMIT $7
"""  # noqa: S608 - own words


@dataclass(frozen=True, slots=True)
class ToolKey:
    """What makes two sightings sightings of one tool. Empty is what is not known, or does not tell it apart."""

    observer: str
    server: str
    server_ref: str
    """Keyed pseudonym of the server's address; of a function, of its module and name."""
    service: str
    """Of a program's own tool: the name of its service."""
    agent: str
    """Of a program's own tool: the agent that uses it."""
    tool: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tool stands in the list: behind it the next page begins."""

    rank: int
    """0: changed, 1: at a new address, 2: neither."""
    key: ToolKey


@dataclass(frozen=True, slots=True)
class KnownTool:
    """One tool, and how it stands."""

    key: ToolKey
    digest: str
    """Of the definition that was seen last."""
    first_us: int
    last_us: int
    """When a definition was first and last recorded; of a tool without one, when it was called."""
    versions: int
    """Different definitions."""
    emitters: int
    changes: int
    changed_us: int | None
    moved_us: int | None
    """When an emitter that knew the server's name at another address first recorded this one; None: never."""
    former_digest: str | None
    """Of the tool at such another address, before that; None where it was not known there."""
    is_listed: bool
    newest: StoredEvent | None
    """The record of the definition that was seen last."""


@dataclass(frozen=True, slots=True)
class ToolPage:
    """Tools, changed ones first, then those at a new address; `after` asks for the next page, None: the last."""

    tools: tuple[KnownTool, ...]
    after: Place | None


@dataclass(frozen=True, slots=True)
class Version:
    """One definition of a tool, where it was new or other than before to one emitter."""

    event: StoredEvent
    emitter: str
    previous_digest: str | None


def known_tools(
    database: Reader,
    server: str | None = None,
    tool: str | None = None,
    *,
    limit: int = MAX_TOOLS,
    after: Place | None = None,
    published: PublishedLog | None = None,
) -> ToolPage:
    """Return a page of tools: those behind `after`. `server` and `tool` None: any.

    A tool that changes between two pages may be on both, or on neither.
    """
    start = [None] * 7 if after is None else [after.rank, *_in_order(after.key)]
    rows = database.rows(_TOOLS, [server, tool, *start, limit + 1])
    shown = rows[:limit]
    indexes = [row[13] for row in shown if row[13] is not None]
    events = {one.log_index: one for one in _events(database, indexes, published)}
    tools = tuple(_known(row, events.get(row[13])) for row in shown)
    is_cut = len(rows) > limit
    return ToolPage(tools, Place(shown[-1][16], tools[-1].key) if is_cut else None)


def versions_of(
    database: Reader,
    key: ToolKey,
    *,
    limit: int = MAX_VERSIONS,
    published: PublishedLog | None = None,
) -> tuple[tuple[Version, ...], bool]:
    """Return the definitions of a tool, newest first, and whether there are more than `limit`."""
    rows = database.rows(_VERSIONS, [*astuple(key), limit + 1])
    events = {one.log_index: one for one in _events(database, [row[0] for row in rows], published)}
    versions = tuple(
        Version(events[log_index], str(emitter).strip(), previous)
        for log_index, emitter, previous in rows[:limit]
    )
    return versions, len(rows) > limit


def _in_order(key: ToolKey) -> tuple[str, ...]:
    return (key.server, key.tool, key.observer, key.server_ref, key.service, key.agent)


def _events(
    database: Reader, indexes: list[int], published: PublishedLog | None
) -> tuple[StoredEvent, ...]:
    return read_events_at(database, indexes, published)


def _known(row: Row, newest: StoredEvent | None) -> KnownTool:
    digest, first_us, last_us, versions, emitters, changes, changed_us = row[6:13]
    return KnownTool(
        key=ToolKey(*row[:6]),
        digest=digest,
        first_us=first_us or 0,
        last_us=last_us or 0,
        versions=versions,
        emitters=emitters,
        changes=changes,
        changed_us=changed_us,
        moved_us=row[14],
        former_digest=row[15],
        is_listed=row[13] is not None,
        newest=newest,
    )
