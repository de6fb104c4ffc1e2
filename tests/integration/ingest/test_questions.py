"""What the dashboard asks a real service, with rows changed in between, and with parameters that are none."""

import io
import json
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pyarrow as pa
import pytest

from tallystick.tlog.checkpoint import read_checkpoint
from tallystick.tlog.encoding import from_base64
from tallystick.tlog.entry import parse_entry
from tallystick.tlog.proofs import verify_inclusion
from tallystick.tlog.tree import leaf_hash
from tallystick_store.rows import EventRow, SealRow
from tests.patience import until
from tests.requirements import requirement
from tests.sending import JSON, items, logs_protobuf, pairs, span_json, spans_json
from tests.serving import REASON, REVEALING, Answer, Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

TRACE = "5e" * 16
ARROW = "application/vnd.apache.arrow.stream"


def send_trace(service: Service, name: str, calls: int = 4, trace_id: str = TRACE) -> Emitter:
    """Send a sealed session whose calls stand in one trace."""
    emitter = Emitter(name)
    rows: list[EventRow | SealRow] = [emitter.opened(), emitter.seal()]
    rows += [
        emitter.call(
            n,
            trace__id=trace_id,
            span__id=f"{n + 1:016x}",
            span__start_us=1_000 * n,
            span__end_us=1_000 * n + 250,
            agent__name="planner",
            server__name="desk",
            principal__basis="authenticated",
        )
        for n in range(calls)
    ]
    assert service.send(logs_protobuf(items([*rows, emitter.seal()]))).status == 200
    return emitter


def ask(service: Service, path: str, **headers: str) -> Answer:
    return service.ask("GET", path, headers={**service.authorization, **REVEALING, **headers})


def frame(answer: Answer) -> pa.Table:
    assert answer.headers["content-type"] == ARROW
    return pa.ipc.open_stream(io.BytesIO(answer.body)).read_all()


def test_actions_as_arrow_are_the_actions_of_the_json_page_by_page(service: Service) -> None:
    emitter = send_trace(service, "arrow", calls=7)
    path = f"/api/v1/actions?session={emitter.session}"
    told = service.get(path)["actions"]
    rows: list[dict[str, Any]] = []
    before = ""
    while True:
        answer = ask(service, f"{path}&limit=3{before}", Accept=ARROW)
        rows += frame(answer).to_pylist()
        if "tallystick-cursor" not in answer.headers:
            break
        before = f"&before={answer.headers['tallystick-cursor']}"
    assert [one["log_index"] for one in rows] == [one["log_index"] for one in told]
    assert {
        name: rows[0][name] for name in ("tool", "agent", "server", "principal", "outcome")
    } == {
        "tool": "lookup",
        "agent": "planner",
        "server": "desk",
        "principal": "person-6",
        "outcome": "success",
    }
    assert [one["duration_us"] for one in rows] == [250] * 7
    assert [one["masked"] for one in rows] == [6, 5, 4, 3, 2, 1, 0]
    assert {(one["sealing"], one["origin"], one["faults"]) for one in rows} == {
        ("sealed", "native", 0)
    }


def test_actions_as_arrow_keep_their_columns_when_there_are_none(service: Service) -> None:
    found = frame(ask(service, "/api/v1/actions?tool=nothing", Accept=ARROW))
    assert found.num_rows == 0
    assert found.schema.field("duration_us").type == pa.int64()


def proofs(service: Service, **body: object) -> Answer:
    headers = {**service.authorization, "Content-Type": JSON}
    path = "/api/v1/log/inclusion"
    return service.ask("POST", path, json.dumps(body).encode(), headers)


