"""What bad input gets: a clear error or a counted refusal, on record, and nothing else is lost."""

import gzip
import json
from collections.abc import Callable

import pytest
from google.rpc.error_details_pb2 import BadRequest  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from tallystick.event import EVENT_NAME, SEAL_NAME
from tallystick.profile import encode
from tallystick_ingest.otlp.signals import LogItem
from tallystick_store.rows import EventRow, SealRow
from tests.keys import key_pair
from tests.requirements import requirement
from tests.sending import (
    JSON,
    PROTOBUF,
    batch,
    item,
    items,
    logs_json,
    logs_protobuf,
    partial,
    span_json,
    zipped,
)
from tests.serving import Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

LIMIT = 64 * 1024 * 1024


def _float(call: EventRow) -> LogItem:
    body = call.record.body.replace('"seq":1,', '"seq":1.0,')
    return LogItem(EVENT_NAME, body)


def _duplicate_key(call: EventRow) -> LogItem:
    body = call.record.body.replace('"seq":1,', '"seq":1,"seq":1,')
    return LogItem(EVENT_NAME, body)


def _other_disclosure(call: EventRow) -> LogItem:
    return LogItem(EVENT_NAME, call.record.body.replace("person-0", "person-9"))


def _unknown_session(_: EventRow) -> LogItem:
    stranger = Emitter("a stranger")
    stranger.seq = 1
    return item(stranger.call())


def _forged_seal(_: EventRow) -> LogItem:
    return LogItem(SEAL_NAME, "tallystick.seal/v1\nold 0\nleaves AAAA\n\nnot a note")


SPOILED: dict[str, tuple[str, Callable[[EventRow], LogItem]]] = {
    "a float": ("statement_invalid", _float),
    "a key that stands twice": ("statement_invalid", _duplicate_key),
    "a body that is no string": ("body_not_string", lambda _: LogItem(EVENT_NAME, None)),
    "a disclosure that does not match": ("disclosure_mismatch", _other_disclosure),
    "an unknown session": ("unknown_session", _unknown_session),
    "a seal that is none": ("seal_invalid", _forged_seal),
    "a log of somebody else": ("not_a_tallystick_record", lambda _: LogItem("app", "hello")),
    "a large statement": ("too_large", lambda _: LogItem(EVENT_NAME, "x" * 70_000)),
}


@requirement("otlp.partial-success", "admit.forged-refused")
@pytest.mark.parametrize("form", ["protobuf", "json"])
@pytest.mark.parametrize("name", SPOILED)
def test_a_bad_record_is_counted_and_recorded_and_the_others_are_kept(
    service: Service, name: str, form: str
) -> None:
    reason, spoil = SPOILED[name]
    emitter = Emitter(f"{name} {form}")
    sent = items([emitter.opened(), emitter.seal()])
    bad, good = spoil(emitter.call()), item(emitter.call(1))
    body = [*sent, bad, good]
    before = len(service.rejected())
    if form == "json":
        answer = service.send(logs_json(body), media_type=JSON)
        said = answer.json["partialSuccess"]
        refused, text = int(said["rejectedLogRecords"]), said["errorMessage"]
    else:
        answer = service.send(zipped(logs_protobuf(body)), Content_Encoding="gzip")
        refused, text = partial(answer.body)
    assert answer.status == 200
    assert answer.headers["content-type"] == (JSON if form == "json" else PROTOBUF)
    assert refused == 1
    assert text.startswith(f"1 refused: {reason} x1 (first: ")
    assert service.rejected()[before:] == [{reason: 1}]
    kept = [one for one in service.statements() if one["session"] == emitter.session]
    assert [one["seq"] for one in kept] == [0, 2]


@requirement("admit.forged-refused")
def test_an_unknown_identity_key_opens_no_session_and_the_next_session_is_kept(
    service: Service,
) -> None:
    stranger, known = Emitter("unknown key"), Emitter("known key")
    statement = {**stranger.opened().record.statement, "emitter.name": "agents.example/nobody"}
    sent = [LogItem(EVENT_NAME, encode(statement).decode()), item(stranger.seal())]
    before = len(service.rejected())
    answer = service.send(logs_protobuf([*sent, *batch(known)]))
    assert partial(answer.body)[0] == 2
    assert service.rejected()[before:] == [{"unknown_key": 1, "unknown_session": 1}]
    sessions = {one["session"] for one in service.statements()}
    assert known.session in sessions
    assert stranger.session not in sessions


