"""Lists of the query API: the same in JSON and in Arrow, page by page, and never shorter without saying so."""

import io
import json
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
import pytest

from tallystick_store.rows import EventRow, SealRow
from tests.requirements import requirement
from tests.sending import JSON, items, logs_protobuf, span_json
from tests.serving import REVEALING, Answer, Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

ARROW = "application/vnd.apache.arrow.stream"
TRACE = "6f" * 16
CALLS = 7


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    """Fill the service with two sessions, their traces, a definition and a foreign span."""
    for name, trace_id in (("one", TRACE), ("two", "7f" * 16)):
        emitter = Emitter(f"lists {name}")
        rows: list[EventRow | SealRow] = [emitter.opened(), emitter.seal()]
        rows += [
            emitter.call(n, trace__id=trace_id, span__id=f"{n + 1:016x}", server__name="desk")
            for n in range(CALLS)
        ]
        definition = {"tool__name": "lookup", "server__name": "desk", "observer": "mcp_client"}
        record = emitter.record(
            "tooldef.observed",
            {"tool.definition": '{"name":"lookup"}'},
            tool__definition_digest="ab" * 32,
            **definition,
        )
        rows += [*passed_on(emitter, trace_id), EventRow(record), emitter.seal()]
        assert service.send(logs_protobuf(items(rows))).status == 200
    span = span_json({"gen_ai.operation.name": "chat"}, traceId=TRACE)
    assert service.send(span, "/v1/traces", JSON).status == 200
    return service


def passed_on(emitter: Emitter, trace_id: str) -> list[EventRow]:
    """A call of a server that passes its credential on, one of another client with it, and the call that it came to."""
    found = []
    for number, said in enumerate(
        (
            {"observer": "mcp_server", "server__name": "front", "client__name": "desk"},
            {"observer": "mcp_server", "server__name": "front", "client__name": "shop"},
            {"observer": "mcp_client", "server__name": "back", "action__parent_id": f"{1000:032x}"},
        )
    ):
        own = {"action__id": f"{1000 + number:032x}", "trace__id": trace_id, **said}
        shown = {"credential__ref": "c4" * 16, "credential__kind": "jwt", "outcome": "success"}
        found.append(EventRow(emitter.record("tool.completed", {}, **own, **shown)))
    return found


def ask(service: Service, path: str, accept: str = ARROW) -> Answer:
    headers = {**service.authorization, **REVEALING, "Accept": accept}
    answer = service.ask("GET", path, headers=headers)
    assert answer.status == 200, answer.body
    return answer


def frame(answer: Answer) -> pa.Table:
    assert answer.headers["content-type"] == ARROW
    return pa.ipc.open_stream(io.BytesIO(answer.body)).read_all()


def plain(value: Any) -> Any:
    """Read what stands in a column of JSON text, as the JSON answer has it."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        return json.loads(value)
    return value


def read(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the service's own session, which grows with each question."""
    others = [row for row in rows if row.get("service") != "tallystick"]
    return [{key: plain(one) for key, one in row.items()} for row in others]


LISTS = [
    (f"/api/v1/actions/{0:032x}", "events"),
    ("/api/v1/sessions", "sessions"),
    ("/api/v1/traces", "traces"),
    (f"/api/v1/traces/{TRACE}", "events"),
    (f"/api/v1/traces/{TRACE}", "spans"),
    (f"/api/v1/traces/{TRACE}", "calls"),
    ("/api/v1/tools", "tools"),
    ("/api/v1/tools/history?observer=mcp_client&tool=lookup&server=desk", "versions"),
    ("/api/v1/credentials", "passed_on"),
    ("/api/v1/credentials", "shared"),
    ("/api/v1/overview?from=2026-12-01&to=2027-01-01", "hours"),
    ("/api/v1/overview?from=2026-12-01&to=2027-01-01", "tools"),
    ("/api/v1/overview?from=2026-12-01&to=2027-01-01", "agents"),
    ("/api/v1/statistics/tools?from=2026-12-01&to=2027-01-01", "tools"),
    ("/api/v1/statistics/tools?from=2026-12-01&to=2027-01-01&by=hour", "tools"),
    ("/api/v1/statistics/who?from=2026-12-01&to=2027-01-01", "uses"),
    ("/api/v1/tools/new?from=2026-12-01&to=2027-01-01", "tools"),
    ("/api/v1/integrity", "sessions"),
]