@requirement("log.proofs-at-once")
def test_entries_are_proven_at_once_in_the_order_in_which_they_are_named(service: Service) -> None:
    send_trace(service, "at once", calls=600)
    size = service.get("/api/v1/status")["log"]["size"]
    until(lambda: service.get("/api/v1/status")["log"]["signed_size"] >= size)
    indexes = [size - 1, 0, 257, 0, *range(size - 1, size - 500, -1)]
    answer = proofs(service, indexes=indexes)
    assert answer.status == 200, answer.body
    found = answer.json
    checkpoint = read_checkpoint(found["checkpoint"])
    assert found["size"] == checkpoint.size >= size
    assert [one["index"] for one in found["proofs"]] == indexes
    entries = [one["entry"].encode() for one in service.records()]
    for one in found["proofs"]:
        proof = [from_base64(text, "hash") for text in one["proof"]]
        leaf = leaf_hash(entries[one["index"]])
        verify_inclusion(leaf, one["index"], checkpoint.size, proof, checkpoint.root)
    single = service.get(f"/api/v1/log/inclusion?index=257&size={found['size']}")
    assert found["proofs"][2]["proof"] == single["proof"]
    older = proofs(service, indexes=[0, 1], size=2).json
    assert (older["checkpoint"], older["size"], len(older["proofs"][1]["proof"])) == (None, 2, 1)
    stated = service.statements("access.read")
    read = [one for one in stated if one["access.target"] == "proofs"]
    assert [one["access.rows"] for one in read] == [len(indexes), 2]


@requirement("log.proofs-at-once")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"indexes": []},
        {"indexes": [0] * 1_001},
        {"indexes": [-1]},
        {"indexes": ["0"], "size": "many"},
        {"indexes": [2**62]},
        {"indexes": [0], "size": 2**62},
        {"indexes": [3], "size": 3},
    ],
)
def test_proofs_that_cannot_be_are_refused_and_prove_nothing(
    service: Service, body: dict[str, object]
) -> None:
    answer = proofs(service, **body)
    assert answer.status == 400, answer.body
    assert answer.json.keys() == {"error"}


def test_an_event_can_be_checked_by_whoever_reads_it(service: Service) -> None:
    emitter = send_trace(service, "proven")
    [*actions] = service.get(f"/api/v1/actions?session={emitter.session}")["actions"]
    log_index = actions[0]["log_index"]
    until(lambda: service.get("/api/v1/status")["log"]["signed_size"] > log_index)
    found = service.get(f"/api/v1/events/{log_index}")
    entry = from_base64(found["entry"], "entry")
    assert parse_entry(entry).content_hash == leaf_hash(found["line"].encode())
    checkpoint = read_checkpoint(found["checkpoint"])
    proof = [from_base64(one, "hash") for one in found["inclusion"]["proof"]]
    assert found["inclusion"]["size"] == checkpoint.size
    verify_inclusion(leaf_hash(entry), log_index, checkpoint.size, proof, checkpoint.root)
    assert (found["sealing"], found["origin"], found["faults"]) == ("sealed", "native", [])
    assert service.get(f"/api/v1/events/{found['seal']['log_index'] - 1}")["seal"] == found["seal"]
    assert json.loads(found["session_open"])["session"] == emitter.session


def test_a_trace_without_payload_keeps_what_says_what_it_is(service: Service) -> None:
    trace_id = "7e" * 16
    told = {"gen_ai.operation.name": "chat", "some.note": "x" * 50, "db.system": "d" * 500}
    service.send(span_json(told, traceId=trace_id), "/v1/traces", JSON)
    send_trace(service, "bare", trace_id=trace_id)
    whole = service.get(f"/api/v1/traces/{trace_id}")
    bare = service.get(f"/api/v1/traces/{trace_id}?payload=none")
    assert whole["calls"] == bare["calls"]
    assert [one["disclosures"] for one in bare["events"]] == [{}] * len(bare["events"])
    assert "params" in whole["events"][0]["disclosures"]
    assert whole["spans"][0]["attributes"]["some.note"] == "x" * 50
    assert bare["spans"][0]["attributes"] == {
        "db.system": "d" * 256,
        "gen_ai.operation.name": "chat",
    }
    one = service.get(f"/api/v1/traces/{trace_id}?span={2:016x}")
    assert [event["span_id"] for event in one["events"]] == [f"{2:016x}"]
    two = service.get(f"/api/v1/traces/{trace_id}?span={3:016x}&span={2:016x}")
    assert [event["span_id"] for event in two["events"]] == [f"{2:016x}", f"{3:016x}"]
    assert (one["spans"], one["calls"]) == ([], [])
    absent = service.get(f"/api/v1/traces/{trace_id}?span={77:016x}&span={2:016x}")
    assert [event["span_id"] for event in absent["events"]] == [f"{2:016x}"]
    assert service.get(f"/api/v1/traces/{trace_id}?span={77:016x}")["events"] == []


