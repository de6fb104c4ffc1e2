"""Zip files that try something: each is refused, and by name."""

import hashlib
import io
import struct
import zipfile
from pathlib import Path

import pytest

from tallystick.errors import VerificationError
from tallystick.verify import archive as archive_module
from tallystick.verify.archive import Archive

NAMES = ("one", "two")


def zipped(
    *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return out.getvalue()


def claiming(content: bytes, size: int, other: int) -> bytes:
    """Change the size that headers and table of contents state of a file."""
    return content.replace(struct.pack("<L", size), struct.pack("<L", other))


GOOD = zipped(("one", b"first\nsecond\n"), ("two", b"2" * 1000))


def opened(folder: Path, content: bytes) -> Archive:
    path = folder / "some.zip"
    path.write_bytes(content)
    return Archive(path, NAMES)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_plain_files_are_read_and_hashed(tmp_path: Path, method: int) -> None:
    archive = opened(tmp_path, zipped(("one", b"first\nsecond\n"), ("two", b""), method=method))
    assert list(archive.lines("one", 100)) == [b"first", b"second"]
    assert archive.read("two") == b""
    assert archive.digest("one") == hashlib.sha256(b"first\nsecond\n").hexdigest()
    archive.close()


@pytest.mark.parametrize("extras", [(), ("a",), ("b", "c"), ("a", "b", "c")])
def test_of_each_group_of_optional_files_all_or_none_are_there(
    tmp_path: Path, extras: tuple[str, ...]
) -> None:
    path = tmp_path / "some.zip"
    path.write_bytes(zipped(*((name, b"1") for name in ("one", *extras))))
    archive = Archive(path, ["one"], ["a"], ["b", "c"])
    assert archive.extras == extras
    archive.close()
    with pytest.raises(VerificationError, match="missing, unknown or repeated files"):
        Archive(path, ["one"], ["b", "d"], ["c"]) if "b" in extras else Archive(path, ["two"])


def test_closing_closes_the_file_however_little_was_read(tmp_path: Path) -> None:
    archive = opened(tmp_path, GOOD)
    lines = archive.lines("one", 100)
    next(lines)
    name = str(tmp_path / "some.zip")
    assert name in open_files()
    archive.close()
    assert name not in open_files()


def open_files() -> set[str]:
    links = list(Path("/proc/self/fd").iterdir())
    return {str(link.readlink()) for link in links if link.is_symlink()}


def test_a_digest_is_that_of_the_whole_file_however_little_was_read(tmp_path: Path) -> None:
    archive = opened(tmp_path, GOOD)
    next(archive.lines("one", 100))
    assert archive.digest("one") == hashlib.sha256(b"first\nsecond\n").hexdigest()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"PK", "cannot be read"),
        (GOOD[:-10], "cannot be read"),
        (zipped(("one", b"")), "missing, unknown or repeated files: 'two'"),
        (zipped(("one", b""), ("two", b""), ("three", b"")), "repeated files: 'three'"),
        (zipped(("one", b""), ("../two", b"")), "'../two'"),
        (zipped(("one", b""), ("two/", b"")), "'two/'"),
        (zipped((link("one"), b"two"), ("two", b"")), "one is a link"),
        (zipped(("one", b""), ("two", b""), method=zipfile.ZIP_BZIP2), "another method"),
        (claiming(GOOD, 1000, 20_000), "two claims to inflate from [0-9]+ to 20000 bytes"),
        (b"#!/bin/sh\n" + GOOD, "bytes of no file stand in front of one"),
    ],
)
def test_a_zip_with_a_trick_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        opened(tmp_path, content)


def test_a_repeated_name_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped(("one", b""), ("two", b""), ("two", b""))
    with pytest.raises(VerificationError, match="repeated files: 'two'"):
        opened(tmp_path, content)


