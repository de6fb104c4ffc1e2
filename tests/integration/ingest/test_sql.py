"""SQL over the API of a real service: who may ask, what is recorded, and that others are served meanwhile."""

import io
import json
import threading
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest

from tallystick_store.rows import EventRow, SealRow
from tests.patience import PATIENCE_S, until
from tests.requirements import requirement
from tests.sending import items, logs_protobuf
from tests.serving import Answer, Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

ARROW = "application/vnd.apache.arrow.stream"
JSON = {"Content-Type": "application/json"}
ALL = {"from": "2026-01-01", "to": "2030-01-01"}
ENDLESS = "WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t) SELECT max(a) FROM t"


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    emitter = Emitter("sql")
    rows: list[EventRow | SealRow] = [emitter.opened()]
    rows += [*(emitter.call(n) for n in range(5)), emitter.seal()]
    assert service.send(logs_protobuf(items(rows))).status == 200
    return service


def ask(service: Service, sql: str, headers: dict[str, str] | None = None, **more: Any) -> Answer:
    body = json.dumps({"sql": sql, **ALL, **more}).encode()
    return service.ask("POST", "/api/v1/sql", body, {**JSON, **(headers or service.authorization)})


def test_a_question_is_answered_in_json_and_in_arrow(filled: Service) -> None:
    sql = "SELECT action_id, params FROM actions WHERE tool_name = 'lookup' ORDER BY 1"
    told = ask(filled, sql).json
    assert told["columns"] == [
        {"name": "action_id", "type": "string"},
        {"name": "params", "type": "string"},
    ]
    assert told["rows"] == [[f"{n:032x}", f'{{"n":{n}}}'] for n in range(5)]
    assert told["incomplete"] is False
    answer = ask(filled, sql, {**filled.authorization, "Accept": ARROW})
    frame = pa.ipc.open_stream(io.BytesIO(answer.body)).read_all()
    assert [list(one.values()) for one in frame.to_pylist()] == told["rows"]
    assert answer.headers["tallystick-incomplete"] == "false"
    assert ask(filled, sql, limit=2).json["incomplete"] is True


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"sql": "DROP TABLE events"}, "one SELECT"),
        ({"sql": "x" * 65_537}, "sql"),
        ({"sql": ""}, "sql"),
        ({"sql": "SELECT 1", "from": "2027-01-01", "to": "2026-01-01"}, "empty"),
        ({"sql": "SELECT 1", "from": "-5000-01-01"}, "no moment"),
        ({"sql": "SELECT 1", "limit": 0}, "limit"),
        ({"sql": "SELECT 1", "limit": 10**9}, "limit"),
        ({"sql": "SELECT '\ud800'"}, ""),
        ({"sql": None}, "sql"),
    ],
)
def test_what_is_no_question_is_refused(filled: Service, more: Any, reason: str) -> None:
    answer = ask(filled, **more)
    assert answer.status == 400
    assert reason in answer.json["error"]


@requirement("api.sql")
def test_sql_takes_its_own_right_and_payload_another(filled: Service) -> None:
    sql = "SELECT params, principal_id FROM actions ORDER BY log_index LIMIT 1"
    assert ask(filled, sql, filled.key("read")).status == 403
    assert ask(filled, sql, filled.key("sql")).json["rows"] == [[None, None]]
    assert ask(filled, sql, filled.key("sql", "payload")).json["rows"] == [['{"n":0}', None]]
    assert filled.ask("GET", "/api/v1/sql/views", headers=filled.key("read")).status == 403


@requirement("api.sql")
def test_a_question_is_on_record_without_its_text(filled: Service) -> None:
    name = "a-persons-name"
    assert ask(filled, "SELECT 'a-persons-name' FROM events, spans LIMIT 3").status == 200
    assert ask(filled, "SELECT 'a-persons-name' FROM nothing").status == 400
    lines = json.dumps(filled.records())
    assert name not in lines
    stated = [one for one in filled.statements("access.search") if "sql" in one["access.target"]]
    assert "sql events spans" in {one["access.target"] for one in stated}
    assert all(one["access.query_digest"] for one in stated)


@requirement("api.sql")
def test_others_are_served_while_a_question_does_not_end(
    filled: Service,
) -> None:
    assert any(is_served_meanwhile(filled, number) for number in range(5))
    assert ask(filled, "SELECT 1").json["rows"] == [[1]]


