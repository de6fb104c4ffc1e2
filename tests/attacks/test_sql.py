"""What somebody with the right to SQL may try: every text runs in a real process over a real store, and is bounded."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tallystick_store.engine.duckdb import Reader
from tallystick_store.reach import Reach
from tallystick_store.sql import runner
from tallystick_store.sql.runner import SqlAnswer, SqlError, SqlQuestion, run_sql
from tallystick_store.sql.views import VIEWS, View
from tallystick_store.store import Store
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.stores import START_US, Emitter, open_store, spans, write

pytestmark = pytest.mark.slow

CALLS = 30
OTHER = 5
HUGE = "170141183460469231731687303715884105727"
PERIOD = (START_US - 1, START_US + 10**9)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Keep a store with calls of two agents, and spans."""
    made, emitter = open_store(tmp_path_factory.mktemp("sql") / "store"), Emitter()
    opened = emitter.opened()
    calls = [emitter.call(n, agent__name="planner", server__name="desk") for n in range(CALLS)]
    others = [emitter.call(100 + n, agent__name="other") for n in range(OTHER)]
    write(made, [opened, *calls, *others, emitter.seal()], [spans(1, 2, 3)])
    yield made
    made.close()


def ask(store: Store, sql: str, reach: Reach | None = None, **settings: Any) -> SqlAnswer:
    reader = store.database.within(reach or Reach())
    return run_sql(reader, SqlQuestion(sql, *PERIOD, **{"seconds": PATIENCE_S, **settings}))


def rows(answer: SqlAnswer) -> Any:
    return json.loads(answer.content)


@requirement("api.sql")
@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT count(*) FROM actions", [[CALLS + OTHER]]),
        (
            "SELECT agent_name, count(*) FROM actions GROUP BY 1 ORDER BY 1",
            [["other", OTHER], ["planner", CALLS]],
        ),
        ("SELECT max(seq) FROM events WHERE type LIKE 'tool.%'", [[CALLS + OTHER]]),
        ("WITH x AS (FROM sessions) SELECT events, is_closed FROM x", [[CALLS + OTHER + 1, False]]),
        ("SELECT params, result FROM actions ORDER BY log_index LIMIT 1", [['{"n":0}', None]]),
        ("SELECT e.agent_name FROM events e JOIN actions USING (log_index) LIMIT 1", [["planner"]]),
        ("SELECT count(*) FROM actions -- a comment\n;", [[CALLS + OTHER]]),
        ("VALUES (1), (2)", [[1], [2]]),
        (
            (
                f"SELECT 1e400::DOUBLE, 'NaN'::DOUBLE, {HUGE}::HUGEINT, 1.5::DECIMAL(3, 1),"
                " DATE '2026-11-23', 'abc'::BLOB, [1, NULL], {'a': 1}"
            ),
            [
                [
                    None,
                    None,
                    HUGE,
                    "1.5",
                    "2026-11-23",
                    "YWJj",
                    [1, None],
                    {"a": 1},
                ]
            ],
        ),
    ],
)
def test_a_question_is_answered(store: Store, sql: str, expected: object) -> None:
    assert rows(ask(store, sql)) == expected


def test_every_view_has_the_columns_that_it_says(store: Store) -> None:
    for view in VIEWS.values():
        answer = ask(store, f"FROM {view.name}")
        stated = [{"name": name, "type": str(view.types[name])} for name in view.columns]
        assert answer.columns == stated
        assert answer.tables == (view.name,)


def test_arrow_holds_what_json_holds(store: Store) -> None:
    sql = "SELECT log_index, params FROM actions ORDER BY 1"
    frame = pa.ipc.open_stream(io.BytesIO(ask(store, sql, is_arrow=True).content)).read_all()
    assert [list(one.values()) for one in frame.to_pylist()] == rows(ask(store, sql))


REFUSED = [
    ("", "one SELECT"),
    ("SELECT 1; SELECT 2", "one SELECT"),
    ("SELECT 1; DROP TABLE events", "one SELECT"),
    ("DROP VIEW events", "one SELECT"),
    ("DELETE FROM events", "one SELECT"),
    ("CREATE TABLE x AS SELECT 1", "one SELECT"),
    ("COPY (SELECT 1) TO '/tmp/stolen'", "one SELECT"),
    ("COPY events FROM '/etc/passwd'", "one SELECT"),
    ("EXPORT DATABASE '/tmp/stolen'", "one SELECT"),
    ("ATTACH '/etc/passwd' AS x", "one SELECT"),
    ("INSTALL httpfs", "one SELECT"),
    ("LOAD httpfs", "one SELECT"),
    ("SET threads = 64", "one SELECT"),
    ("RESET memory_limit", "one SELECT"),
    ("PRAGMA database_list", "one SELECT"),
    ("EXPLAIN ANALYZE SELECT 1", "one SELECT"),
    ("CALL pragma_version()", "one SELECT"),
    ("PREPARE x AS SELECT 1", "one SELECT"),
    ("CREATE SECRET (TYPE s3)", "one SELECT"),
    ("SELECT $1", "parameters"),
    ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
    ("SELECT * FROM read_text('/proc/self/environ')", "disabled by configuration"),
    ("SELECT * FROM read_blob('/etc/shadow')", "disabled by configuration"),
    ("SELECT * FROM read_parquet('https://example.com/x')", "disabled by configuration"),
    ("SELECT * FROM glob('/etc/*')", "disabled by configuration"),
    ("SELECT * FROM '/etc/passwd'", "does not exist|disabled"),
    ("SELECT * FROM duckdb_secrets()", "disabled by configuration"),
    ("SELECT getenv('PATH')", "does not exist"),
    ("SELECT * FROM seals", "does not exist"),
    ("SELECT statement FROM events", "not found"),
    ("SELECT disclosures FROM events", "not found"),
    ("SELECT * FROM wanted", "does not exist"),
    ("SELECT * FROM query('SELECT * FROM seals')", "does not exist"),
    ("SELECT 'a\x00b'", "Parser Error"),
    ("SELECT " + "(" * 10_000 + "1" + ")" * 10_000, "Parser Error"),
    ("SELECT 1" + "+1" * 20_000, "Parser Error|depth"),
    ("SELECT " + "CASE WHEN 1 THEN " * 5_000, "not answered|ended"),
]


