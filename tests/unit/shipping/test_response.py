"""A response is read as the standard library reads it, whichever way was taken."""

import http.client
import socket
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.shipping.response import Response

Read = tuple[int, Mapping[str, str], bytes, bool] | str


def read(kind: type[http.client.HTTPResponse], answer: bytes) -> Read:
    """Return status, headers, body and whether the connection ends with it, or the kind of error."""
    here, there = socket.socketpair()
    with here, there:
        there.sendall(answer)
        there.shutdown(socket.SHUT_WR)
        with kind(here, method="POST") as response:
            try:
                response.begin()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                return type(error).__name__
            if isinstance(response, Response):
                return response.status, response.fields, body, response.will_close
            fields = {name.lower(): value for name, value in response.headers.items()}
            return response.status, fields, body, response.will_close


def answer(*lines: str, body: str = "") -> bytes:
    return "\r\n".join([*lines, "", body]).encode("latin-1")


OK = "HTTP/1.1 200 OK"
ANSWERS = {
    "plain": answer(OK, "Content-Length: 3", "X: y", body="abc"),
    "no reason": answer("HTTP/1.1 503 ", "content-length:0"),
    "no body": answer(OK, "content-length: 0"),
    "spaces": answer(OK, "x:  a b \t", "content-length:\t1 ", body="a"),
    "an empty value": answer(OK, "x:", "content-length: 1", body="a"),
    "cut off": answer(OK, "content-length: 30", body="abc"),
    "more than its length": answer(OK, "content-length: 1", body="abc"),
    "a head that is cut off": b"HTTP/1.1 200 OK\r\ncontent-le",
    "nothing": b"",
    "no length": answer(OK, body="to the end"),
    "a length twice": answer(OK, "content-length: 1", "Content-Length: 3", body="abc"),
    "a length below zero": answer(OK, "content-length: -1", body="abc"),
    "a length that is none": answer(OK, "content-length: x", body="abc"),
    "a length with a sign": answer(OK, "content-length: +3", body="abc"),
    "a header twice": answer(OK, "x: 1", "x: 2", "content-length: 0"),
    "a folded header": answer(OK, "x: 1", " 2", "content-length: 0"),
    "no header": answer(OK, "x", "content-length: 0"),
    "a space before the colon": answer(OK, "x : 1", "content-length: 0"),
    "latin": answer(OK, "x: é", "content-length: 0"),
    "chunks": answer(OK, "transfer-encoding: chunked", body="3\r\nabc\r\n0\r\n\r\n"),
    "chunks and a length": answer(
        OK, "transfer-encoding: chunked", "content-length: 1", body="3\r\nabc\r\n0\r\n\r\n"
    ),
    "closing": answer(OK, "connection: close", "content-length: 1", body="a"),
    "keeping": answer(OK, "connection: keep-alive", "content-length: 1", body="a"),
    "an old one": answer("HTTP/1.0 200 OK", "content-length: 1", body="a"),
    "nothing to say": answer("HTTP/1.1 204 No Content", "content-length: 1", body="a"),
    "first another": answer("HTTP/1.1 100 Continue") + answer(OK, "content-length: 1", body="a"),
    "a redirect": answer("HTTP/1.1 307 Elsewhere", "location: http://x/", "content-length: 0"),
    "a status of four digits": answer("HTTP/1.1 2000 OK", "content-length: 0"),
    "bare newlines": b"HTTP/1.1 200 OK\ncontent-length: 1\n\na",
    "a bare newline": b"HTTP/1.1 200 OK\r\nx: 1\ny: 2\r\ncontent-length: 1\r\n\r\na",
    "garbage": b"\x00\x01\x02 this is not http\r\n\r\n",
    "a long head": answer(OK, "x: " + "a" * 20_000, "content-length: 1", body="a"),
    "many headers": answer(OK, *[f"x{n}: y" for n in range(200)], "content-length: 1", body="a"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_it_is_read_as_by_the_standard_library(name: str) -> None:
    assert read(Response, ANSWERS[name]) == read(http.client.HTTPResponse, ANSWERS[name])


@given(
    status=st.integers(200, 599),
    fields=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True),
        st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F), max_size=60),
        max_size=6,
    ),
    body=st.binary(max_size=200),
)
def test_whatever_the_headers_say(status: int, fields: dict[str, str], body: bytes) -> None:
    lines = [f"{name}: {value}" for name, value in fields.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} x", *lines, f"Content-Length: {len(body)}", "", ""])
    whole = head.encode("latin-1", "replace") + body
    assert read(Response, whole) == read(http.client.HTTPResponse, whole)