@requirement("admit.forged-refused")
def test_a_seal_with_a_wrong_root_or_a_forged_signature_is_refused(service: Service) -> None:
    emitter = Emitter("forged seals")
    rows: list[EventRow | SealRow] = [emitter.opened(), emitter.seal(), emitter.call()]
    seal = emitter.seal().body
    lines = seal.split("\n")
    note = lines.index("") + 1
    wrong_root = "\n".join([*lines[: note + 2], "A" * 43 + "=", *lines[note + 3 :]])
    cut = lines[-2].rpartition(" ")[2]
    forged = seal.replace(cut, cut[:-8] + "AAAAAAA=")
    before = len(service.rejected())
    body = logs_protobuf([*items(rows), LogItem(SEAL_NAME, wrong_root), LogItem(SEAL_NAME, forged)])
    answer = service.send(body)
    assert partial(answer.body)[0] == 2
    assert service.rejected()[before:] == [{"seal_invalid": 1, "seal_signature": 1}]
    assert partial(service.send(logs_protobuf([LogItem(SEAL_NAME, seal)])).body) == (0, "")


@requirement("admit.duplicate-and-conflict")
def test_other_bytes_under_a_used_number_are_kept_and_counted(service: Service) -> None:
    emitter, twin = Emitter("rivals"), Emitter("rivals")
    service.send(logs_protobuf(batch(emitter, 1)))
    twin.opened()
    twin.seal()
    rival = twin.record("tool.completed", tool__name="forged")
    before = service.get("/api/v1/status")["since_start"]["conflicts"]
    answer = service.send(logs_protobuf([LogItem(EVENT_NAME, rival.body)]))
    assert (answer.status, answer.body) == (200, b"")
    assert service.get("/api/v1/status")["since_start"]["conflicts"] == before + 1
    kept = [one for one in service.statements() if one["session"] == emitter.session]
    assert [one["seq"] for one in kept] == [0, 1, 1]


def status_message(media_type: str, body: bytes) -> str:
    if media_type == PROTOBUF:
        return str(Status.FromString(body).message)
    return str(json.loads(body)["message"])


def details(media_type: str, body: bytes) -> list[tuple[str, object]]:
    """Return kind and content of the details of a google.rpc.Status."""
    if media_type == JSON:
        return [
            (one["@type"].rpartition(".")[2], one["fieldViolations"])
            for one in json.loads(body)["details"]
        ]
    found = []
    for packed in Status.FromString(body).details:
        detail = BadRequest()
        assert packed.Unpack(detail)
        found.append(("BadRequest", detail.field_violations[0].description))
    return found


@requirement("otlp.never-500", "otlp.content-type-answered")
@pytest.mark.parametrize("path", ["/v1/logs", "/v1/traces", "/v1/metrics"])
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"\xff\xfe garbage \x00", ""),
        (b"not gzip at all", "gzip"),
        (gzip.compress(b"\xff garbage", mtime=0), "gzip"),
        (gzip.compress(b"x" * 1000, mtime=0)[:-6], "gzip"),
        (b"zz", "deflate"),
    ],
)
def test_garbage_gets_a_400_in_its_own_type_and_a_record(
    service: Service, path: str, media_type: str, body: bytes, encoding: str
) -> None:
    before = len(service.rejected())
    headers = {"Content_Encoding": encoding} if encoding else {}
    answer = service.send(body, path, media_type, **headers)
    assert answer.status == 400
    assert answer.headers["content-type"] == media_type
    said = status_message(media_type, answer.body)
    assert said
    assert details(media_type, answer.body) == [
        ("BadRequest", said if media_type == PROTOBUF else [{"field": "body", "description": said}])
    ]
    assert service.rejected()[before:] == [{"undecodable": 1}]


@requirement("otlp.never-500")
@pytest.mark.parametrize(
    ("media_type", "encoding"),
    [("text/plain", ""), ("application/octet-stream", ""), (JSON, "br"), (PROTOBUF, "lz4")],
)
def test_unknown_types_and_encodings_get_a_415_that_says_what_is_spoken(
    service: Service, media_type: str, encoding: str
) -> None:
    headers = {"Content_Encoding": encoding} if encoding else {}
    answer = service.send(b"x", media_type=media_type, **headers)
    assert answer.status == 415
    assert "gzip" in answer.headers["accept-encoding"]
    assert "expected" in status_message(answer.headers["content-type"], answer.body)
    assert service.rejected()[-1] == {"unsupported_media_type": 1}


@requirement("otlp.never-500")
def test_a_body_without_a_type_is_a_415(service: Service) -> None:
    assert service.ask("POST", "/v1/logs", b"x", service.authorization).status == 415


