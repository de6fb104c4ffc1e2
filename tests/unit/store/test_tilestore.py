"""The log's files: where they stand, what replaces what, and how damage is found."""

import gzip
from pathlib import Path

import pytest

from tallystick.tlog.tiles import Tile, decode_entries, tiles_of
from tallystick_store.files import Files
from tallystick_store.ledger import Ledger
from tallystick_store.published import PublishedLog
from tallystick_store.tilestore import Audit, LogFile, TileStore, files_of, parse_log_path
from tests.requirements import requirement

ENTRIES = [b"entry %d" % number for number in range(700)]


def grown(directory: Path, *sizes: int) -> tuple[TileStore, Ledger]:
    tiles, ledger = TileStore(Files(directory)), Ledger(lambda start, end: ENTRIES[start:end])
    old = 0
    for size in sizes:
        ledger.extend(ENTRIES[old:size])
        tiles.grow(ledger, old, size)
        tiles.drop_partials(old, size)
        old = size
    return tiles, ledger


def paths(directory: Path) -> set[str]:
    return set(Files(directory).paths("."))


def audit(tiles: TileStore, size: int, signed_size: int) -> Audit:
    found = Audit(tiles)
    ledger = Ledger(lambda start, end: ENTRIES[start:end])
    ledger.extend(ENTRIES[:size])
    found.leaves_passed(ledger, 0)
    found.finish(ledger, signed_size)
    return found


@requirement("tlog.tiles")
def test_the_files_of_a_tree_stand_in_the_published_layout(tmp_path: Path) -> None:
    grown(tmp_path, 700)
    assert paths(tmp_path) == {
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/188",
        "tile/1/000.p/2",
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/188",
    }


def test_partial_files_stay_until_the_full_one_is_there(tmp_path: Path) -> None:
    tiles, ledger = grown(tmp_path, 100, 200)
    assert {"tile/0/000.p/100", "tile/0/000.p/200"} <= paths(tmp_path)
    ledger.extend(ENTRIES[200:300])
    tiles.grow(ledger, 200, 300)
    tiles.drop_partials(200, 300)
    assert paths(tmp_path) == {
        "tile/0/000",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/44",
    }


@pytest.mark.parametrize("size", [1, 256, 257, 700, 256 * 256 + 1])
def test_every_path_of_a_tree_is_read_back(size: int) -> None:
    for file in files_of(tiles_of(size)):
        assert parse_log_path(file.path) == file
        assert file.end <= size


def test_large_indexes_are_split_by_thousands() -> None:
    file = LogFile(Tile(0, 1_234_067, 12))
    assert file.path == "tile/0/x001/x234/067.p/12"
    assert parse_log_path(file.path) == file


@pytest.mark.parametrize(
    "path",
    [
        "checkpoint",
        "tile/0/0",
        "tile/8/000",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/012",
        "tile/0/x000/001",
        "tile/0/x1/001",
        "tile/other/000",
        "tile/0/000.tmp",
    ],
)
def test_a_path_of_no_tree_is_none(path: str) -> None:
    assert parse_log_path(path) is None


def test_an_undamaged_log_has_no_damage(tmp_path: Path) -> None:
    tiles, _ = grown(tmp_path, 100, 300, 700)
    found = audit(tiles, 700, 700)
    assert found.damages == []
    assert found.largest_size == 700


@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"]
)
def test_an_edited_file_is_named_and_written_again(tmp_path: Path, path: str) -> None:
    tiles, ledger = grown(tmp_path, 700)
    content = bytearray((tmp_path / path).read_bytes())
    content[-1] ^= 1
    (tmp_path / path).write_bytes(content)
    [damage] = audit(tiles, 700, 700).damages
    assert (damage.path, damage.reason) == (path, "does not hold what the database says")
    tiles.repair([damage], ledger)
    assert audit(tiles, 700, 700).damages == []


@pytest.mark.parametrize(
    "path", ["tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/001"]
)
def test_a_missing_file_is_named_and_written_again(tmp_path: Path, path: str) -> None:
    tiles, ledger = grown(tmp_path, 700)
    (tmp_path / path).unlink()
    [damage] = audit(tiles, 700, 700).damages
    assert (damage.path, damage.reason) == (path, "is missing")
    tiles.repair([damage], ledger)
    assert audit(tiles, 700, 700).damages == []


def test_a_file_of_no_tree_is_named_and_left_alone(tmp_path: Path) -> None:
    tiles, ledger = grown(tmp_path, 10)
    (tmp_path / "tile/notes.txt").write_text("mine")
    [damage] = audit(tiles, 10, 10).damages
    tiles.repair([damage], ledger)
    assert damage.path == "tile/notes.txt"
    assert (tmp_path / "tile/notes.txt").read_text() == "mine"


def test_tiles_beyond_the_database_are_seen(tmp_path: Path) -> None:
    tiles, _ = grown(tmp_path, 700)
    found = audit(tiles, 300, 0)
    assert (found.largest_size, found.damages) == (700, [])


def test_a_full_bundle_stands_as_gzip_and_one_of_an_earlier_version_in_clear(
    tmp_path: Path,
) -> None:
    tiles, ledger = grown(tmp_path, 700)
    place = tmp_path / "tile/entries/001"
    clear = gzip.decompress(place.read_bytes())
    assert decode_entries(clear, 256) == ENTRIES[256:512]
    assert PublishedLog(Files(tmp_path)).line(300) == ENTRIES[300]
    place.write_bytes(clear)
    assert PublishedLog(Files(tmp_path)).line(300) == ENTRIES[300]
    assert audit(tiles, 700, 700).damages == []
    place.write_bytes(gzip.compress(clear[:-1] + b"X"))
    [damage] = audit(tiles, 700, 700).damages
    assert damage.path == "tile/entries/001"
    tiles.repair([damage], ledger)
    assert gzip.decompress(place.read_bytes()) == clear
