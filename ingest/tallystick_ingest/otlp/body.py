"""The body of a request: its media type, its encoding, and the one limit on its size.

The limit holds for the bytes on the wire and again for what they inflate to, so that a small body
cannot become a large one in memory (OTLP 1.11: 64 MiB by default, 413 above it).
"""

import zlib
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa

from tallystick.errors import AdmissionError

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
"""OTLP 1.11, OTLP/HTTP request: the default limit of a receiver."""

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
HAS_ZSTD: Final = pa.Codec.is_available("zstd")
"""Whether this build of Arrow brings it; the wheels do."""
IDENTITY: Final = "identity"
ACCEPTED_ENCODINGS: Final = f"gzip, deflate, {'zstd, ' if HAS_ZSTD else ''}identity"

MAX_GZIP_MEMBERS: Final = 16
"""Ours: exporters send one; each further one costs a copy of what follows it."""

MediaType = Literal["application/x-protobuf", "application/json"]

_GZIP_BITS: Final = 31
_ZLIB_BITS: Final = 15
_RAW_BITS: Final = -15
_ZLIB_METHOD_MASK: Final = 0x0F
_ZLIB_METHOD_DEFLATE: Final = 8


class UnsupportedError(AdmissionError):
    """The media type or the encoding is not one that is spoken here: 415."""


class TooLargeError(AdmissionError):
    """The body is over the limit, on the wire or inflated: 413."""


class UndecodableError(AdmissionError):
    """The body is not what its headers say: 400."""


@dataclass(frozen=True, slots=True)
class BodyForm:
    """What the headers say about a body."""

    media_type: MediaType
    encoding: str


def body_form(content_type: str, content_encoding: str) -> BodyForm:
    """Read `Content-Type` and `Content-Encoding`; raise UnsupportedError for any other than ours."""
    encoding = content_encoding.strip().lower() or IDENTITY
    if encoding == "x-gzip":
        encoding = "gzip"
    if encoding not in ACCEPTED_ENCODINGS.split(", "):
        raise UnsupportedError(
            f"Content-Encoding {encoding[:64]!r} is not spoken here: expected {ACCEPTED_ENCODINGS}"
        )
    return BodyForm(media_type(content_type), encoding)


def media_type(content_type: str) -> MediaType:
    """Read `Content-Type`; parameters such as a charset are ignored."""
    name = content_type.partition(";")[0].strip().lower()
    if name == PROTOBUF:
        return "application/x-protobuf"
    if name == JSON:
        return "application/json"
    raise UnsupportedError(
        f"Content-Type {name[:64]!r} is not spoken here: expected {PROTOBUF} or {JSON}"
    )


def inflate(body: bytes, encoding: str, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return what `body` holds; never produces more than `limit_bytes`.

    Raises TooLargeError above the limit and UndecodableError for a body that is cut off, followed
    by other bytes, or not of its encoding. Deflate is zlib's form (RFC 9110 section 8.4.1.2), or
    bare as some clients send it. Zstandard frames (RFC 8878) may follow one another.
    """
    if encoding == IDENTITY:
        _require_size(len(body), limit_bytes)
        return body
    if encoding == "gzip":
        return _inflate_gzip(body, limit_bytes)
    if encoding == "zstd":
        return _inflate_zstd(body, limit_bytes)
    bits = _ZLIB_BITS if _looks_like_zlib(body) else _RAW_BITS
    data, rest = _inflate_member(body, bits, 0, limit_bytes)
    if rest:
        raise UndecodableError(f"{len(rest)} bytes follow the deflated body: expected none")
    return data


def _inflate_gzip(body: bytes, limit_bytes: int) -> bytes:
    parts: list[bytes] = []
    rest, size = body, 0
    while rest or not parts:
        if len(parts) == MAX_GZIP_MEMBERS:
            raise UndecodableError(f"the body has more than {MAX_GZIP_MEMBERS} gzip members")
        part, rest = _inflate_member(rest, _GZIP_BITS, size, limit_bytes)
        parts.append(part)
        size += len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _inflate_zstd(body: bytes, limit_bytes: int) -> bytes:
    try:
        with pa.CompressedInputStream(pa.BufferReader(body), "zstd") as stream:
            data: bytes = stream.read(limit_bytes + 1)
    except (OSError, pa.ArrowException) as error:
        raise UndecodableError(f"the body does not inflate: {error}") from None
    if not body:
        raise UndecodableError("the compressed body is cut off: its end is missing")
    _require_size(len(data), limit_bytes)
    return data


def _inflate_member(
    body: bytes, bits: int, before_bytes: int, limit_bytes: int
) -> tuple[bytes, bytes]:
    stream = zlib.decompressobj(bits)
    try:
        data = stream.decompress(body, limit_bytes - before_bytes + 1)
    except zlib.error as error:
        raise UndecodableError(f"the body does not inflate: {error}") from None
    _require_size(before_bytes + len(data), limit_bytes)
    if not stream.eof:
        raise UndecodableError("the compressed body is cut off: its end is missing")
    return data, stream.unused_data


def _looks_like_zlib(body: bytes) -> bool:
    """Tell zlib's two-byte header (RFC 1950 section 2.2) from a bare deflate stream."""
    header = int.from_bytes(body[:2])
    is_deflate = len(body) > 1 and body[0] & _ZLIB_METHOD_MASK == _ZLIB_METHOD_DEFLATE
    return is_deflate and header % 31 == 0


def _require_size(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise TooLargeError(
            f"the body is larger than {limit_bytes} bytes, also when inflated: send less at once"
        )
