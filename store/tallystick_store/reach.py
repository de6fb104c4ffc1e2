"""What a reader may see of the store: a few patterns, and the views by which every query is cut to them.

A query is written once, over the tables. Whoever has less than the whole reach asks it through views of
the same names (`Database.within`), which leave out rows, and texts within rows. What a record says of its
agent, tool and resource decides; a record that says nothing of what a reach is cut by is left out, and so
is every table for which there is no rule here. A pattern has `*` for any text and `?` for one character;
everything else stands for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tallystick.errors import ConfigError
from tallystick_store.projections.tables import PROJECTIONS
from tallystick_store.schema import (
    CHECKPOINTS,
    EVENTS,
    LATE_DISCLOSURES,
    META,
    SEALS,
    SPANS,
    TOMBSTONES,
    Table,
)

MAX_PATTERNS: Final = 64
MAX_PATTERN_CHARS: Final = 256
"""Of one dimension, and of one pattern: each is looked at for every row."""

NAME_FIELDS: Final = ("credential.evidence", "delegation", "principal.id")
"""Disclosures that name a person: they take the right to reveal, with a reason."""

_ESCAPE: Final = "!"
_WILD: Final = ("*", "?")
_LIKE: Final = {_ESCAPE: "!!", "%": "!%", "_": "!_", "*": "%", "?": "_"}
LINE_OF_NAME: Final = (
    r"""'^\["[0-9a-f]{32}","("""
    + "|".join(name.replace(".", r"\.") for name in NAME_FIELDS)
    + """)",'"""
)
"""How the line of such a disclosure begins (docs/spec/record.md)."""
ENVIRONMENT_OF_SPAN: Final = """
    TRY(coalesce(
        json_extract_string(json_extract_string(record, '$.resource'), '$."deployment.environment.name"'),
        json_extract_string(json_extract_string(record, '$.resource'), '$."deployment.environment"')))
"""
_HITS_OF_SPAN: Final = r"""'{' || regexp_extract(record, '"hits":\{[^{}]*\}') || '}'"""


def is_pattern(text: str) -> bool:
    """Whether a text can be matched by: not empty, not too long, and printable."""
    return 0 < len(text) <= MAX_PATTERN_CHARS and text.isprintable()


def _require_patterns(patterns: Sequence[str]) -> None:
    if len(patterns) > MAX_PATTERNS:
        raise ConfigError(
            f"a reach names at most {MAX_PATTERNS} patterns of one kind, got {len(patterns)}"
        )
    for pattern in patterns:
        if not is_pattern(pattern):
            raise ConfigError(
                f"a pattern has 1 to {MAX_PATTERN_CHARS} printable characters, got {len(pattern)}"
            )


@dataclass(frozen=True, slots=True)
class Reach:
    """Which records somebody may read, and how much of them. None: all; an empty tuple: none.

    A reach cut by tools or resources shows only records that name one of the two, and each that a record
    names has to be within the reach; where one of the two is cut and nothing is said of the other, none of
    the other is.
    """

    environments: tuple[str, ...] | None = None
    agents: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    has_payload: bool = True
    """Whether arguments, results, error texts and every other disclosure are shown."""
    has_names: bool = True
    """Whether the disclosures that name a person are shown too (NAME_FIELDS)."""

    def __post_init__(self) -> None:
        """Cut tools and resources together; raise ConfigError for a pattern that cannot be one."""
        if (self.tools is None) != (self.resources is None):
            object.__setattr__(self, "tools", self.tools or ())
            object.__setattr__(self, "resources", self.resources or ())
        for patterns in (self.environments, self.agents, self.tools, self.resources):
            _require_patterns(patterns or ())

    @property
    def is_full(self) -> bool:
        """Whether every record is within it, however much of each."""
        return self.has_whole_sessions and self.environments is None

    @property
    def has_whole_sessions(self) -> bool:
        """Whether of a session either everything or nothing is within it, so that holes can be told."""
        return self.agents is None and self.tools is None and self.resources is None

    @property
    def is_open(self) -> bool:
        """Whether nothing at all is held back."""
        return self.is_full and self.has_payload and self.has_names


OPEN: Final = Reach()


PUBLIC: Final[tuple[Table, ...]] = (CHECKPOINTS, META)
"""Tables that tell nothing of any record: hashes, signatures, the name of the log."""


def view_statements(reach: Reach, catalog: str, tables: Sequence[Table]) -> list[str]:
    """Return CREATE TEMP VIEW for each table, in an order in which each finds those that it reads."""
    selects = {table.name: _rule_of(table, reach, f'"{catalog}".main') for table in tables}
    order = sorted(selects, key=lambda name: name != EVENTS.name)
    return [f'CREATE TEMP VIEW "{name}" AS {selects[name]}' for name in order]


