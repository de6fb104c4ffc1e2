"""An ExportLogsServiceRequest of our records, written as the bytes that it is.

What opentelemetry-proto's classes print, byte for byte, at a third of their cost: a record is a text that is
there already and a few numbers (opentelemetry-proto, logs/v1/logs.proto and common/v1/common.proto).
"""

import struct
from binascii import unhexlify
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import orjson

from tallystick.event import EVENT_NAME, SEAL_NAME
from tallystick.spool.frame import EVENT, Frame

SCOPE: Final = "tallystick"
_SEVEN_BITS: Final = 0x80
_VARINTS: Final = 4096
"""Sizes that are kept as bytes: records of one process are of much the same sizes."""


Hints = tuple[int, int, bytes, bytes]
"""What of a statement stands beside the body: sequence number, time in µs, trace id and span id, empty for none."""


def export_request(*parts: tuple[str, Sequence[Frame]]) -> bytes:
    """Return frames, each run of them with its session, as an ExportLogsServiceRequest, in their order."""
    pieces: list[bytes] = [_SCOPE]
    for session, frames in parts:
        hint = _text(
            _ATTRIBUTES, _text(_KEY, b"tallystick.session") + _text(_VALUE, _string(session))
        )
        for frame in frames:
            behind = hint + _SEAL
            before = b""
            if frame.kind == EVENT:
                seq, time_us, trace_id, span_id = hints_of(frame)
                before = _TIME + _fixed64(time_us * 1000)
                behind = hint + _behind(seq, trace_id, span_id)
            pieces += _record(before, frame.payload, behind)
    size_bytes = sum(map(len, pieces))
    scope_logs = _SCOPE_LOGS + _varint(size_bytes)
    resource_logs = _RESOURCE_LOGS + _varint(len(scope_logs) + size_bytes)
    return b"".join((resource_logs, scope_logs, *pieces))


def statement_of(frame: Frame) -> Mapping[str, Any]:
    """Return what line 1 of an event frame says; the frame's CRC vouches for its being ours."""
    found: dict[str, Any] = orjson.loads(frame.payload.partition(b"\n")[0])
    return found


def hints_of(frame: Frame) -> Hints:
    """Return the hints of an event frame.

    In a statement that holds no other object, `"seq":` can only be the key: within a text its quotation marks
    would be escaped. So the line is searched from its end, where these keys stand, and not parsed: half the cost.
    """
    payload = frame.payload
    end = payload.find(b"\n")
    end = len(payload) if end < 0 else end
    time_at = payload.rfind(b'"time_us":', 0, end)
    seq_at = payload.rfind(b'"seq":', 0, time_at)
    if seq_at < 0 or payload.find(b"{", 1, end) > 0:
        return _parsed(frame)
    trace_at = payload.find(b'"trace.id":"', time_at, end)
    span_at = payload.find(b'"span.id":"', seq_at, time_at)
    return (
        int(payload[seq_at + 6 : payload.index(b",", seq_at)]),
        int(payload[time_at + 10 : payload.index(b",", time_at)]),
        b"" if trace_at < 0 else unhexlify(payload[trace_at + 12 : trace_at + 44]),
        b"" if span_at < 0 else unhexlify(payload[span_at + 11 : span_at + 27]),
    )


def _parsed(frame: Frame) -> Hints:
    stated = statement_of(frame)
    trace_id, span_id = (bytes.fromhex(stated.get(name, "")) for name in ("trace.id", "span.id"))
    return stated["seq"], stated["time_us"], trace_id, span_id


def _record(before: bytes, payload: bytes, behind: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a record in three pieces, so that the long one is copied once."""
    payload_bytes = len(payload)
    text = _STRING + _varint(payload_bytes)
    body = before + _BODY + _varint(len(text) + payload_bytes) + text
    return _RECORD + _varint(len(body) + payload_bytes + len(behind)) + body, payload, behind


def _behind(seq: int, trace_id: bytes, span_id: bytes) -> bytes:
    """Return what follows the session of an event: its number, its ids, and what it is."""
    number = _encoded(seq)
    attribute = _SEQ[len(number)] + number
    if len(trace_id) == _TRACE_ID_BYTES and len(span_id) == _SPAN_ID_BYTES:  # as good as always
        return attribute + _TRACE_ID_SIZED + trace_id + _SPAN_ID_SIZED + span_id + _EVENT
    trace = _text(_TRACE_ID, trace_id) if trace_id else b""
    span = _text(_SPAN_ID, span_id) if span_id else b""
    return attribute + trace + span + _EVENT


def _text(tag: bytes, content: bytes) -> bytes:
    return tag + _varint(len(content)) + content


def _string(text: str) -> bytes:
    return _text(_STRING, text.encode())


def _encoded(value: int) -> bytes:
    """Return a number of zero or more, seven bits a byte, the lowest first."""
    if _SEVEN_BITS <= value < _SEVEN_BITS * _SEVEN_BITS:
        return bytes((value & 0x7F | _SEVEN_BITS, value >> 7))
    encoded = bytearray()
    while value >= _SEVEN_BITS:
        encoded.append(value & 0x7F | _SEVEN_BITS)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_varint: Final = lru_cache(_VARINTS)(_encoded)
_fixed64: Final = struct.Struct("<Q").pack

# A tag is the number of the field and how it is written: 0 a number, 1 eight bytes, 2 a length and bytes.
_RESOURCE_LOGS: Final = bytes((1 << 3 | 2,))
_SCOPE_LOGS: Final = bytes((2 << 3 | 2,))
_RECORD: Final = bytes((2 << 3 | 2,))
_TIME: Final = bytes((1 << 3 | 1,))
_BODY: Final = bytes((5 << 3 | 2,))
_ATTRIBUTES: Final = bytes((6 << 3 | 2,))
_TRACE_ID: Final = bytes((9 << 3 | 2,))
_SPAN_ID: Final = bytes((10 << 3 | 2,))
_EVENT_NAME: Final = bytes((12 << 3 | 2,))
_KEY: Final = bytes((1 << 3 | 2,))
_VALUE: Final = bytes((2 << 3 | 2,))
_STRING: Final = bytes((1 << 3 | 2,))
_INT: Final = bytes((3 << 3 | 0,))

_SCOPE: Final = _text(bytes((1 << 3 | 2,)), _string(SCOPE))
_EVENT: Final = _text(_EVENT_NAME, EVENT_NAME.encode())
_SEAL: Final = _text(_EVENT_NAME, SEAL_NAME.encode())
_SEQ_KEY: Final = _text(_KEY, b"tallystick.seq") + _VALUE
_SEQ: Final = tuple(
    _ATTRIBUTES + bytes((len(_SEQ_KEY) + 2 + size,)) + _SEQ_KEY + bytes((1 + size,)) + _INT
    for size in range(10)
)
"""What stands before the sequence number, by the bytes that this takes: nine for 63 bits."""
_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8
_TRACE_ID_SIZED: Final = _TRACE_ID + bytes((_TRACE_ID_BYTES,))
_SPAN_ID_SIZED: Final = _SPAN_ID + bytes((_SPAN_ID_BYTES,))
