"""Frames: how records stand in a spool file.

    length of the payload   4 bytes, big-endian
    CRC-32 of the rest      4 bytes, big-endian
    kind                    1 byte: "e" an event record, "s" a seal
    payload                 the body as it travels

A frame is written by one `write`, so a process that dies leaves whole frames and at most one *torn tail*:
the first part of a frame, at the very end. Whatever else does not read back is *damage*, which a dying
process cannot cause; the reader stops there and says which of the two it met.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from tallystick.errors import SpoolError

EVENT: Final = ord("e")
SEAL: Final = ord("s")
MAX_PAYLOAD_BYTES: Final = 40 * 1024 * 1024
"""More than 32 disclosures of 1 MiB and a statement of 64 KiB."""

_HEAD: Final = struct.Struct(">IIB")
HEAD_BYTES: Final = _HEAD.size
_KINDS: Final = frozenset((EVENT, SEAL))

Ending = Literal["whole", "torn", "damaged"]


class Frame(NamedTuple):
    """One frame as read: its kind, its payload, and where it stands in its file."""

    kind: int
    payload: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stretch of a file holds: whole frames up to `end`, and what stopped the reader there."""

    frames: tuple[Frame, ...]
    end: int
    ending: Ending


def encode_frame(kind: int, payload: bytes) -> bytes:
    """Return the bytes of one frame. Raises SpoolError for a payload over MAX_PAYLOAD_BYTES."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise SpoolError(
            f"record of {len(payload)} bytes, limit {MAX_PAYLOAD_BYTES}; record less of the value"
        )
    return _HEAD.pack(len(payload), zlib.crc32(payload, kind), kind) + payload


def first_frame_bytes(data: bytes) -> int:
    """Return how long the first frame in `data` is by its head; HEAD_BYTES when even that is cut off."""
    if len(data) < HEAD_BYTES:
        return HEAD_BYTES
    length: int = _HEAD.unpack_from(data)[0]
    return HEAD_BYTES + min(length, MAX_PAYLOAD_BYTES)


def read_frames(data: bytes, base: int = 0) -> Reading:
    """Read frames from `data`, the bytes of a file from offset `base` on, up to the first that is not whole.

    The ending is "whole" when nothing is left over, "torn" when the rest is the first part of a frame,
    "damaged" when it cannot be that: a wrong CRC, an unknown kind, a length beyond the limit.
    """
    frames: list[Frame] = []
    at, size = 0, len(data)
    ending: Ending = "whole"
    while at < size:
        if size - at < HEAD_BYTES:
            ending = "torn"
            break
        length, crc, kind = _HEAD.unpack_from(data, at)
        if kind not in _KINDS or length > MAX_PAYLOAD_BYTES:
            ending = "damaged"
            break
        start, at_end = at + HEAD_BYTES, at + HEAD_BYTES + length
        if at_end > size:
            ending = "torn"
            break
        payload = data[start:at_end]
        if zlib.crc32(payload, kind) != crc:
            ending = "damaged"
            break
        frames.append(Frame(kind, payload, base + at, base + at_end))
        at = at_end
    return Reading(tuple(frames), base + at, ending)
