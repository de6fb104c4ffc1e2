"""Personal data and secrets in every place that takes text: not one byte of them is kept or printed."""

import base64
import gzip
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zipfile import ZipFile

import duckdb
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.attacks import laden
from tests.attacks.canaries import CANARIES, find, needles, rows_of, spellings_of_bytes, sweep
from tests.attacks.world import (
    SETTLED_WITHIN_S,
    Answer,
    Finished,
    World,
    a_world,
    until,
)
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    requirement("mask.before-writing"),
]

SENTENCES: Final = {one.name: one.sentence for one in CANARIES}
ALL: Final = "; ".join(SENTENCES.values())
NAMES: Final = set(SENTENCES)
WANTED: Final = needles()
PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
NOT_KEPT: Final = (".schema_url", ".trace_state", "_id", ".entity_refs.", ".scope.attributes.")
"""Fields of OTLP spans that are not stored, and ids, which refuse what is no id."""
CUT: Final = ("spans.name", "spans.attributes.value.string_value", "status.message")
"""Fields in which texts are sent that are longer than what is looked at."""


@dataclass(slots=True)
class Flight:
    """What is left after every canary was let loose."""

    world: World
    witness: Path
    sent: list[bytes] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    kept_fields: dict[str, str] = field(default_factory=dict)
    """Trace id of a foreign span -> the field of it that held a canary, where that field is stored."""
    in_spool: dict[str, set[str]] = field(default_factory=dict)
    """What was found in the spool of a process that was killed while the service was away."""
    spool_bytes: int = 0
    in_killed: dict[str, set[str]] = field(default_factory=dict)
    """What was found on disk after the service was killed, its write-ahead log included."""
    killed_files: set[str] = field(default_factory=set)
    package: Path = Path()
    verdicts: list[Finished] = field(default_factory=list)
    rows: bytes = b""

    def send(self, path: str, body: bytes, kind: str, **headers: str) -> Answer:
        """Post a request that holds canaries."""
        self.sent.append(body)
        answer = self.world.request("POST", path, body, Content_Type=kind, **headers)
        self.answers.append(answer)
        return answer

    def ask(self, path: str, key: str | None = "", **headers: str) -> Answer:
        """Get something."""
        answer = self.world.ask(path, key, **headers)
        self.answers.append(answer)
        return answer


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flight]:
    """Let every canary loose, once for all tests of this module."""
    place = tmp_path_factory.mktemp("canaries")
    sentences = place / "sentences.json"
    sentences.write_text(json.dumps(SENTENCES), encoding="utf-8")
    with a_world(place / "world") as world:
        flight = Flight(world, place / "witness")
        world.start()
        fly_through_servers(flight, sentences)
        fly_through_otlp(flight)
        fly_through_questions(flight)
        world.kill()
        flight.in_killed = sweep([world.root], WANTED)
        flight.killed_files = {path.name for path in world.data.rglob("*")}
        die_while_the_service_is_away(flight, sentences)
        world.start()
        world.run("settle.py", SETTLED_WITHIN_S)
        read_everything(flight)
        world.stop()
        policy = world.policy()
        flight.verdicts = [
            world.verify_data(policy),
            world.verify_package(flight.package, policy),
        ]
        flight.rows = rows_of(world.data / "tallystick.duckdb")
        yield flight


def fly_through_servers(flight: Flight, sentences: Path) -> None:
    """Work with MCP servers over stdio and HTTP, and with functions of the agent itself."""
    port = free_port()
    server = flight.world.spawn("aviary.py", sentences, flight.witness, port)
    until(lambda: listens(port), PATIENCE_S, lambda: server)
    flight.world.run("flight.py", sentences, flight.witness, port)
    server.process.terminate()
    server.finish()


