"""Frames under every cut and every flipped bit: no reader ever sees a frame that was not written."""

from hypothesis import given
from hypothesis import strategies as st

from tallystick.spool.frame import EVENT, SEAL, encode_frame, read_frames
from tests.requirements import requirement

FRAMES = st.lists(
    st.tuples(st.sampled_from([EVENT, SEAL]), st.binary(max_size=60)), min_size=1, max_size=5
)


@requirement("spool.survives-kill")
@given(FRAMES)
def test_a_file_cut_at_any_byte_gives_the_whole_frames_before_the_cut(
    written: list[tuple[int, bytes]],
) -> None:
    encoded = [encode_frame(kind, payload) for kind, payload in written]
    data = b"".join(encoded)
    ends = [sum(map(len, encoded[: count + 1])) for count in range(len(encoded))]
    for cut in range(len(data) + 1):
        reading = read_frames(data[:cut])
        whole = sum(end <= cut for end in ends)
        assert [(f.kind, f.payload) for f in reading.frames] == written[:whole]
        assert reading.end == ([0, *ends])[whole]
        assert reading.ending == ("whole" if cut in (0, *ends) else "torn")


@given(FRAMES, st.data())
def test_a_flipped_bit_is_never_read_as_a_frame(
    written: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    encoded = [encode_frame(kind, payload) for kind, payload in written]
    joined = bytearray(b"".join(encoded))
    bit = data.draw(st.integers(0, len(joined) * 8 - 1))
    joined[bit // 8] ^= 1 << bit % 8
    read = [(f.kind, f.payload) for f in read_frames(bytes(joined)).frames]
    assert read == written[: len(read)]
    assert len(read) < len(written)