@requirement("use.periods")
def test_the_list_of_traces_names_the_trace_of_each_action(service: Service) -> None:
    trace_id = "8e" * 16
    send_trace(service, "listed", calls=3, trace_id=trace_id)
    [mine] = [one for one in service.get("/api/v1/traces")["traces"] if one["trace_id"] == trace_id]
    assert (mine["agent"], mine["principal"], mine["actions"]) == ("planner", "person-0", 3)
    first = service.get("/api/v1/traces?limit=1")
    assert first["before"] is not None
    assert (
        service.get(f"/api/v1/traces?limit=1&before={first['before']}")["traces"]
        != (first["traces"])
    )


CHANGES = {
    "a statement": "statement = replace(statement, 'lookup', 'delete')",
    "a statement that nobody can read": "statement = '{'",
    "a plain column": "tool_name = 'other'",
    "a leaf hash": "leaf_hash = unhex('0000')",
    "a disclosure": "disclosures = replace(disclosures, 'person-2', 'person-7')",
    "everything to NULL": "statement = NULL, sender = NULL, rx_us = NULL, disclosures = NULL",
}


@requirement("dashboard.corrupt-row", "otlp.never-500")
@pytest.mark.parametrize("assignment", CHANGES.values(), ids=CHANGES.keys())
def test_a_row_that_was_changed_shows_its_faults_and_breaks_nothing_else(
    make_service: Callable[..., Service], assignment: str
) -> None:
    service = make_service().start()
    service.enrol()
    send_trace(service, "changed")
    [*before] = service.get("/api/v1/actions")["actions"]
    target = before[1]["log_index"]
    assert service.stop() == 0
    with duckdb.connect(str(service.data / "tallystick.duckdb")) as connection:
        change = f"UPDATE events SET {assignment} WHERE log_index = {target}"  # noqa: S608 - the attack
        connection.execute(change).fetchall()
    service.start()
    after = service.get("/api/v1/actions")["actions"]
    trace = service.get(f"/api/v1/traces/{TRACE}")
    event = service.get(f"/api/v1/events/{target}")
    for shown in (after, trace["events"]):
        assert {one["log_index"] for one in shown if one["faults"]} == {target}
    assert {one["log_index"]: one["statement"] for one in after if one["log_index"] != target} == {
        one["log_index"]: one["statement"] for one in before if one["log_index"] != target
    }
    assert len(trace["calls"]) >= 3
    assert event["faults"]
    assert parse_entry(from_base64(event["entry"], "entry")).kind == "event"
    counts = frame(ask(service, "/api/v1/actions", Accept=ARROW)).to_pylist()
    assert [one["log_index"] for one in counts if one["faults"]] == [target]
    for path in READS:
        assert ask(service, path).status == 200, path
    told = service.tallystick("actions", "--reason", REASON)
    assert (told.returncode, told.stdout.count("CHANGED")) == (0, 1)
    assert "CHANGED" in service.tallystick("trace", TRACE, "--reason", REASON).stdout
    send_trace(service, "after it", trace_id="9e" * 16)
    assert service.stop() == 0


READS = [
    "/api/v1/status",
    "/api/v1/sessions",
    "/api/v1/traces",
    f"/api/v1/traces/{TRACE}?payload=none",
    "/api/v1/records?from=0&to=1000",
    "/api/v1/actions?sealing=sealed",
    "/api/v1/actions?sealing=unsealed",
]

GARBAGE = [
    "",
    "x",
    "-1",
    "1e9",
    "9" * 40,
    "\x00",
    "\ud83d\ude00",
    "' OR 1=1 --",
    "a" * 5_000,
    "%ff%fe",
    "../../etc/passwd",
]
PATHS = [
    "/api/v1/actions?sealing={}",
    "/api/v1/actions?limit={}",
    "/api/v1/actions?before={}",
    "/api/v1/actions?from={}",
    "/api/v1/actions?agent={}",
    "/api/v1/events/{}",
    "/api/v1/traces?limit={}",
    "/api/v1/traces?before={}",
    "/api/v1/traces?to={}",
    "/api/v1/traces/{}",
    "/api/v1/traces/x?payload={}",
    "/api/v1/traces/x?span={}",
]


