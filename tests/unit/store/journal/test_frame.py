"""Frames of the journal: what is written reads back, and nothing else does."""

import pytest

from tallystick_store.journal.frame import HEAD_BYTES, encode_frame, read_frames

FIRST, SECOND = encode_frame(7, b"one"), encode_frame(8, b"second")


def read(data: bytes) -> list[tuple[int, bytes]]:
    return [(frame.number, bytes(frame.payload)) for frame in read_frames(data).frames]


def test_frames_read_back_in_order_with_their_places() -> None:
    reading = read_frames(FIRST + SECOND)
    assert [(f.number, bytes(f.payload)) for f in reading.frames] == [(7, b"one"), (8, b"second")]
    assert [(f.start, f.end) for f in reading.frames] == [
        (0, len(FIRST)),
        (len(FIRST), len(FIRST) + len(SECOND)),
    ]
    assert (reading.end, reading.ending) == (len(FIRST) + len(SECOND), "whole")


def test_nothing_reads_as_nothing() -> None:
    assert (read_frames(b"").frames, read_frames(b"").ending) == ((), "whole")


@pytest.mark.parametrize("length", range(1, len(SECOND)))
def test_a_frame_that_was_cut_anywhere_is_torn(length: int) -> None:
    reading = read_frames(FIRST + SECOND[:length])
    assert read(FIRST + SECOND[:length]) == [(7, b"one")]
    assert (reading.end, reading.ending) == (len(FIRST), "torn")


@pytest.mark.parametrize("position", range(len(SECOND)))
def test_a_frame_with_any_byte_changed_is_damage_and_never_a_short_write(position: int) -> None:
    changed = bytearray(SECOND)
    changed[position] ^= 0x40
    reading = read_frames(FIRST + changed + FIRST)
    assert [frame.number for frame in reading.frames] == [7]
    assert (reading.end, reading.ending) == (len(FIRST), "damaged")


def test_zeros_where_a_frame_should_be_are_damage() -> None:
    assert read_frames(bytes(HEAD_BYTES + 100)).ending == "damaged"
