"""Bodies: media types, encodings, and one limit that holds on the wire and inflated."""

import gzip
import zlib

import pyarrow as pa
import pytest

from tallystick_ingest.otlp.body import (
    MAX_GZIP_MEMBERS,
    TooLargeError,
    UndecodableError,
    UnsupportedError,
    body_form,
    inflate,
)
from tests.requirements import requirement

TEXT = b"a record, again and again. " * 100


def bare_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def zstd(data: bytes) -> bytes:
    packed: bytes = pa.Codec("zstd").compress(data, asbytes=True)
    return packed


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare_deflate(TEXT)),
        ("zstd", zstd(TEXT)),
        ("zstd", zstd(TEXT[:100]) + zstd(TEXT[100:])),
    ],
)
def test_every_encoding_gives_the_same_body(encoding: str, body: bytes) -> None:
    assert inflate(body, encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT, mtime=0)),
        ("gzip", gzip.compress(TEXT[:100], mtime=0) + gzip.compress(TEXT[100:], mtime=0)),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", bare_deflate(TEXT)),
        ("zstd", zstd(TEXT)),
        ("zstd", zstd(TEXT[:100]) + zstd(TEXT[100:])),
    ],
)
def test_one_byte_over_the_limit_is_too_large_in_every_encoding(encoding: str, body: bytes) -> None:
    with pytest.raises(TooLargeError):
        inflate(body, encoding, len(TEXT) - 1)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"not gzip"),
        ("gzip", b""),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-9]),
        ("gzip", gzip.compress(TEXT, mtime=0) + b"more"),
        ("gzip", gzip.compress(TEXT, mtime=0)[:-5] + b"wrong"),
        ("deflate", b"\x78\x9cnot zlib"),
        ("deflate", zlib.compress(TEXT)[:-3]),
        ("deflate", zlib.compress(TEXT) + b"more"),
        ("deflate", b""),
        ("zstd", b"not zstd"),
        ("zstd", zstd(TEXT)[:-3]),
        ("zstd", zstd(TEXT) + b"more"),
        ("zstd", b""),
    ],
)
def test_a_body_that_is_cut_off_or_something_else_is_undecodable(
    encoding: str, body: bytes
) -> None:
    with pytest.raises(UndecodableError):
        inflate(body, encoding, len(TEXT))


def test_a_body_of_endless_small_members_is_refused() -> None:
    members = gzip.compress(b"x") * (MAX_GZIP_MEMBERS + 1)
    with pytest.raises(UndecodableError, match="members"):
        inflate(members, "gzip", len(TEXT))
    assert inflate(gzip.compress(b"x") * MAX_GZIP_MEMBERS, "gzip", 100) == b"x" * MAX_GZIP_MEMBERS


@pytest.mark.parametrize(
    ("content_type", "encoding", "media_type", "read_as"),
    [
        ("application/x-protobuf", "", "application/x-protobuf", "identity"),
        ("application/json; charset=utf-8", "GZIP", "application/json", "gzip"),
        ("Application/JSON", " deflate ", "application/json", "deflate"),
        ("application/x-protobuf", "x-gzip", "application/x-protobuf", "gzip"),
        ("application/x-protobuf", "identity", "application/x-protobuf", "identity"),
    ],
)
def test_headers_are_read_whatever_their_case(
    content_type: str, encoding: str, media_type: str, read_as: str
) -> None:
    form = body_form(content_type, encoding)
    assert (form.media_type, form.encoding) == (media_type, read_as)


@requirement("otlp.never-500")
@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("", ""),
        ("text/plain", ""),
        ("application/jsonp", ""),
        ("application/json", "br"),
        ("application/json", "gzip, gzip"),
    ],
)
def test_other_types_and_encodings_are_not_spoken(content_type: str, encoding: str) -> None:
    with pytest.raises(UnsupportedError, match="expected"):
        body_form(content_type, encoding)