def is_served_meanwhile(filled: Service, number: int) -> bool:
    """Send and read while a question runs; say whether it ran from before that until after it."""
    found: list[Answer] = []
    running = threading.Thread(target=lambda: found.append(_ask_at_last(filled, ENDLESS)))
    running.start()
    until(lambda: _is_refused(filled) or not running.is_alive())
    emitter = Emitter(f"meanwhile {number}")
    sent = logs_protobuf(items([emitter.opened(), emitter.seal()]))
    assert filled.send(sent).status == 200
    assert filled.get("/api/v1/actions?limit=1")["as_of"]
    is_running = _is_refused(filled)
    running.join(PATIENCE_S)
    assert found[0].status == 400
    assert "was ended" in found[0].json["error"]
    return is_running


def _ask_at_last(filled: Service, sql: str) -> Answer:
    """Ask until the turn is ours: that of a look whether it is taken may be in the way."""
    while (answer := ask(filled, sql)).status == 429:
        pass
    return answer


def _is_refused(filled: Service) -> bool:
    """Whether this caller's turn is taken: by its question that runs."""
    return ask(filled, "SELECT 1").status == 429


def test_the_commands_ask_and_follow(filled: Service) -> None:
    told = filled.tallystick(
        "sql",
        "SELECT tool_name, count(*) AS calls FROM actions GROUP BY 1",
        "--from",
        "2026-01-01",
        "--to",
        "2030-01-01",
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[0].split() == ["tool_name", "calls"]
    assert ["lookup", "5"] in [line.split() for line in told.stdout.splitlines()]
    wrong = filled.tallystick("sql", "DROP TABLE events")
    assert wrong.returncode == 1
    assert "one SELECT" in wrong.stderr
    followed = filled.tallystick("tail", "--after", "0", "--count", "3", "--tool", "lookup")
    assert followed.returncode == 0, followed.stderr
    assert len(followed.stdout.splitlines()) == 3
    raw = filled.tallystick("tail", "--after", "0", "--count", "2", "--json", "--tool", "lookup")
    shapes = [json.loads(line) for line in raw.stdout.splitlines()]
    assert [one["statement"]["tool.name"] for one in shapes] == ["lookup"] * 2


HOSTILE = [
    "' OR 1=1 --",
    "'; DROP TABLE events; --",
    '" UNION SELECT statement FROM events --',
    "../../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "\x00",
    "\u202e\ufeff",
    "\\",
    "*",
    "%",
    "x" * 10_000,
]
TEXTS = [
    *(
        f"/api/v1/actions?{name}="
        for name in (
            "agent",
            "tool",
            "principal",
            "outcome",
            "type",
            "session",
            "from",
            "to",
            "before",
        )
    ),
    *(f"/api/v1/traces?{name}=" for name in ("from", "to", "before")),
    *(f"/api/v1/tools?{name}=" for name in ("server", "tool", "after")),
    "/api/v1/tools/history?observer=mcp_client&tool=",
    "/api/v1/overview?from=",
    f"/api/v1/traces/{'5e' * 16}?span=",
    *(f"/api/v1/{name}/" for name in ("actions", "traces", "events", "exports", "blobs")),
    "/api/v1/blobs/sha256:",
]


@pytest.mark.parametrize("path", TEXTS)
def test_hostile_texts_find_nothing_and_break_nothing(filled: Service, path: str) -> None:
    for text in HOSTILE:
        answer = filled.ask("GET", path + quote(text, safe=""), headers=filled.authorization)
        assert answer.status in {200, 400, 404}, (text, answer.body)
        if answer.status == 200:
            lists = [one for one in answer.json.values() if isinstance(one, list)]
            assert not any(lists), text


@pytest.mark.parametrize(
    "query",
    [
        "&".join(f"p{n}={n}" for n in range(5_000)),
        "&".join("tool=x" for _ in range(5_000)),
        "from=0000-01-01",
        "from=9999-12-31T23:59:59-23:59",
        "to=9999-12-31",
        "to=0001-01-01T00:00:00%2B23:59",
        "from=-1",
        "limit=-1",
        "limit=9999999999999999999999",
        "limit=1e3",
    ],
    ids=lambda one: one[:30],
)
def test_numbers_years_and_crowds_of_parameters_are_bounded(filled: Service, query: str) -> None:
    for path in ("actions", "traces", "overview", "tools"):
        answer = filled.ask("GET", f"/api/v1/{path}?{query}", headers=filled.authorization)
        assert answer.status in {200, 400, 431}, (path, answer.body)
