"""Step 9 for data directories: each tile and bundle is the one that the entries give, and none is missing."""

from collections.abc import Callable, Iterator

import pytest

from tallystick.tlog.tiles import append_to_tiles, encode_entries, entries_path, tile_path
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.finding import Finding, Findings
from tallystick.verify.source import Facts
from tallystick.verify.tilefiles import check_tile_files

SIZE = 256 + 5
ENTRIES = [f"entry {number}".encode() for number in range(SIZE)]
LEAVES = b"".join(map(leaf_hash, ENTRIES))
FULL = tile_path(0, 0)
PARTIAL = tile_path(0, 1, 5)
TOP = tile_path(1, 0, 1)
BUNDLE = entries_path(0)
PARTIAL_BUNDLE = entries_path(1, 5)


def whole() -> dict[str, bytes]:
    """Return every file of the log of SIZE entries."""
    files = {tile.path: content for tile, content in append_to_tiles(_nothing, 0, LEAVES)}
    files[BUNDLE] = encode_entries(ENTRIES[:256])
    files[PARTIAL_BUNDLE] = encode_entries(ENTRIES[256:])
    assert set(files) == {FULL, PARTIAL, TOP, BUNDLE, PARTIAL_BUNDLE}
    return files


def _nothing(_: object) -> bytes:
    raise AssertionError("a new log has no tile to read")


class Kept:
    """A source of log files alone."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.facts = Facts("data", "x", "x", "", SIZE, 0, SIZE)
        self._files = files

    def log_files(self) -> Iterator[str]:
        return iter(self._files)

    def log_file(self, path: str, /) -> bytes | None:
        return self._files.get(path)


def checked(files: dict[str, bytes]) -> Findings:
    findings = Findings()
    check_tile_files(Kept(files), LEAVES, findings)  # type: ignore[arg-type]  # it asks for no more
    return findings


def told(findings: Findings) -> list[tuple[str, str]]:
    """Return place and message of every finding; each is a fault of step 9."""
    assert {(one.step, one.severity) for one in findings.listed} <= {(9, "fault")}
    return [(str(one.place), one.message) for one in findings.listed]


def test_the_files_that_the_entries_give_are_counted() -> None:
    findings = checked(whole())
    assert findings.listed == []
    assert findings.checked == {(9, "tiles and bundles"): 5}


@pytest.mark.parametrize("path", sorted(whole()))
def test_each_file_that_is_missing_is_named(path: str) -> None:
    files = whole()
    del files[path]
    assert told(checked(files)) == [(f"log/{path}", "is missing")]


@pytest.mark.parametrize(
    ("partial", "content"),
    [
        (tile_path(0, 0, 7), LEAVES[: 7 * 32]),
        (entries_path(0, 7), encode_entries(ENTRIES[:7])),
        (tile_path(0, 1, 2), LEAVES[256 * 32 : 258 * 32]),
    ],
)
def test_a_partial_file_that_a_wider_one_has_replaced_since_may_stay(
    partial: str, content: bytes
) -> None:
    findings = checked({**whole(), partial: content})
    assert findings.listed == []
    assert findings.checked == {(9, "tiles and bundles"): 6}


def test_a_full_file_stands_for_the_partial_one_that_the_checkpoint_needs() -> None:
    size, full = 255, whole()
    findings = Findings()
    source = Kept({FULL: full[FULL], BUNDLE: full[BUNDLE], PARTIAL: full[PARTIAL]})
    source.facts = Facts("data", "x", "x", "", size, 0, size)
    check_tile_files(source, LEAVES, findings)  # type: ignore[arg-type]  # as above
    assert findings.listed == []


def test_a_file_that_was_not_written_to_its_end_is_a_notice() -> None:
    finding = only(checked({**whole(), f"{PARTIAL}.tmp": b"half"}))
    assert (finding.step, finding.severity, str(finding.place)) == (
        9,
        "notice",
        f"log/{PARTIAL}.tmp",
    )
    assert finding.message == "was left by a write that was cut short"


def only(findings: Findings) -> Finding:
    [finding] = findings.listed
    return finding


def _flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_a_changed_hash_is_named_with_the_entry_that_it_stands_for() -> None:
    files = whole()
    files[PARTIAL] = _flipped(files[PARTIAL], 3 * 32)
    wrong = "hash 259 is not the one that the entries give"
    behind = f"its entry is not the one behind log/{PARTIAL}"
    assert told(checked(files)) == [
        (f"log/{PARTIAL}", wrong),
        (f"log/{PARTIAL_BUNDLE}, log index 259", behind),
    ]


def test_a_changed_hash_above_the_leaves_names_its_own_file_alone() -> None:
    files = whole()
    files[TOP] = _flipped(files[TOP], 31)
    wrong = "hash 0 is not the one that the entries give"
    assert told(checked(files)) == [(f"log/{TOP}", wrong)]


def test_a_changed_entry_of_a_bundle_is_named() -> None:
    files = whole()
    files[BUNDLE] = files[BUNDLE].replace(b"entry 9\x00", b"entry 8\x00", 1)
    assert files[BUNDLE] != whole()[BUNDLE]
    [(place, message), _] = told(checked(files))
    assert (place, message) == (f"log/{BUNDLE}", "hash 9 is not the one that the entries give")


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-1],
    "too long": lambda content: content + b"\0",
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("path", sorted(whole()))
def test_a_file_of_another_length_is_a_fault(path: str, cut: str) -> None:
    files = whole()
    files[path] = CUTS[cut](files[path])
    [(place, _)] = told(checked(files))
    assert place == f"log/{path}"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("tile/0/1", "is no tile and no bundle"),
        ("tile/0/001.p/5x", "is no tile and no bundle"),
        ("tile/00/000", "is not where its tile stands: expected log/tile/0/000"),
        ("tile/0/x000/001.p/5", "is not where its tile stands: expected log/tile/0/001.p/5"),
        (
            "tile/entries/001.p/05",
            "is not where its tile stands: expected log/tile/entries/001.p/5",
        ),
        ("tile/0/001.p/6", f"is beyond the log of {SIZE} entries"),
        ("tile/1/001", f"is beyond the log of {SIZE} entries"),
        ("tile/64/000", "there is no tile level 64: expected 0 to 63"),
    ],
)
def test_a_file_that_no_log_of_this_size_has_is_a_fault(path: str, message: str) -> None:
    assert told(checked({**whole(), path: LEAVES[: 5 * 32]})) == [(f"log/{path}", message)]


def test_a_file_that_went_away_while_it_was_checked_is_a_fault() -> None:
    source = Kept(whole())
    source.log_file = lambda _path, /: None  # type: ignore[method-assign]  # gone between list and read
    findings = Findings()
    check_tile_files(source, LEAVES, findings)  # type: ignore[arg-type]  # as above
    assert {str(one.place) for one in findings.listed} == {f"log/{path}" for path in whole()}
