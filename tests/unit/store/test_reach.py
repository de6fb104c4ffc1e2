"""What a reader sees within a reach: rows that are not in it, and texts that are held back."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import orjson
import pytest

from tallystick.errors import ConfigError
from tallystick.profile import encode
from tallystick.tlog.encoding import to_base64
from tallystick.tlog.tree import leaf_hash
from tallystick_store import reach as reach_module
from tallystick_store.engine.duckdb import ALL_TABLES, Reader
from tallystick_store.events import read_events
from tallystick_store.projections.tables import PROJECTED, PROJECTIONS
from tallystick_store.query import Query
from tallystick_store.reach import OPEN, Reach, view_statements
from tallystick_store.rows import EventRow, Merge, SpanBatch, SpanRow
from tallystick_store.schema import APPLIED, Column, Table
from tallystick_store.store import Store
from tests.requirements import requirement
from tests.stores import Emitter, open_store, span, write

VIEWED = ("events", "seals", "spans", "late_disclosures", "tombstones", "checkpoints", "meta")
NOTHING = Reach(environments=(), agents=(), tools=(), resources=())


def in_environment(name: str, environment: str) -> tuple[Emitter, EventRow]:
    """Begin a session whose opening names an environment."""
    emitter = Emitter(name)
    opened = emitter.record(
        "session.open",
        session__key=emitter.keys.key.vkey,
        deployment__environment=environment,
    )
    return emitter, EventRow(opened)


def call(emitter: Emitter, agent: str | None, tool: str | None, uri: str | None = None) -> EventRow:
    """Record one call of a tool, or one reading of a resource, with all that may be held back."""
    disclosures = {
        "params": orjson.dumps({"for": agent}).decode(),
        "principal.id": f"person of {agent}",
        "error.message": f"error of {agent}",
        "delegation": f'["actor of {agent}"]',
    }
    if uri is not None:
        disclosures["resource.uri"] = uri
    named = {"agent__name": agent, "tool__name": tool, "principal__ref": f"ref of {agent}"}
    given = {name: value for name, value in named.items() if value is not None}
    return EventRow(
        emitter.record("tool.completed", disclosures, action__id=f"{emitter.seq:032x}", **given)
    )


def foreign(number: int, environment: str, key: str = "deployment.environment.name") -> bytes:
    """Print a span record whose resource names an environment, and whose attributes name another."""
    record = orjson.loads(span(number))
    record["attributes"] = '{"deployment.environment.name":"production","secret":"of the span"}'
    record["resource"] = orjson.dumps({key: environment}).decode()
    record["hits"] = {"email": 1}
    return encode(record)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two environments; agents, tools and resources in both; foreign spans, one read as a call."""
    kept = open_store(tmp_path)
    production, opened = in_environment("production", "production")
    staging, began = in_environment("staging", "staging")
    service = Emitter("service")
    spans = (foreign(1, "production"), foreign(2, "staging"), foreign(3, "production"))
    write(
        kept,
        [
            opened,
            call(production, "buyer", "search"),
            call(production, "buyer", "pay"),
            call(production, "seller", "search"),
            call(production, "seller", None, "file:///prices"),
            call(production, None, "search"),
            production.seal(),
        ],
        [
            began,
            call(staging, "buyer", "search_all"),
            call(staging, "b_yer", None, "file:///plans"),
            staging.seal(),
        ],
        [
            SpanBatch(tuple(map(SpanRow.of, spans))),
            *(
                derived(service, text, agent)
                for text, agent in zip(spans, ("buyer", "seller"), strict=False)
            ),
        ],
    )
    yield kept
    kept.close()


def derived(service: Emitter, record: bytes, agent: str) -> EventRow:
    """Record the service's reading of a span."""
    named = {"agent__name": agent, "tool__name": "search", "origin": "derived"}
    return EventRow(
        service.record(
            "tool.completed",
            {"params": "{}"},
            action__id="ff" * 16,
            signed=False,
            source__span_hash=to_base64(leaf_hash(record)),
            **named,
        )
    )


def seen(reader: Reader) -> list[tuple[str, str, str]]:
    """Name what a reader sees of calls: agent, tool, resource."""
    rows = reader.rows(
        "SELECT coalesce(agent_name, ''), coalesce(tool_name, ''), coalesce(resource_uri, '')"
        " FROM events WHERE type = 'tool.completed' AND origin = 'native' ORDER BY log_index"
    )
    return [(agent, tool, uri) for agent, tool, uri in rows]