def fly_through_otlp(flight: Flight) -> None:
    """Send each text in each field of spans, in both encodings; then logs, metrics and nonsense."""
    for text in (form for canary in CANARIES for form in canary.forms):
        spans = laden.laden_spans(text)
        flight.kept_fields |= {
            one.trace_id: one.path for one in spans if not any(n in one.path for n in NOT_KEPT)
        }
        body = gzip.compress(laden.joined(spans).SerializeToString())
        assert flight.send("/v1/traces", body, PROTOBUF, Content_Encoding="gzip").status == 200
        body = laden.as_json(laden.joined(laden.laden_spans(text)))
        assert flight.send("/v1/traces", body, JSON).status == 200
    for note in SENTENCES.values():
        for shift in range(0, len(note), len(note) // 3):
            text = "x" * shift + f" {note}" * (100_000 // len(note))
            spans = [one for one in laden.laden_spans(text) if one.path.endswith(CUT)]
            body = laden.joined(spans).SerializeToString()
            assert flight.send("/v1/traces", body, PROTOBUF).status == 200
    for kind, path in (
        (ExportTraceServiceRequest, "/v1/traces"),
        (ExportLogsServiceRequest, "/v1/logs"),
        (ExportMetricsServiceRequest, "/v1/metrics"),
    ):
        for body in laden.laden_json(kind.DESCRIPTOR, ALL):
            assert flight.send(path, body, JSON).status in (200, 400)
        for leaf in laden.leaves(kind.DESCRIPTOR):
            body = laden.laden_message(kind, leaf, ALL).SerializeToString()
            assert flight.send(path, body, PROTOBUF).status == 200
        for kind_of_body in (PROTOBUF, JSON, f"text/plain; note={quote(ALL)}"):
            assert flight.send(path, ALL.encode(), kind_of_body).status in (400, 415)
    for body in forged_records():
        assert flight.send("/v1/logs", body, JSON).status == 200


def forged_records() -> Iterator[bytes]:
    """Give records of ours, nearly, with canaries in every part."""
    statement = json.dumps({"v": 1, "type": ALL, ALL: ALL})
    bodies = (ALL, statement, f"{statement}\n{ALL}", json.dumps([ALL]), f'{{"v":"{ALL}"')
    for event_name in ("tallystick.event", "tallystick.seal", ALL):
        for text in bodies:
            record = {"eventName": event_name, "body": {"stringValue": text}}
            yield json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()


def fly_through_questions(flight: Flight) -> None:
    """Put canaries into addresses, headers, cookies and bodies of questions, with a key and without."""
    text = quote(ALL, safe="")
    for name in ("from", "to", "agent", "tool", "principal", "outcome", "type", "session", "limit"):
        flight.ask(f"/api/v1/actions?{name}={quote(SENTENCES['email'])}")
        flight.ask(f"/api/v1/actions?{name}={text}")
    for path in (
        "actions/{}",
        "traces/{}",
        "records?from={}&to={}",
        "log/consistency?old={}&new=1",
    ):
        flight.ask(f"/api/v1/{path.format(text, text)}")
    for path in (f"/{text}", f"/api/v1/{text}", f"/v1/{text}"):
        assert flight.ask(path).status == 404
    for key in (ALL, SENTENCES["jwt"]):
        assert flight.ask("/api/v1/actions", key).status == 401
        assert flight.ask("/v1/traces", key).status in (401, 405)
    flight.ask("/api/v1/actions", None, Cookie=f"tallystick_admin={text}; {text}={text}")
    flight.ask("/healthz", User_Agent=ALL, Tallystick_Checkpoint=ALL, Referer=text)
    for path in ("/api/v1/enroll", "/api/v1/snapshot", "/api/v1/keys", "/admin/claim"):
        for body in (ALL, json.dumps(ALL), json.dumps(dict.fromkeys(QUESTION_KEYS, ALL))):
            assert flight.send(path, body.encode(), JSON).status in range(400, 500)
    flight.world.tallystick("actions", "--principal", SENTENCES["email"], "--tool", ALL)
    flight.world.tallystick("trace", "0123456789abcdef" * 2)
    for line in (f"GET /{ALL} HTTP/1.1", f"{ALL}", f"GET / HTTP/1.1\r\n{ALL}"):
        with socket.create_connection(("127.0.0.1", flight.world.port), 20) as connection:
            connection.sendall(f"{line}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            flight.answers.append(Answer(0, {}, connection.makefile("rb").read()))


QUESTION_KEYS: Final = ("emitter_vkey", "proof", "directory", "token", "name", "scopes")


def die_while_the_service_is_away(flight: Flight, sentences: Path) -> None:
    """Record the same once more, and be killed before anything could be delivered."""
    agent = flight.world.spawn("flight.py", sentences, flight.witness, 0, "away")
    until(
        lambda: agent.out.stat().st_size > 0,
        PATIENCE_S,
        lambda: agent.err.read_text(encoding="utf-8"),
    )
    agent.kill()
    flight.in_spool = sweep([flight.world.spool], WANTED)
    flight.spool_bytes = sum(path.stat().st_size for path in flight.world.spool.glob("*.spool"))


def read_everything(flight: Flight) -> None:
    """Ask the API for all that it tells, the command line too, and export all."""
    listed = flight.ask("/api/v1/actions?limit=1000").json["actions"]
    traces = {one["trace_id"] for one in listed if one["trace_id"]}
    assert traces
    for trace in sorted(traces)[:12]:
        assert flight.ask(f"/api/v1/traces/{trace}").status == 200
    for path in ("records?from=0&to=999999", "sessions", "status", "log/checkpoint"):
        assert flight.ask(f"/api/v1/{path}").status == 200
    assert flight.ask(f"/api/v1/actions/{listed[0]['action_id']}").status == 200
    flight.world.tallystick("actions", "--limit", "1000")
    flight.world.tallystick("actions", "--json")
    flight.world.tallystick("trace", min(traces))
    flight.world.tallystick("doctor")
    flight.package = flight.world.export()


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True


def test_every_canary_was_really_let_loose(flight: Flight) -> None:
    assert find(flight.witness.read_bytes(), WANTED) == NAMES
    assert find(b"\n".join(flight.sent[:2]), WANTED), "gzip is looked into"
    assert {name for body in flight.sent for name in find(body, WANTED)} == NAMES
    assert len(flight.sent) > 500


def test_each_field_of_a_foreign_span_was_masked_and_not_lost(flight: Flight) -> None:
    spans = [json.loads(span) for one in records(flight) for span in one.get("records", [])]
    masked = {one["trace_id"] for one in spans if one["hits"]}
    assert flight.kept_fields, "no field was filled"
    missed = {path for trace, path in flight.kept_fields.items() if trace not in masked}
    assert missed == set()


def test_what_the_agents_did_was_recorded_and_masked(flight: Flight) -> None:
    statements = [json.loads(one["statement"]) for one in records(flight) if "statement" in one]
    native = [one for one in statements if one["origin"] == "native" and "observer" in one]
    observers = {(one["observer"], one["type"]) for one in native if one.get("mask.hits")}
    assert observers >= {
        ("function", "tool.completed"),
        ("mcp_client", "tool.completed"),
        ("mcp_server", "tool.denied"),
        ("mcp_server", "resource.read"),
        ("mcp_client", "prompt.get"),
        ("mcp_server", "tooldef.observed"),
        ("agent", "authz.decision"),
        ("agent", "incident.opened"),
    }
    hits = {name.rpartition(":")[2] for one in native for name in one.get("mask.hits", {})}
    assert hits >= {"email", "phone", "uk_nino", "iban", "card", "secret"}


def test_no_canary_in_the_spool_of_a_process_killed_while_the_service_is_away(
    flight: Flight,
) -> None:
    assert flight.spool_bytes > 50_000, "nothing was recorded"
    assert flight.in_spool == {}


def test_no_canary_on_the_disk_of_a_killed_service(flight: Flight) -> None:
    assert {"tallystick.duckdb", "tallystick.duckdb.wal", "checkpoint"} <= flight.killed_files
    assert flight.in_killed == {}


def test_no_canary_in_any_file_of_home_data_secrets_and_output(flight: Flight) -> None:
    assert len(list(flight.world.output.iterdir())) > 10
    assert sweep([flight.world.root], WANTED) == {}


def test_no_canary_in_any_row_of_the_database(flight: Flight) -> None:
    assert b"lookup" in flight.rows
    assert find(flight.rows, WANTED) == set()


def test_no_canary_in_the_evidence_package(flight: Flight) -> None:
    with ZipFile(flight.package) as package:
        assert "events.ndjson" in package.namelist()
        assert b"lookup" in package.read("spans.ndjson")
    assert find(flight.package.read_bytes(), WANTED) == set()


def test_no_canary_in_any_answer(flight: Flight) -> None:
    answered = [
        (one.status, find(one.body + repr(one.headers).encode(), WANTED)) for one in flight.answers
    ]
    assert [one for one in answered if one[1]] == []


def test_store_and_package_verify_after_all_that(flight: Flight) -> None:
    assert [(one.code, "verdict 0" in one.out) for one in flight.verdicts] == [(0, True)] * 2


def test_no_key_is_printed_stored_or_handed_out(flight: Flight) -> None:
    world = flight.world
    secrets = {**kept_secrets(world), **session_keys(flight)}
    assert {"api_key", "log.key", "service.key", "token.key", "emitter.key", "session_key"} <= set(
        secrets
    )
    wanted = {one: name for name, pieces in secrets.items() for piece in pieces for one in piece}
    for place in (world.data, world.spool, world.output, flight.package):
        assert sweep([place], wanted) == {}, place
    assert find(flight.rows, wanted) == set()
    assert sweep([world.home / "credentials.json"], wanted) != {}, (
        "it is known what a key looks like"
    )
    for one in flight.answers:
        assert find(one.body, wanted) <= {"token.key"}


def kept_secrets(world: World) -> dict[str, list[list[bytes]]]:
    """Give each secret that stands in a file, in every spelling."""
    texts = {
        "api_key": [world.api_key()],
        "emitter.key": key_lines(world.home / "emitter.key"),
        **{path.name: key_lines(path) for path in world.secrets.glob("*.key")},
    }
    return {name: [spelled(one) for one in lines] for name, lines in texts.items()}


def key_lines(path: Path) -> list[str]:
    """Give the lines of a key file that are secret."""
    return [line for line in path.read_text(encoding="ascii").split() if len(line) > 40]


def spelled(text: str) -> list[bytes]:
    return [*spellings_of_bytes(text.encode()), text[-40:].encode()]


def session_keys(flight: Flight) -> dict[str, list[list[bytes]]]:
    lines = [json.loads(line) for line in flight.witness.read_text(encoding="utf-8").splitlines()]
    keys = [bytes.fromhex(one["session_key"]) for one in lines if "session_key" in one]
    return {"session_key": [list(spellings_of_bytes(key)) for key in keys]}


def records(flight: Flight) -> list[dict[str, str]]:
    """Give the records as they were exported."""
    with ZipFile(flight.package) as package:
        names = ("events.ndjson", "spans.ndjson")
        return [json.loads(line) for name in names for line in package.read(name).splitlines()]


def in_a_file(place: Path, text: bytes) -> dict[str, set[str]]:
    (place / "below").mkdir()
    (place / "below" / "file").write_bytes(b"\0" * 1000 + text + b"\0")
    return sweep([place], WANTED)


def in_a_zip(place: Path, text: bytes) -> dict[str, set[str]]:
    with ZipFile(place / "package.zip", "w", compression=8) as package:
        package.writestr("events.ndjson", text * 2)
    return sweep([place], WANTED)


def in_gzip(place: Path, text: bytes) -> dict[str, set[str]]:
    (place / "body").write_bytes(gzip.compress(text))
    return sweep([place], WANTED)


def in_a_database(place: Path, text: bytes) -> dict[str, set[str]]:
    with duckdb.connect(str(place / "a.duckdb")) as connection:
        connection.execute("CREATE TABLE kept (text VARCHAR, bytes BLOB)")
        connection.execute("INSERT INTO kept VALUES (?, ?)", [text.decode(), text])
    return {"rows": find(rows_of(place / "a.duckdb"), WANTED)}


@pytest.mark.parametrize("planted", [in_a_file, in_a_zip, in_gzip, in_a_database])
@pytest.mark.parametrize("spelling", range(6))
def test_the_sweep_finds_each_planted_canary(
    tmp_path: Path, planted: Callable[[Path, bytes], dict[str, set[str]]], spelling: int
) -> None:
    spell = list(spellings_of_text())[spelling]
    for canary in CANARIES:
        place = tmp_path / canary.name
        place.mkdir()
        found = planted(place, spell(canary.sentence))
        assert {name for names in found.values() for name in names} == {canary.name}
        shutil.rmtree(place)


def spellings_of_text() -> Iterator[Callable[[str], bytes]]:
    yield lambda text: text.encode()
    yield lambda text: text.upper().encode()
    yield lambda text: quote(text, safe="").encode()
    for skipped in (b"", b"x", b"xx"):
        yield partial(in_base64_after, skipped)


def in_base64_after(skipped: bytes, text: str) -> bytes:
    return base64.b64encode(skipped + text.encode())