@requirement("otlp.never-500")
@pytest.mark.slow
@pytest.mark.parametrize("form", ["plain", "inflated", "chunked"])
def test_a_body_over_the_limit_is_a_413_also_while_inflating(service: Service, form: str) -> None:
    before = len(service.rejected())
    if form == "inflated":
        bomb = gzip.compress(b"\0" * (LIMIT + 1), 1)
        assert len(bomb) < 1_000_000
        answer = service.send(bomb, Content_Encoding="gzip")
    elif form == "plain":
        answer = service.send(b"\0" * (LIMIT + 1))
    else:
        chunks = iter([b"\0" * (1 << 20)] * 65)
        headers = {**service.authorization, "Content-Type": PROTOBUF}
        answer = service.ask("POST", "/v1/logs", chunks, headers)  # type: ignore[arg-type]  # http.client takes it
    assert answer.status == 413
    assert "larger than" in status_message(PROTOBUF, answer.body)
    assert service.rejected()[before:] == [{"too_large": 1}]
    assert service.send(logs_protobuf(batch(Emitter(f"after a large body, {form}")))).body == b""


@requirement("otlp.partial-success")
@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_spans_that_cannot_be_placed_are_counted(service: Service, form: str) -> None:
    from tests.sending import as_protobuf

    body = span_json({}, traceId="00" * 16, spanId="11" * 8)
    sent = body if form == "json" else as_protobuf(body)
    answer = service.send(sent, "/v1/traces", JSON if form == "json" else PROTOBUF)
    assert answer.status == 200
    assert b"span_invalid x1" in answer.body
    assert service.rejected()[-1] == {"span_invalid": 1}


@pytest.mark.parametrize("path", ["/v1/logs", "/v1/traces", "/v1/metrics"])
@pytest.mark.parametrize(("media_type", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_an_empty_request_is_a_plain_success(
    service: Service, path: str, media_type: str, body: bytes
) -> None:
    answer = service.send(body, path, media_type)
    assert (answer.status, answer.headers["content-type"]) == (200, media_type)
    assert answer.body == (b"" if media_type == PROTOBUF else b"{}")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_other_methods_get_a_405(service: Service, method: str) -> None:
    answer = service.ask(method, "/v1/logs", headers=service.authorization)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_an_address_that_is_none_and_a_wrong_method_are_answered_like_any_error(
    service: Service,
) -> None:
    for method, path, said in (
        ("GET", "/", "there is nothing at this address"),
        ("DELETE", "/api/v1/status", "does not take this method"),
    ):
        answer = service.ask(method, path, headers=service.authorization)
        assert list(answer.json) == ["error"]
        assert said in answer.json["error"]


@requirement("otlp.content-type-answered")
@pytest.mark.parametrize("media_type", [PROTOBUF, JSON])
def test_signals_that_are_not_taken_get_a_404_in_their_own_type(
    service: Service, media_type: str
) -> None:
    answer = service.send(b"", "/v1development/profiles", media_type)
    assert (answer.status, answer.headers["content-type"]) == (404, media_type)
    assert "/v1/traces" in status_message(media_type, answer.body)


@requirement("otlp.partial-success")
@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/v1/traces", {"resource_spans": [{}]}, "resource_spans"),
        ("/v1/traces", {"resourceSpans": [{"scope_spans": [{}]}]}, "scope_spans"),
        ("/v1/logs", {"resourceLogs": [{"scopeLogs": [{"log_records": [{}]}]}]}, "log_records"),
        ("/v1/metrics", {"resource_metrics": []}, "resource_metrics"),
    ],
)
def test_a_request_of_nothing_but_unknown_keys_is_a_success_that_warns(
    service: Service, path: str, body: object, named: str
) -> None:
    answer = service.send(json.dumps(body).encode(), path, JSON)
    assert answer.status == 200
    [said] = answer.json["partialSuccess"].items()
    assert said[0] == "errorMessage"
    assert named in said[1]
    assert "lowerCamelCase" in said[1]


@pytest.mark.parametrize(
    "body",
    [
        {"resourceSpans": []},
        {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": []}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": []}], "schemaUrl": ""}]},
    ],
)
def test_a_request_without_records_whose_keys_are_known_is_no_cause_to_warn(
    service: Service, body: object
) -> None:
    assert service.send(json.dumps(body).encode(), "/v1/traces", JSON).json == {}


@pytest.mark.parametrize("path", ["/", "/v1/profiles", "/v1development/profiles", "/v1/logs/"])
def test_other_addresses_get_a_404(service: Service, path: str) -> None:
    assert service.send(b"", path).status == 404


@requirement("otlp.never-500")
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/actions?from=whenever",
        "/api/v1/actions?limit=many",
        "/api/v1/actions?limit=0",
        "/api/v1/actions?before=-1",
        "/api/v1/actions?agent=" + "x" * 300,
        "/api/v1/records",
        "/api/v1/records?from=-1&to=3",
        "/api/v1/records?from=0&to=99999999999999999999999",
        "/api/v1/log/inclusion?index=999999&size=3",
        "/api/v1/log/inclusion?index=0&size=999999",
        "/api/v1/log/consistency?old=5&new=3",
        "/api/v1/log/consistency?old=0&new=3",
        "/api/v1/log/range?start=3&end=2&size=3",
        "/api/v1/export?from=now&to=1h",
        "/api/v1/export",
    ],
)
def test_a_senseless_question_is_a_400_that_says_why(service: Service, path: str) -> None:
    answer = service.ask("GET", path, headers=service.authorization)
    assert answer.status == 400, answer.body
    assert len(answer.json["error"]) > 5