@requirement("api.sql")
@pytest.mark.parametrize(("sql", "reason"), REFUSED, ids=lambda one: str(one)[:40])
def test_what_is_no_question_is_refused(store: Store, sql: str, reason: str) -> None:
    with pytest.raises(SqlError, match=reason):
        ask(store, sql)


BOMBS = [
    "SELECT list_sum(range(1000000000))",
    "SELECT string_agg(repeat('x', 100000), '') FROM range(1000000)",
    "SELECT repeat('x', 2000000000)",
    "SELECT list(a.range) FROM range(100000) a, range(100000) b",
    "SELECT * FROM range(10000000) a ORDER BY hash(range) DESC, repeat('y', 200)",
]


@requirement("api.sql")
@pytest.mark.parametrize("sql", BOMBS)
def test_memory_is_bounded(store: Store, sql: str) -> None:
    with pytest.raises(SqlError, match=r"Out of Memory|Out of Range|out of memory|was ended"):
        ask(store, sql, seconds=30.0)


@requirement("api.sql")
@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT max(a) FROM t",
        "SELECT count(*) FROM range(10000000) a, range(10000000) b",
        "SELECT sleep_ms(3600000)",
    ],
)
def test_what_does_not_end_is_ended(store: Store, sql: str) -> None:
    with pytest.raises(SqlError, match=r"was ended|does not exist"):
        ask(store, sql, seconds=5.0)


@requirement("api.sql", "api.whole-or-said")
def test_an_answer_that_is_cut_says_so(store: Store) -> None:
    cut = ask(store, "SELECT * FROM range(5000)", max_rows=7)
    assert (cut.rows, cut.is_incomplete, rows(cut)) == (7, True, [[n] for n in range(7)])
    whole = ask(store, "SELECT * FROM range(7)", max_rows=7)
    assert (whole.rows, whole.is_incomplete) == (7, False)
    large = ask(store, "SELECT repeat('x', 1000000) FROM range(100)", max_rows=1_000)
    assert large.is_incomplete
    assert len(large.content) <= runner.MAX_BYTES
    frame = ask(store, "SELECT * FROM range(5000)", max_rows=7, is_arrow=True)
    assert (frame.rows, frame.is_incomplete) == (7, True)


def test_a_period_with_too_much_in_it_is_refused_rather_than_looked_at_in_part(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_VIEW_ROWS", 10)
    with pytest.raises(SqlError, match="36 rows in events, and at most 10"):
        ask(store, "SELECT count(*) FROM events")
    assert rows(ask(store, "SELECT count(*) FROM spans")) == [[0]]
    monkeypatch.setattr(runner, "MAX_VIEW_ROWS", 1_000)
    monkeypatch.setattr(runner, "MAX_INPUT_BYTES", 10)
    monkeypatch.delattr(Reader, "arrow")
    with pytest.raises(SqlError, match="ask for a shorter one, or for fewer columns"):
        ask(store, "SELECT * FROM events")


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("is_all", [True, False], ids=["all", "one"])
def test_what_a_view_takes_is_known_before_it_is_read(
    store: Store, name: str, is_all: bool
) -> None:
    view, reader = VIEWS[name], store.database
    for column in [None] if is_all else [[one] for one in view.columns]:
        size_bytes = view.size_bytes(reader, PERIOD, column)
        table = view.read(reader, PERIOD, column)
        bitmaps = (len(table) // 8 + 8) * table.num_columns
        assert table.nbytes <= size_bytes + bitmaps
        assert size_bytes <= 8 * (table.nbytes + bitmaps)


@pytest.mark.parametrize("step", ["count", "size_bytes", "read"])
def test_a_view_that_takes_too_long_is_left(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    endless = (
        "SELECT sum(a.range + b.range) FROM range(100000000) a, range(100000000) b WHERE $1 < $2"
    )

    def ask_without_end(_view: View, reader: Reader, period: tuple[int, int], *_: Any) -> None:
        reader.rows(endless, period)

    monkeypatch.setattr(View, step, ask_without_end)
    with pytest.raises(SqlError, match="was ended"):
        ask(store, "SELECT count(*) FROM events", seconds=5)


@requirement("api.sql")
def test_a_reach_cuts_what_sql_sees(store: Store) -> None:
    reach = Reach(agents=("plan*",), has_payload=False, has_names=False)
    assert rows(ask(store, "SELECT DISTINCT agent_name FROM events", reach)) == [["planner"]]
    assert rows(ask(store, "SELECT count(*) FROM actions", reach)) == [[CALLS]]
    found = rows(ask(store, "SELECT params, principal_id FROM actions LIMIT 1", reach))
    assert found == [[None, None]]
    assert rows(ask(store, "SELECT count(*) FROM spans", reach)) == [[0]]


def test_a_process_that_cannot_start_is_an_error_with_a_reason(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runner, "_COMMAND", ("/bin/false",))
    with pytest.raises(SqlError, match="was ended"):
        ask(store, "SELECT 1")