@requirement("api.arrow")
@pytest.mark.parametrize(("path", "name"), LISTS)
def test_each_list_is_the_same_in_json_and_in_arrow(filled: Service, path: str, name: str) -> None:
    told = filled.get(path)
    chosen = "rows" if len([one for one in told.values() if isinstance(one, list)]) > 1 else ""
    joint = "&" if "?" in path else "?"
    answer = ask(filled, f"{path}{joint}rows={name}" if chosen else path)
    table = frame(answer)
    assert read(told[name]), "what is empty shows nothing"
    assert read(table.to_pylist()) == read(told[name])
    assert answer.headers["tallystick-incomplete"] == str(told["incomplete"]).lower()
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata["tallystick-incomplete"] == answer.headers["tallystick-incomplete"]
    assert int(metadata["tallystick-as-of"]) >= told["as_of"]["log_size"]


@pytest.mark.parametrize(
    ("accept", "is_arrow"),
    [
        ("*/*", False),
        ("application/json", False),
        (f"application/json, {ARROW}", True),
        (f"application/json, {ARROW};q=0.5", False),
        (f"application/json;q=0.4, {ARROW};q=0.5", True),
        (f"{ARROW};q=0", False),
        (f"{ARROW.upper()}; q=nonsense", False),
        ("text/html", False),
    ],
)
def test_the_form_is_the_one_that_is_preferred(
    filled: Service, accept: str, *, is_arrow: bool
) -> None:
    answer = ask(filled, "/api/v1/sessions", accept)
    assert answer.headers["content-type"] == (ARROW if is_arrow else "application/json")


@requirement("api.cursor", "api.whole-or-said")
@pytest.mark.parametrize(("list_", "rows"), [("actions", CALLS * 2), ("traces", 2)])
def test_pages_hold_every_row_once_while_records_arrive(
    filled: Service, list_: str, rows: int
) -> None:
    seen: list[str] = []
    query: dict[str, object] = {"limit": 1 if list_ == "traces" else 3, "to": "2027-01-01"}
    late = Emitter(f"late {list_}")
    filled.send(logs_protobuf(items([late.opened(), late.seal()])))
    while True:
        page = filled.get(f"/api/v1/{list_}?{urlencode(query)}")
        seen += [json.dumps(one, sort_keys=True) for one in page[list_]]
        assert page["incomplete"] == (page["before"] is not None)
        if page["before"] is None:
            break
        query["before"] = page["before"]
        filled.send(logs_protobuf(items([late.call(len(seen))])))
    assert len(seen) == len(set(seen)) >= rows


@pytest.mark.parametrize("cursor", ["x", "bnVsbA==", "WzFd", "W1tbW1tbW1tb", "-", "a" * 16_384])
@pytest.mark.parametrize("list_", ["actions?before=", "traces?before=", "tools?after="])
def test_a_cursor_that_no_list_gave_is_refused(filled: Service, list_: str, cursor: str) -> None:
    answer = filled.ask("GET", f"/api/v1/{list_}{cursor}", headers=filled.authorization)
    assert answer.status == 400
    assert "ask for the first page, without a cursor" in answer.json["error"]


def test_a_cursor_of_another_question_is_refused(filled: Service) -> None:
    cursor = filled.get("/api/v1/actions?limit=1&tool=lookup")["before"]
    assert filled.get(f"/api/v1/actions?limit=2&tool=lookup&before={cursor}")["actions"]
    for other in ("actions?tool=other", "actions?limit=1", "traces?limit=1"):
        joint = f"/api/v1/{other}&before={cursor}"
        assert filled.ask("GET", joint, headers=filled.authorization).status == 400, other


@requirement("api.whole-or-said")
def test_records_that_are_cut_say_so(filled: Service) -> None:
    answer = filled.ask("GET", "/api/v1/records?from=0&to=5", headers=filled.authorization)
    assert answer.headers["tallystick-incomplete"] == "false"
    assert int(answer.headers["tallystick-as-of"]) >= CALLS
    assert len(answer.body.splitlines()) == 5