@requirement("otlp.never-500")
@pytest.mark.parametrize("path", ["/api/v1/enroll", "/api/v1/snapshot", "/admin/claim"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"emitter_vkey": 3}', b"\xff\x00"])
def test_a_senseless_body_is_a_400_that_repeats_nothing(
    service: Service, path: str, body: bytes
) -> None:
    headers = {**service.authorization, "Content-Type": "application/json"}
    answer = service.ask("POST", path, body, headers)
    assert answer.status == 400
    assert "error" in answer.json


def test_what_is_not_there_is_a_404(service: Service) -> None:
    for path in ("/api/v1/actions/none", "/api/v1/traces/none", "/api/v1/traces/%00%ff"):
        answer = service.ask("GET", path, headers=service.authorization)
        assert answer.status == 404
        assert "error" in answer.json


@requirement("admit.forged-refused")
@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"time_us": 1}, "day"),
        ({"emitter": "agents.example/other"}, "key itself"),
        ({"vkey": "other"}, "key itself"),
        ({"time_us": "now"}, "key itself"),
        ({"more": "words"}, "key itself"),
    ],
)
def test_an_enrolment_that_does_not_hold_is_refused_and_recorded(
    service: Service, stated: dict[str, object], reason: str
) -> None:
    before = len(service.rejected())
    answer = service.enrol(**stated)  # type: ignore[arg-type]  # claims of any type
    assert answer.status == 400
    assert reason in answer.json["error"]
    assert service.rejected()[before:] == [{"enrolment_invalid": 1}]


def test_after_all_this_the_service_still_answers_and_has_logged_no_fault(
    service: Service,
) -> None:
    assert service.ask("GET", "/readyz").status == 200
    assert service.faults == []
    assert "answered with 503" not in service.output


@requirement("admit.forged-refused")
@pytest.mark.parametrize("whose", ["another emitter", "the log", "the service"])
def test_a_key_cannot_enrol_under_a_name_that_is_taken(service: Service, whose: str) -> None:
    taken = key_pair("taken.example/emitter")
    assert service.enrol(taken).status == 200
    assert service.enrol(taken).status == 200
    names = {
        "another emitter": taken.name,
        "the log": service.credentials["log_vkey"].partition("+")[0],
        "the service": service.credentials["service_vkey"].partition("+")[0],
    }
    answer = service.enrol(key_pair(names[whose], "somebody else"))
    assert answer.status == 400
    assert "another key is enrolled" in answer.json["error"]
    assert service.rejected()[-1] == {"enrolment_invalid": 1}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("actions?outcom=failure", "no parameter 'outcom': it takes agent, before"),
        ("actions?outcome=failed", "'success', 'failure'"),
        ("live?after=0", "no parameter 'after'"),
        ("status?x=1", "it takes none"),
        ("tools/history?observer=a&tool=b&server_reff=c", "no parameter 'server_reff'"),
    ],
)
def test_a_misspelt_filter_is_told_and_not_passed_over(
    service: Service, query: str, said: str
) -> None:
    answer = service.ask("GET", f"/api/v1/{query}", headers=service.authorization)
    assert (answer.status, said in answer.json["error"]) == (400, True), answer.body


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sql", {"sql": "SELECT 1", "since": "2000-01-01"}),
        ("search", {"q": "lookup", "untill": "now"}),
        ("exports", {"from": "1h", "upto": "now"}),
        ("login", {"name": "ada", "password": "a long enough word", "tenant": "acme"}),
    ],
)
def test_a_misspelt_member_of_a_body_is_told(
    service: Service, path: str, body: dict[str, object]
) -> None:
    headers = {**service.authorization, "content-type": JSON}
    answer = service.ask("POST", f"/api/v1/{path}", json.dumps(body).encode(), headers)
    assert answer.status == 400, answer.body
    assert "Extra inputs are not permitted" in answer.json["error"]


def test_every_filter_that_is_described_is_taken(service: Service) -> None:
    for query in ("from=1h&to=now&agent=a&tool=t&principal=p&type=t&session=s", "outcome=unknown"):
        answer = service.ask("GET", f"/api/v1/actions?{query}", headers=service.authorization)
        assert answer.status == 200, answer.body
    history = "/api/v1/tools/history?observer=a&tool=b&server=c&server_ref=d&service=e&agent=f"
    assert service.ask("GET", history, headers=service.authorization).status == 404
