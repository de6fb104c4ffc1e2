"""OTLP/HTTP: paths, media types, encodings, framing, and what a bad request gets."""

import concurrent.futures
import gzip
import zlib

import pytest

from tests.conformance.otlp.messages import (
    BINARY,
    RESPONSES,
    TEXT,
    in_json,
    rejected,
    spans,
    traces_protobuf,
)
from tests.conformance.otlp.target import (
    JSON,
    PROTOBUF,
    Reply,
    Target,
    case,
    error_message,
    read_reply,
)

pytestmark = pytest.mark.e2e

REQUEST = "OTLP/HTTP Request"
RESPONSE = "OTLP/HTTP Response"
BAD_DATA = "OTLP/HTTP Response, Bad Data"
CONNECTION = "OTLP/HTTP Connection"
LIMIT = 64 * 1024 * 1024
TYPES = [PROTOBUF, JSON]


def body_of(media_type: str) -> bytes:
    return traces_protobuf() if media_type == PROTOBUF else in_json(spans())


def is_taken(reply: Reply, media_type: str = PROTOBUF) -> None:
    """Require a success of the request's own type that refuses nothing."""
    assert reply.status == 200, reply
    assert reply.media_type == media_type
    assert rejected("traces", reply.body, is_json=media_type == JSON) == (0, "")


@case("http.traces", REQUEST)
@pytest.mark.parametrize("media_type", TYPES)
def test_spans_are_taken_in_both_encodings_on_one_port(target: Target, media_type: str) -> None:
    is_taken(target.send(body_of(media_type), media_type), media_type)


@case("http.logs-metrics", REQUEST, left_open="a receiver need not take every signal")
@pytest.mark.parametrize("media_type", TYPES)
@pytest.mark.parametrize("signal", ["logs", "metrics"])
def test_logs_and_metrics_are_answered_with_a_response_of_their_own(
    target: Target, signal: str, media_type: str
) -> None:
    body = BINARY[signal]() if media_type == PROTOBUF else in_json(TEXT[signal]())
    reply = target.send(body, media_type, f"/v1/{signal}")
    assert (reply.status, reply.media_type) == (200, media_type)
    rejected(signal, reply.body, is_json=media_type == JSON)


@case("http.empty", f"{RESPONSE}, Full Success")
@pytest.mark.parametrize(("media_type", "body"), [(PROTOBUF, b""), (JSON, b"{}")])
def test_an_empty_request_is_a_success(target: Target, media_type: str, body: bytes) -> None:
    is_taken(target.send(body, media_type), media_type)


@case("http.success-unset", f"{RESPONSE}, Full Success")
def test_a_full_success_leaves_partial_success_unset(target: Target) -> None:
    binary = RESPONSES["traces"].FromString(target.send(traces_protobuf()).body)
    assert not binary.HasField("partial_success")
    assert b"partialSuccess" not in target.send(in_json(spans()), JSON).body


@case("http.type-parameters", "RFC 9110, 8.3")
@pytest.mark.parametrize(
    "stated",
    ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"],
)
def test_parameters_and_case_of_a_media_type_do_not_matter(target: Target, stated: str) -> None:
    is_taken(target.send(in_json(spans()), stated), JSON)


@case("http.type-unknown", "RFC 9110, 15.5.16", left_open="no status is given for other types")
@pytest.mark.parametrize("stated", ["text/plain", "application/octet-stream", None])
def test_another_media_type_is_a_415(target: Target, stated: str | None) -> None:
    assert target.send(b"{}", stated).status == 415


@case("http.method", "RFC 9110, 15.5.6", left_open="only POST is specified")
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_another_method_is_a_405_or_a_404(target: Target, method: str) -> None:
    assert target.send(b"", None, method=method).status in (404, 405)


@case("http.path-unknown", REQUEST, left_open="other paths are not specified")
@pytest.mark.parametrize("path", ["/v1/nothing", "/v1development/nothing"])
def test_another_path_is_a_404(target: Target, path: str) -> None:
    assert target.send(b"", PROTOBUF, path).status == 404


@case("http.bad-data", BAD_DATA)
@pytest.mark.parametrize(
    ("media_type", "body"),
    [(PROTOBUF, b"\xff\xfe garbage \x00"), (JSON, b"{"), (JSON, b"[]"), (JSON, b"\xff\xfe")],
)
def test_what_cannot_be_decoded_is_a_400(target: Target, media_type: str, body: bytes) -> None:
    assert target.send(body, media_type).status == 400


@case("http.error-status", f"{RESPONSE}, Failures")
@pytest.mark.parametrize(("media_type", "body"), [(PROTOBUF, b"\xff\xfe garbage"), (JSON, b"{")])
def test_an_error_is_a_status_in_the_requests_own_type(
    target: Target, media_type: str, body: bytes
) -> None:
    reply = target.send(body, media_type)
    assert reply.media_type == media_type
    assert error_message(reply)


