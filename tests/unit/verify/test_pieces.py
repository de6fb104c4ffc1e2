"""Pieces of a package: the lines of each file end up with the entries that they belong to."""

from collections.abc import Iterator

from tallystick.verify import pieces as pieces_module
from tallystick.verify.lines import print_content_line
from tallystick.verify.pieces import LineQueue, PackagePiece, cut_pieces
from tallystick.verify.source import EventText, SealText, SpansText


def event(log_index: int, text: str = "x") -> bytes:
    return print_content_line(EventText(log_index, text, ('],"log_index":7,"statement":"',)))


def seal(log_index: int) -> bytes:
    return print_content_line(SealText(log_index, "seal"))


def cut(
    entries: int, events: list[bytes], seals: list[bytes], start: int = 0
) -> tuple[list[PackagePiece], dict[str, LineQueue]]:
    queues = {
        "events": LineQueue(iter(events)),
        "seals": LineQueue(iter(seals)),
        "spans": LineQueue(iter([])),
    }
    lines: Iterator[bytes] = iter([b"entry %d" % (start + number) for number in range(entries)])
    return list(cut_pieces(lines, queues, start)), queues


def test_content_lies_in_the_piece_of_its_entry() -> None:
    found, queues = cut(
        5000, [event(i) for i in range(0, 5000, 2)], [seal(i) for i in range(1, 5000, 2)]
    )
    assert [(piece.start, piece.stop) for piece in found] == [(0, 2048), (2048, 4096), (4096, 5000)]
    for piece in found:
        rows = piece.read()
        assert len(rows.entries) == piece.stop - piece.start
        indexes = [one.log_index for one in rows.events] + [one.log_index for one in rows.seals]
        assert sorted(indexes) == list(range(piece.start, piece.stop))
        assert rows.findings.listed == []
    assert [queue.drain() for queue in queues.values()] == [0, 0, 0]


def test_pieces_begin_at_the_range() -> None:
    [piece], _ = cut(3, [event(100), event(102)], [seal(101)], start=100)
    rows = piece.read()
    assert (piece.start, piece.stop) == (100, 103)
    assert rows.entries == [b"entry 100", b"entry 101", b"entry 102"]
    assert [text.log_index for text in rows.events] == [100, 102]


def test_large_contents_make_small_pieces() -> None:
    large = "x" * (pieces_module.PIECE_BYTES // 20)
    found, _ = cut(100, [event(number, large) for number in range(100)], [])
    assert len(found) > 2
    assert sum(len(piece.read().events) for piece in found) == 100


def test_lines_that_belong_to_no_entry_are_left_over() -> None:
    _, queues = cut(3, [event(0), event(3), event(1)], [])
    assert queues["events"].drain() == 2


def test_a_line_that_says_nowhere_where_it_belongs_is_a_fault() -> None:
    [piece], _ = cut(3, [event(0), b"garbage", b'{"log_index":x', event(2)], [])
    rows = piece.read()
    assert [text.log_index for text in rows.events] == [0, 2]
    assert [(f.step, str(f.place)) for f in rows.findings.listed] == [(1, "events.ndjson")] * 2
    assert "not profile JSON" in rows.findings.listed[0].message


def test_no_entries_make_no_piece() -> None:
    found, queues = cut(0, [event(0)], [])
    assert found == []
    assert queues["events"].drain() == 1


def test_every_kind_of_content_is_read() -> None:
    spans = print_content_line(SpansText(0, ("{}",)))
    piece = PackagePiece(0, 1, b"e\n", {"events": b"", "seals": b"", "spans": spans + b"\n"})
    assert piece.read().spans == [SpansText(0, ("{}",))]