def places(reader: Reader) -> list[int]:
    return [place for (place,) in reader.rows("SELECT position FROM spans ORDER BY 1")]


ALL = [
    ("buyer", "search", ""),
    ("buyer", "pay", ""),
    ("seller", "search", ""),
    ("seller", "", "file:///prices"),
    ("", "search", ""),
    ("buyer", "search_all", ""),
    ("b_yer", "", "file:///plans"),
]


@requirement("auth.reach")
@pytest.mark.parametrize(
    ("reach", "expected"),
    [
        (Reach(), ALL),
        (Reach(environments=("production",)), ALL[:5]),
        (Reach(environments=("prod*", "staging")), ALL),
        (Reach(agents=("buyer",)), [ALL[0], ALL[1], ALL[5]]),
        (Reach(agents=("b?yer",)), [ALL[0], ALL[1], ALL[5], ALL[6]]),
        (Reach(agents=("b_yer",)), [ALL[6]]),
        (Reach(agents=("b_ye*",)), [ALL[6]]),
        (Reach(agents=("*",)), [one for one in ALL if one[0]]),
        (Reach(agents=("BUYER",)), []),
        (Reach(agents=()), []),
        (Reach(tools=("search",)), [ALL[0], ALL[2], ALL[4]]),
        (Reach(tools=("search*",)), [ALL[0], ALL[2], ALL[4], ALL[5]]),
        (Reach(resources=("file:///pri*",)), [ALL[3]]),
        (Reach(tools=("pay",), resources=("*",)), [ALL[1], ALL[3], ALL[6]]),
        (Reach(environments=("production",), agents=("buyer",), tools=("pay",)), [ALL[1]]),
        (Reach(agents=("' OR 1=1 --", "%", "!%")), []),
        (Reach(environments=("x' OR true OR 'y",)), []),
        (NOTHING, []),
    ],
    ids=str,
)
def test_calls_are_seen_within_the_reach(
    store: Store, reach: Reach, expected: list[tuple[str, str, str]]
) -> None:
    assert seen(store.database.within(reach)) == expected


@pytest.mark.parametrize(
    ("reach", "expected"),
    [
        (Reach(), [0, 1, 2]),
        (Reach(environments=("production",)), [0, 2]),
        (Reach(environments=("staging",)), [1]),
        (Reach(agents=("buyer",)), [0]),
        (Reach(agents=("seller",), environments=("production",)), []),
        (Reach(tools=("search",)), [0, 1]),
        (Reach(resources=("*",)), []),
        (NOTHING, []),
    ],
    ids=str,
)
def test_foreign_spans_are_seen_with_the_event_that_was_read_from_them(
    store: Store, reach: Reach, expected: list[int]
) -> None:
    assert places(store.database.within(reach)) == expected


def test_events_read_from_spans_are_of_the_environment_that_the_resource_names(
    store: Store,
) -> None:
    sql = "SELECT agent_name FROM events WHERE origin = 'derived'"
    assert store.database.within(Reach(environments=("staging",))).rows(sql) == [("seller",)]


def test_a_span_record_that_was_changed_belongs_to_no_environment(store: Store) -> None:
    store.database.insert(
        {"spans": store.database.arrow("SELECT * REPLACE ('{' AS record) FROM spans")}
    )
    assert places(store.database.within(Reach(environments=("*",)))) == [0, 1, 2]


def test_nothing_of_a_record_is_left_where_nothing_is_within_the_reach(store: Store) -> None:
    reader = store.database.within(NOTHING)
    for table in ALL_TABLES:
        if table not in reach_module.PUBLIC:
            assert reader.rows(f'TABLE "{table.name}"') == [], table.name


def test_every_table_has_a_rule_or_is_empty_within_any_reach(store: Store) -> None:
    own = {table.name for table in ALL_TABLES}
    assert own == {*VIEWED, *(table.name for table in PROJECTIONS), APPLIED.name}
    reader = store.database.within(Reach(has_names=False))
    assert reader.rows("SELECT * FROM applied") == []
    assert store.database.rows("SELECT * FROM applied") != []


def test_a_table_without_a_rule_is_cut_away() -> None:
    table = Table("sums", (Column("agent", "VARCHAR"), Column("person", "VARCHAR")))
    with duckdb.connect() as connection:
        connection.execute(table.definition)
        connection.execute("INSERT INTO sums VALUES ('buyer', 'Ann'), ('seller', 'Ben')")
        for reach in (Reach(has_payload=False), Reach(agents=("*",))):
            assert _asked(connection, table, reach) == []