@case("http.never-5xx", f"{RESPONSE}, Failures")
@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
@pytest.mark.parametrize(
    "body", [b"\x00", b"\xff" * 100, b"null", b'{"resourceSpans":7}', b"\x0a\xff\xff\xff\xff\x0f"]
)
def test_garbage_is_nobodys_fault_but_the_senders(target: Target, path: str, body: bytes) -> None:
    for media_type in TYPES:
        assert target.send(body, media_type, path).status < 500


@case("http.gzip", REQUEST)
@pytest.mark.parametrize("media_type", TYPES)
def test_gzip_is_taken(target: Target, media_type: str) -> None:
    body = gzip.compress(body_of(media_type))
    is_taken(target.send(body, media_type, "/v1/traces", "Content-Encoding: gzip"), media_type)


@case("http.gzip-bad", BAD_DATA)
@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(b"x" * 999, mtime=0)[:-6]])
def test_a_damaged_gzip_is_a_400(target: Target, body: bytes) -> None:
    assert target.send(body, PROTOBUF, "/v1/traces", "Content-Encoding: gzip").status == 400


@case("http.gzip-members", "RFC 1952, 2.2", left_open="exporters send one member")
def test_gzip_members_may_follow_one_another(target: Target) -> None:
    body = traces_protobuf()
    packed = gzip.compress(body[:40]) + gzip.compress(body[40:])
    is_taken(target.send(packed, PROTOBUF, "/v1/traces", "Content-Encoding: gzip"))


@case("http.identity", "RFC 9110, 8.4", left_open="identity is for Accept-Encoding alone")
def test_identity_is_no_encoding(target: Target) -> None:
    is_taken(target.send(traces_protobuf(), PROTOBUF, "/v1/traces", "Content-Encoding: identity"))


@case("http.deflate", REQUEST, left_open="gzip alone is required")
def test_deflate_is_taken(target: Target) -> None:
    packed = zlib.compress(traces_protobuf())
    is_taken(target.send(packed, PROTOBUF, "/v1/traces", "Content-Encoding: deflate"))


@case(
    "http.encoding-unknown", "RFC 9110, 15.5.16", left_open="no status is given for other encodings"
)
def test_another_encoding_is_a_415_that_says_what_is_taken(target: Target) -> None:
    reply = target.send(b"x", PROTOBUF, "/v1/traces", "Content-Encoding: snappy-unknown")
    assert reply.status == 415
    assert "gzip" in reply.headers.get("accept-encoding", "")


@case("http.chunked", "RFC 9112, 7.1")
@pytest.mark.parametrize("media_type", TYPES)
@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_a_body_in_chunks_arrives_whole(target: Target, media_type: str, size: int) -> None:
    body = body_of(media_type)
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    is_taken(target.send_chunked(chunks, media_type), media_type)


@case("http.chunked-gzip", "RFC 9112, 7.1")
def test_chunks_may_be_compressed(target: Target) -> None:
    packed = gzip.compress(traces_protobuf())
    is_taken(target.send_chunked([packed[:20], packed[20:]], PROTOBUF, "Content-Encoding: gzip"))


@case("http.pieces", "RFC 9112, 2.2")
def test_a_request_may_come_byte_by_byte(target: Target) -> None:
    body = traces_protobuf()
    lines = [f"Content-Type: {PROTOBUF}", f"Content-Length: {len(body)}", "Connection: close"]
    sent = target.head(lines) + body
    is_taken(target.exchange(sent[at : at + 1] for at in range(len(sent))))


