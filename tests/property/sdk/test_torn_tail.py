"""A session's file cut at every byte: what was whole is adopted and delivered, nothing else, and nothing raises."""

from pathlib import Path

from tallystick.shipping.recovery import take_dead_sessions
from tallystick.spool.files import segment_path
from tallystick.spool.frame import EVENT, read_frames
from tallystick.spool.outbox import Outbox
from tests.emitters import new_session, record
from tests.requirements import requirement


@requirement("spool.survives-kill")
def test_a_session_cut_at_any_byte_gives_its_whole_records_and_the_rest_of_it_as_tail(
    tmp_path: Path,
) -> None:
    session = new_session(tmp_path)
    for sealed in (True, False):
        for _ in range(2):
            session.append(record())
        if sealed:
            session.seal()
    session.release()
    path = segment_path(tmp_path / "spool", session.id, 1)
    data = path.read_bytes()
    frames = read_frames(data).frames
    for cut in range(len(data), -1, -1):
        with path.open("r+b") as file:
            file.truncate(cut)
        whole = [frame for frame in frames if frame.end <= cut]
        (dead,) = take_dead_sessions(tmp_path / "spool")
        dead.lock.release()
        is_sealed = any(frame.kind != EVENT for frame in whole)
        events = sum(frame.kind == EVENT for frame in whole)
        assert len(dead.tail) == events - (2 if is_sealed else 0)
        rest = Outbox(tmp_path / "spool", session.id).rest(1_000_000)
        assert rest is not None
        assert [frame.payload for frame in rest.frames[2:]] == [frame.payload for frame in whole]
        assert not dead.lost
