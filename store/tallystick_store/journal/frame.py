"""Frames: how groups stand in a segment of the journal.

    number of the group      8 bytes, big-endian
    length of the payload    8 bytes, big-endian
    CRC-32 of the payload    4 bytes, big-endian
    CRC-32 of these 20       4 bytes, big-endian
    payload

A frame is written whole and synced before anybody is told of it. What a killed process leaves is whole
frames and at most one *torn* one, cut short at the very end of the file; whatever else does not read back
is *damage*: the head has a sum of its own, so that a changed length does not look like a short write. The
reader stops at either and says which it met.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final, Literal

_HEAD: Final = struct.Struct(">QQI")
_SUM: Final = struct.Struct(">I")
HEAD_BYTES: Final = _HEAD.size + _SUM.size

Ending = Literal["whole", "torn", "damaged"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One group as it stands in its segment, at [start, end)."""

    number: int
    payload: memoryview
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Whole frames up to `end`, and what stopped the reader there."""

    frames: tuple[Frame, ...]
    end: int
    ending: Ending


def encode_frame(number: int, payload: bytes) -> bytes:
    """Return the bytes of one frame."""
    head = _HEAD.pack(number, len(payload), zlib.crc32(payload))
    return b"".join((head, _SUM.pack(zlib.crc32(head)), payload))


def read_frames(data: bytes) -> Reading:
    """Read the frames of a segment, from its beginning."""
    frames: list[Frame] = []
    at = 0
    ending: Ending = "whole"
    while at < len(data) and ending == "whole":
        frame, ending = _read_frame(memoryview(data), at)
        if frame is not None:
            frames.append(frame)
            at = frame.end
    return Reading(tuple(frames), at, ending)


def _read_frame(data: memoryview, start: int) -> tuple[Frame | None, Ending]:
    body = start + HEAD_BYTES
    if body > len(data):
        return None, "torn"
    head = data[start : start + _HEAD.size]
    number, length, crc = _HEAD.unpack(head)
    if _SUM.unpack_from(data, start + _HEAD.size) != (zlib.crc32(head),):
        return None, "damaged"
    end = body + length
    if end > len(data):
        return None, "torn"
    payload = data[body:end]
    if zlib.crc32(payload) != crc:
        return None, "damaged"
    return Frame(number, payload, start, end), "whole"