@pytest.mark.parametrize(
    ("reach", "is_there"),
    [
        (Reach(has_payload=False, has_names=False), True),
        (Reach(environments=("*",)), False),
        (Reach(agents=("*",)), False),
        (Reach(tools=("*",)), False),
        (Reach(resources=("*",)), False),
    ],
    ids=str,
)
def test_a_derived_table_is_there_for_a_full_reach_alone(reach: Reach, is_there: bool) -> None:
    with duckdb.connect() as connection:
        connection.execute(PROJECTED.definition)
        connection.execute("INSERT INTO projected VALUES (0, 1)")
        assert _asked(connection, PROJECTED, reach) == ([(0, 1)] if is_there else [])


def _asked(connection: duckdb.DuckDBPyConnection, table: Table, reach: Reach) -> Sequence[object]:
    with connection.cursor() as cursor:
        for statement in view_statements(reach, "memory", [table]):
            cursor.execute(statement)
        return cursor.execute(f'TABLE "{table.name}" ORDER BY 1').fetchall()


@pytest.mark.parametrize("reach", [OPEN, Reach(has_names=False), Reach(has_payload=False)], ids=str)
def test_what_is_held_back_of_a_row_is_no_fault_of_it(store: Store, reach: Reach) -> None:
    events = read_events(store.database.within(reach), "true", [], store.published)
    assert len(events) == len(read_events(store.database, "true", []))
    assert [fault for one in events for fault in one.faults] == []
    spans = Query(store.database.within(reach), store.published).trace("ab" * 16).spans
    assert [fault for one in spans for fault in one.faults] == []
    assert [one.span["name"] for one in spans] == ["span 1", "span 2", "span 3"]


def test_names_of_people_are_held_back_and_the_rest_is_shown(store: Store) -> None:
    [event] = read_events(store.database.within(Reach(has_names=False)), "tool_name = 'pay'", [])
    assert event.disclosures == {"params": '{"for":"buyer"}', "error.message": "error of buyer"}
    assert len(event.lines) == len(event.disclosures)
    assert event.statement["principal.ref"] == "ref of buyer"


@pytest.mark.parametrize("reach", [Reach(has_names=False), Reach(has_payload=False)], ids=str)
def test_nothing_can_be_found_by_what_is_held_back(store: Store, reach: Reach) -> None:
    reader = store.database.within(reach)
    sql = "SELECT log_index FROM events WHERE contains(principal_id || disclosures, 'person of')"
    assert reader.rows(sql) == []
    assert store.database.rows(sql) != []


def test_without_the_payload_no_text_of_a_call_is_left_in_any_table(store: Store) -> None:
    late = call(Emitter("production"), "late", "search").record.disclosures
    write(store, [Merge(1, tuple(one.line for one in late))])
    reader = store.database.within(Reach(has_payload=False))
    found = [reader.rows(f'TABLE "{table.name}"') for table in ALL_TABLES]
    for secret in ("person of", "error of", "file:///", "actor of", "of the span"):
        assert secret in str([store.database.rows(f'TABLE "{t.name}"') for t in ALL_TABLES])
        assert secret not in str(found)
    assert '"hits":{"email":1}' in str(found)


def test_resources_cut_a_reader_that_is_shown_none_of_them(store: Store) -> None:
    reader = store.database.within(Reach(resources=("file:///pri*",), has_payload=False))
    assert seen(reader) == [("seller", "", "")]


def test_seals_are_seen_of_sessions_that_are_seen(store: Store) -> None:
    sql = "SELECT count(*) FROM seals"
    assert store.database.within(Reach(agents=("b_yer",))).rows(sql) == [(1,)]
    assert store.database.within(Reach(agents=("buyer",))).rows(sql) == [(2,)]
    [event] = read_events(store.database.within(Reach(agents=("b_yer",))), "tool_name IS NULL", [])
    assert event.sealing == "sealed"


def test_a_reader_changes_nothing_for_another_one(store: Store) -> None:
    cut = store.database.within(Reach(agents=("buyer",)))
    for _ in range(2):
        assert len(seen(cut)) == 3
        assert seen(store.database) == ALL


@pytest.mark.parametrize("patterns", [("",), ("a" * 257,), ("line\nfeed",), ("a",) * 65], ids=repr)
def test_a_pattern_that_cannot_be_one_is_refused(patterns: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="pattern"):
        Reach(tools=patterns)