@requirement("otlp.never-500")
@pytest.mark.parametrize("path", PATHS)
def test_a_parameter_that_makes_no_sense_is_a_clear_error_or_an_empty_answer(
    service: Service, path: str
) -> None:
    for text in GARBAGE:
        written = text if "%" in text else quote(text, safe="", errors="surrogatepass")
        answer = ask(service, path.format(written))
        assert answer.status in (200, 400, 404), (text[:40], answer.body)
        assert answer.status == 200 or answer.json["error"]
    assert "answered with 503" not in service.output


def large_trace(trace_id: str, start: int, count: int) -> bytes:
    """Print spans, each below one of those before it, some in a circle and some below nobody."""
    return spans_json(
        [
            {
                "traceId": trace_id,
                "spanId": f"{n + 1:016x}",
                "parentSpanId": f"{(n + 2 if n % 97 == 0 else n // 2) or 0xDEAD:016x}",
                "name": f"execute_tool t{n % 9}",
                "kind": 1,
                "startTimeUnixNano": str(1796213472000000000 + n),
                "endTimeUnixNano": str(1796213472000000000 + 2 * n + 9),
                "attributes": pairs(
                    {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": f"t{n % 9}"}
                ),
            }
            for n in range(start, start + count)
        ]
    )


@requirement("dashboard.any-parents")
def test_a_trace_of_ten_thousand_spans_is_answered_in_seconds(
    service: Service, tmp_path: Path
) -> None:
    trace_id = "ce" * 16
    for start in range(0, 10_000, 2_000):
        body = large_trace(trace_id, start, 2_000)
        assert service.send(body, "/v1/traces", JSON).status == 200
    before_s = cpu_s(service.pid)
    found = service.get(f"/api/v1/traces/{trace_id}?payload=none")
    seconds = cpu_s(service.pid) - before_s
    assert (len(found["spans"]), len(found["calls"]), found["incomplete"]) == (
        10_000,
        10_000,
        False,
    )
    assert seconds < 20, seconds


def cpu_s(pid: int) -> float:
    """Give the processor's time that a process has used: it is the same on a busy machine."""
    told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def accesses(service: Service, target: str, known: Collection[str] = ()) -> list[str]:
    """Give the digest of the query of each access on record, but of those that are `known`.

    Repetitions of what was asked before are recorded once a minute: when, no test can say.
    """
    stated = [one for one in service.statements() if one["type"].startswith("access.")]
    digests = [
        one.get("access.query_digest", "") for one in stated if one["access.target"] == target
    ]
    return [one for one in digests if one not in known]


@requirement("access.recorded")
def test_events_and_lists_of_traces_are_recorded_when_they_are_read(service: Service) -> None:
    known = {target: accesses(service, target) for target in ("event", "traces")}
    for _ in range(3):
        service.get("/api/v1/events/0")
        service.get("/api/v1/traces?from=3d")
    assert [len(accesses(service, target, before)) for target, before in known.items()] == [1, 1]


def test_a_session_whose_opening_was_changed_waits_and_the_others_go_on(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    service.enrol()
    emitter = send_trace(service, "opened")
    service.stop()
    with duckdb.connect(str(service.data / "tallystick.duckdb")) as connection:
        connection.execute(
            "UPDATE events SET statement = '{' WHERE type = 'session.open' AND session = ?",
            [emitter.session],
        ).fetchall()
    service.start()
    answer = service.send(logs_protobuf(items([emitter.call(), emitter.seal()])))
    assert (answer.status, b"is not what was admitted" in answer.body) == (503, True)
    send_trace(service, "another")
    assert service.faults == []
    assert "answered with 503" not in service.output


def test_the_command_line_tells_actions_apart_by_their_seals(service: Service) -> None:
    emitter = send_trace(service, "told apart", calls=2, trace_id="4e" * 16)
    sealed = service.tallystick("actions", "--sealing", "sealed", "--session", emitter.session)
    assert sealed.stdout.count(" sealed ") == 2
    none = service.tallystick("actions", "--sealing", "unsealed", "--session", emitter.session)
    assert "No action is recorded" in none.stdout
    assert service.tallystick("actions", "--sealing", "sign").returncode == 2
