r"""Definitions of tools over the whole log: which are offered, since when, and when they changed.

A tool is what one side (`observer`) saw under one name at one server, told from others of its name by
`server.ref`. A change is between two definitions that the same emitter recorded of it one after the other, by the
emitter's own clock: records of one emitter may arrive late and in any order, and two machines may well use
two releases of a server. Tools that were called and never listed, such as functions of a framework, are
told by their calls alone.
"""

from dataclasses import dataclass
from typing import Final

from tallystick_store.engine.duckdb import Database, Row
from tallystick_store.events import StoredEvent, read_events
from tallystick_store.published import PublishedLog
from tallystick_store.shown_actions import ENDS, START, quoted

MAX_TOOLS: Final = 500
MAX_VERSIONS: Final = 50

_SERVER: Final = r"""regexp_extract(statement, '"server\.ref":"([0-9a-f]{1,64})"', 1)"""
"""In the one spelling of a statement a quote inside a text is escaped: no text can look like this member."""
_SEEN: Final = f"""
    SELECT e.log_index, e.time_us, coalesce(e.observer, '') AS observer, coalesce(e.server_name, '') AS server,
           coalesce({_SERVER}, '') AS server_ref, e.tool_name AS tool,
           e.tool_definition_digest AS digest, coalesce(e.sender, '') || ' ' || coalesce(o.emitter, '') AS emitter
    FROM events e
    LEFT JOIN (SELECT session, any_value(emitter_name) AS emitter FROM events
               WHERE type = 'session.open' GROUP BY session) o ON o.session = e.session
    WHERE e.type = 'tooldef.observed' AND e.tool_name IS NOT NULL AND e.tool_definition_digest IS NOT NULL
"""  # noqa: S608 - own words
_STEPS: Final = f"""
    SELECT *, lag(digest) OVER (PARTITION BY emitter, observer, server, server_ref, tool
                                ORDER BY time_us, log_index) AS previous
    FROM ({_SEEN})
"""  # noqa: S608 - own words
_LISTED: Final = f"""
    SELECT observer, server, server_ref, tool, arg_max(digest, (time_us, log_index)) AS newest,
           min(time_us) AS first_us, max(time_us) AS last_us, count(DISTINCT digest) AS versions,
           count(DISTINCT emitter) AS emitters,
           count(*) FILTER (previous IS NOT NULL AND previous <> digest) AS changes,
           max(time_us) FILTER (previous IS NOT NULL AND previous <> digest) AS changed_us,
           arg_max(log_index, (time_us, log_index)) AS newest_index
    FROM ({_STEPS}) GROUP BY ALL
"""  # noqa: S608 - own words
_CALLED: Final = f"""
    SELECT coalesce(observer, '') AS observer, coalesce(server_name, '') AS server, '' AS server_ref, tool_name AS tool,
           arg_max(tool_definition_digest, (time_us, log_index)) AS newest,
           min(time_us) AS first_us, max(time_us) AS last_us,
           count(DISTINCT tool_definition_digest) AS versions, count(DISTINCT sender) AS emitters,
           count(DISTINCT tool_definition_digest) - 1 AS changes, NULL AS changed_us,
           NULL AS newest_index
    FROM events
    WHERE type IN ({quoted(*ENDS, START)}) AND tool_name IS NOT NULL
    AND tool_definition_digest IS NOT NULL GROUP BY ALL
"""  # noqa: S608 - own words
_TOOLS: Final = f"""
    WITH listed AS MATERIALIZED ({_LISTED})
    SELECT * FROM (
        SELECT * FROM listed
        UNION ALL
        SELECT * FROM ({_CALLED}) c
        WHERE NOT EXISTS (SELECT 1 FROM listed l WHERE l.observer = c.observer
                          AND l.server = c.server AND l.tool = c.tool)
    )
    WHERE ($1 IS NULL OR server = $1) AND ($2 IS NULL OR tool = $2)
    ORDER BY changes > 0 DESC, server, tool, observer, server_ref LIMIT $3
"""  # noqa: S608 - own words
_VERSIONS: Final = f"""
    SELECT log_index, emitter, previous FROM ({_STEPS})
    WHERE (previous IS NULL OR previous <> digest)
    AND observer = $1 AND server = $2 AND server_ref = $3 AND tool = $4
    ORDER BY time_us DESC, log_index DESC LIMIT $5
"""  # noqa: S608 - own words


@dataclass(frozen=True, slots=True)
class ToolKey:
    """What makes two sightings sightings of one tool."""

    observer: str
    server: str
    server_ref: str
    """Keyed pseudonym of the server's address, empty where it is not known."""
    tool: str


@dataclass(frozen=True, slots=True)
class KnownTool:
    """One tool, and how it stands."""

    key: ToolKey
    digest: str
    """Of the definition that was seen last."""
    first_us: int
    last_us: int
    """When a definition was first and last recorded; of a tool without a listing, when it was called."""
    versions: int
    """Different definitions."""
    emitters: int
    changes: int
    changed_us: int | None
    is_listed: bool
    newest: StoredEvent | None
    """The record of the definition that was seen last."""


@dataclass(frozen=True, slots=True)
class Version:
    """One definition of a tool, where it was new or other than before to one emitter."""

    event: StoredEvent
    emitter: str
    previous_digest: str | None


def known_tools(
    database: Database,
    server: str | None = None,
    tool: str | None = None,
    *,
    limit: int = MAX_TOOLS,
    published: PublishedLog | None = None,
) -> tuple[tuple[KnownTool, ...], bool]:
    """Return tools, changed ones first, and whether there are more than `limit`. None: any server, any tool."""
    rows = database.rows(_TOOLS, [server, tool, limit + 1])
    indexes = [row[11] for row in rows if row[11] is not None]
    events = {one.log_index: one for one in _events(database, indexes, published)}
    return tuple(_known(row, events.get(row[11])) for row in rows[:limit]), len(rows) > limit


def versions_of(
    database: Database,
    key: ToolKey,
    *,
    limit: int = MAX_VERSIONS,
    published: PublishedLog | None = None,
) -> tuple[tuple[Version, ...], bool]:
    """Return the definitions of a tool, newest first, and whether there are more than `limit`."""
    wanted = [key.observer, key.server, key.server_ref, key.tool, limit + 1]
    rows = database.rows(_VERSIONS, wanted)
    events = {one.log_index: one for one in _events(database, [row[0] for row in rows], published)}
    versions = tuple(
        Version(events[log_index], str(emitter).strip(), previous)
        for log_index, emitter, previous in rows[:limit]
    )
    return versions, len(rows) > limit


def _events(
    database: Database, indexes: list[int], published: PublishedLog | None
) -> tuple[StoredEvent, ...]:
    return read_events(database, "log_index IN (SELECT unnest(?))", [indexes], published)


def _known(row: Row, newest: StoredEvent | None) -> KnownTool:
    observer, server, server_ref, tool, digest, first_us, last_us = row[:7]
    return KnownTool(
        key=ToolKey(observer, server, server_ref, tool),
        digest=digest,
        first_us=first_us or 0,
        last_us=last_us or 0,
        versions=row[7],
        emitters=row[8],
        changes=row[9],
        changed_us=row[10],
        is_listed=row[11] is not None,
        newest=newest,
    )