@case("http.keep-alive", CONNECTION, left_open="it is the client that should keep a connection")
def test_a_connection_serves_several_requests(target: Target) -> None:
    with target.connect() as connection:
        for media_type in (PROTOBUF, JSON, PROTOBUF):
            body = body_of(media_type)
            lines = [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
            connection.sendall(target.head(lines) + body)
            is_taken(read_reply(connection), media_type)


@case("http.keep-alive-after-error", CONNECTION, left_open="a receiver may close after an error")
def test_a_connection_lives_on_after_a_400(target: Target) -> None:
    with target.connect() as connection:
        for body, status in ((b"\xff\xfe", 400), (traces_protobuf(), 200)):
            lines = [f"Content-Type: {PROTOBUF}", f"Content-Length: {len(body)}"]
            connection.sendall(target.head(lines) + body)
            assert read_reply(connection).status == status


@case("http.pipelined", "RFC 9112, 9.3.2", left_open="no exporter does it")
def test_pipelined_requests_are_answered_in_order(target: Target) -> None:
    with target.connect() as connection:
        for media_type in TYPES:
            body = body_of(media_type)
            lines = [f"Content-Type: {media_type}", f"Content-Length: {len(body)}"]
            connection.sendall(target.head(lines) + body)
        assert [read_reply(connection).media_type for _ in TYPES] == TYPES


@case("http.expect", "RFC 9110, 10.1.1", left_open="no exporter does it")
def test_who_asks_first_is_told_to_go_on(target: Target) -> None:
    body = traces_protobuf()
    lines = [f"Content-Type: {PROTOBUF}", f"Content-Length: {len(body)}", "Expect: 100-continue"]
    with target.connect() as connection:
        connection.sendall(target.head(lines))
        assert read_reply(connection).status == 100
        connection.sendall(body)
        is_taken(read_reply(connection))


@case("http.1.0", "RFC 9112, 2.5", left_open="HTTP/1.0 is not mentioned")
def test_http_1_0_is_spoken(target: Target) -> None:
    body = traces_protobuf()
    lines = [f"Content-Type: {PROTOBUF}", f"Content-Length: {len(body)}"]
    is_taken(target.exchange([target.head(lines, version="1.0") + body]))


@case("http.concurrent", "OTLP/HTTP Concurrent Requests")
def test_requests_on_several_connections_are_all_answered(target: Target) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for reply in pool.map(lambda _: target.send(traces_protobuf()), range(24)):
            is_taken(reply)


@case("http.large", f"{REQUEST}, limit of the body", left_open="the limit may be set lower")
def test_eight_megabytes_are_taken(target: Target) -> None:
    body = traces_protobuf(8, name="x" * 1_000_000)
    is_taken(target.send(body))


@case("http.too-large", f"{REQUEST}, limit of the body", left_open="the limit may be set higher")
@pytest.mark.slow
@pytest.mark.parametrize("form", ["stated", "chunked", "inflated"])
def test_more_than_the_limit_is_a_413(target: Target, form: str) -> None:
    piece = b"\x0a\x80\x80\x40" + b"\x00" * (1 << 20)
    if form == "stated":
        reply = target.send(piece * 65)
    elif form == "chunked":
        reply = target.send_chunked([piece] * 65)
    else:
        packed = gzip.compress(b"\x00" * (LIMIT + 1), 1)
        reply = target.send(packed, PROTOBUF, "/v1/traces", "Content-Encoding: gzip")
    assert reply.status == 413


@case(
    "http.unauthenticated",
    f"{RESPONSE}, Failures",
    left_open="how senders are known is not specified",
)
@pytest.mark.parametrize("media_type", TYPES)
def test_somebody_without_a_credential_is_told_so_in_their_own_type(
    target: Target, media_type: str
) -> None:
    if not target.headers:
        pytest.skip("the receiver asks for no credential: none was stated with --otlp-header")
    reply = target.bare().send(body_of(media_type), media_type)
    assert (reply.status, reply.media_type) == (401, media_type)
    assert error_message(reply)


@case("http.retried", "Duplicate Data")
def test_the_same_request_again_is_a_success_again(target: Target) -> None:
    body = traces_protobuf()
    for _ in range(3):
        is_taken(target.send(body))


@case("http.cors", "Fetch standard", left_open="CORS is optional")
def test_no_page_of_any_origin_is_let_in_unasked(target: Target) -> None:
    lines = ["Origin: https://elsewhere.example", "Access-Control-Request-Method: POST"]
    reply = target.send(b"", None, "/v1/traces", *lines, method="OPTIONS")
    assert "access-control-allow-origin" not in reply.headers


@case("http.ambiguous-length", "RFC 9112, 6.1", left_open="the length may be ignored instead")
def test_two_lengths_at_once_are_refused(target: Target) -> None:
    lines = [f"Content-Type: {PROTOBUF}", "Content-Length: 4", "Transfer-Encoding: chunked"]
    reply = target.exchange([target.head(lines) + b"0\r\n\r\n"])
    assert 400 <= reply.status < 500


@case("http.host", "RFC 9112, 3.2")
@pytest.mark.parametrize("hosts", [(), ("a", "a"), ("a", "b")], ids=["none", "twice", "two"])
def test_a_request_without_a_clear_host_is_a_400(target: Target, hosts: tuple[str, ...]) -> None:
    body = traces_protobuf()
    lines = [f"Content-Type: {PROTOBUF}", f"Content-Length: {len(body)}"]
    own = f"Host: {target.host}\r\n"
    stated = "".join(f"Host: {host}\r\n" for host in hosts)
    head = target.head(lines).replace(own.encode(), stated.encode())
    assert target.exchange([head + body]).status == 400