def _rule_of(table: Table, reach: Reach, schema: str) -> str:
    behind = f'{schema}."{table.name}"'
    if table in PUBLIC:
        return _select(behind, {}, [])
    if table == EVENTS:
        return _select(behind, _event_texts(reach), _event_conditions(reach, schema))
    if table == SPANS:
        texts = {} if reach.has_payload else {"record": _HITS_OF_SPAN}
        return _select(behind, texts, _span_conditions(reach, schema))
    if table in (SEALS, TOMBSTONES):
        within = "session IN (SELECT session FROM temp.main.events)"
        return _select(behind, {}, [] if reach.is_full else [within])
    if table == LATE_DISCLOSURES:
        return _select(behind, {}, _late_conditions(reach))
    is_whole = (
        table in PROJECTIONS and reach.is_full
    )  # what is derived from many records cannot be cut
    return _select(behind, {}, [] if is_whole else ["false"])


def _event_texts(reach: Reach) -> dict[str, str]:
    """Return what stands in place of columns; the columns of a row agree with each other all the same."""
    if not reach.has_payload:
        hidden = ("disclosures", "principal_id", "resource_uri")
        return {**dict.fromkeys(hidden, "NULL"), "disclosure_count": "0"}
    if not reach.has_names:
        lines = (
            "list_filter(string_split(disclosures, chr(10)),"
            f" lambda line: NOT regexp_matches(line, {LINE_OF_NAME}))"
        )
        return {
            "principal_id": "NULL",
            "disclosures": f"nullif(array_to_string({lines}, chr(10)), '')",
            "disclosure_count": f"CASE WHEN disclosures IS NULL THEN disclosure_count ELSE len({lines}) END",
        }
    return {}


def _event_conditions(reach: Reach, schema: str) -> list[str]:
    conditions = _record_conditions(reach)
    if conditions:  # what a dead session's adopter says decides how its records are sealed
        conditions = [f"(type = 'session.recovered' OR ({' AND '.join(conditions)}))"]
    if reach.environments is not None:
        opened = matches("deployment_environment", reach.environments)
        spans = matches(ENVIRONMENT_OF_SPAN, reach.environments)
        conditions.append(
            f"(session IN (SELECT session FROM {schema}.events WHERE type = 'session.open' AND {opened})"  # noqa: S608 - own words, quoted patterns
            " OR (origin = 'derived' AND source_span_hash IN"
            f" (SELECT to_base64(leaf_hash) FROM {schema}.spans WHERE {spans})))"
        )
    return conditions


def _record_conditions(reach: Reach) -> list[str]:
    """Return the conditions on agent, tool and resource of one row of `events`."""
    conditions = [] if reach.agents is None else [matches("agent_name", reach.agents)]
    if reach.tools is None and reach.resources is None:
        return conditions
    conditions.append("coalesce(tool_name, resource_uri) IS NOT NULL")
    for column, patterns in (
        ("tool_name", reach.tools or ()),
        ("resource_uri", reach.resources or ()),
    ):
        conditions.append(f"({column} IS NULL OR {matches(column, patterns)})")
    return conditions


def _span_conditions(reach: Reach, schema: str) -> list[str]:
    """Return the conditions on a foreign span: the event that was read from it says what it was about."""
    conditions = []
    if reach.environments is not None:
        conditions.append(matches(ENVIRONMENT_OF_SPAN, reach.environments))
    record = _record_conditions(reach)
    if record:
        conditions.append(
            f"to_base64(leaf_hash) IN (SELECT source_span_hash FROM {schema}.events"  # noqa: S608 - own words, quoted patterns
            f" WHERE origin = 'derived' AND {' AND '.join(record)})"
        )
    return conditions


def _late_conditions(reach: Reach) -> list[str]:
    if not reach.has_payload:
        return ["false"]
    conditions = [] if reach.has_names else [f"NOT regexp_matches(line, {LINE_OF_NAME})"]
    if not reach.is_full:
        conditions.append("log_index IN (SELECT log_index FROM temp.main.events)")
    return conditions


def _select(table: str, texts: Mapping[str, str], conditions: Sequence[str]) -> str:
    replaced = ", ".join(f'{value} AS "{column}"' for column, value in texts.items())
    columns = f"* REPLACE ({replaced})" if replaced else "*"
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns} FROM {table}{where}"  # noqa: S608 - own words, quoted patterns


def matches(expression: str, patterns: Sequence[str]) -> str:
    """Return SQL that is true where a text is one of `patterns`; never for NULL."""
    plain = [one for one in patterns if not any(wild in one for wild in _WILD)]
    found = [
        f"{expression} LIKE {_like(one)} ESCAPE '{_ESCAPE}'" for one in patterns if one not in plain
    ]
    if plain:
        found.append(f"{expression} IN ({', '.join(map(_literal, plain))})")
    return f"({' OR '.join(found)})" if found else "false"


def _like(pattern: str) -> str:
    return _literal("".join(_LIKE.get(character, character) for character in pattern))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