def central(content: bytes, name: bytes) -> int:
    """Give the offset of the central directory's record of a member."""
    position = content.index(b"PK\x01\x02")
    while content[position + 46 : position + 46 + len(name)] != name:
        position = content.index(b"PK\x01\x02", position + 4)
    return position


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    content = bytearray(GOOD)
    content[central(GOOD, b"two") + 8] |= 1
    with pytest.raises(VerificationError, match="two is encrypted"):
        opened(tmp_path, bytes(content))


def test_a_file_above_four_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_module, "MAX_FILE_BYTES", 999)
    with pytest.raises(VerificationError, match="two has 1000 bytes"):
        opened(tmp_path, GOOD)


def test_members_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(("one", b"same"), ("two", b"same")))
    struct.pack_into("<I", content, central(bytes(content), b"two") + 42, 0)
    with pytest.raises(VerificationError, match="overlaps another file"):
        opened(tmp_path, bytes(content))


def test_a_member_that_reaches_into_the_table_of_contents_is_refused(tmp_path: Path) -> None:
    content = bytearray(GOOD)
    struct.pack_into("<I", content, central(GOOD, b"two") + 20, 10_000)
    with pytest.raises(VerificationError, match="table of contents"):
        opened(tmp_path, bytes(content))


@pytest.mark.parametrize("offset", [6, 8, 14, 18, 22])
def test_a_file_whose_two_headers_differ_is_refused(tmp_path: Path, offset: int) -> None:
    """Flags, method, digest, packed size and size stand in both."""
    content = bytearray(GOOD)
    content[offset] ^= 2
    with pytest.raises(VerificationError, match="one is not what the table of contents says"):
        opened(tmp_path, bytes(content))


def test_what_stands_behind_the_end_is_refused(tmp_path: Path) -> None:
    end = GOOD[-22:]
    start, listed = struct.unpack("<I", end[16:20])[0], struct.unpack("<I", end[12:16])[0]
    like_an_end = b"none" + end[4:12] + struct.pack("<II", listed, start + 22) + b"\x00\x00"
    for more in (b"x", like_an_end):
        with pytest.raises(VerificationError, match="around the zip's table of contents"):
            opened(tmp_path, GOOD + more)


def test_a_comment_is_refused_also_when_it_is_not_there(tmp_path: Path) -> None:
    for comment in (b"\x01\x00x", b"\x01\x00"):
        with pytest.raises(VerificationError, match="around the zip's table of contents"):
            opened(tmp_path, GOOD[:-2] + comment)


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    content = bytearray(zipped(("one", b"x" * 100), ("two", b""), method=zipfile.ZIP_STORED))
    content[60] ^= 1
    archive = opened(tmp_path, bytes(content))
    with pytest.raises(VerificationError, match="one cannot be read: Bad CRC-32"):
        archive.read("one")


def test_a_file_that_is_read_as_a_whole_has_a_limit(tmp_path: Path) -> None:
    archive = opened(tmp_path, GOOD)
    with pytest.raises(VerificationError, match="two is too large: expected at most 999, got 1000"):
        archive.read("two", 999)


def test_lines_have_a_limit_and_an_end(tmp_path: Path) -> None:
    archive = opened(tmp_path, GOOD)
    with pytest.raises(VerificationError, match="two has a line of more than 999 bytes"):
        list(archive.lines("two", 999))
    with pytest.raises(VerificationError, match="two does not end in a line feed"):
        list(archive.lines("two", 1000))


def test_a_line_may_be_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "_BLOCK_BYTES", 3)
    lines = [b"", b"1", b"22", b"333", b"4444", b"55555555555", b""]
    archive = opened(tmp_path, zipped(("one", b"\n".join(lines) + b"\n"), ("two", b"")))
    assert list(archive.lines("one", 11)) == lines
    with pytest.raises(VerificationError, match="more than 10 bytes"):
        list(archive.lines("one", 10))
    assert list(archive.lines("two", 10)) == []
