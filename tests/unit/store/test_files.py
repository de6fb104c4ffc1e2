"""Files are whole or absent."""

import os
from pathlib import Path

import pytest

from tallystick_store.files import Files


def test_a_written_file_is_read_back_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    files = Files(tmp_path / "log")
    files.write("tile/0/x001/000.p/3", b"abc")
    assert files.read("tile/0/x001/000.p/3") == b"abc"
    assert list(files.paths(".")) == ["tile/0/x001/000.p/3"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write("checkpoint", b"a much longer first text")
    files.write("checkpoint", b"second")
    assert files.read("checkpoint") == b"second"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    files = Files(tmp_path)
    files.write("checkpoint", b"old")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if call == "fsync" else Path, call, fail)
        with pytest.raises(OSError, match="No space left"):
            files.write("checkpoint", b"new")
    assert files.read("checkpoint") == b"old"


def test_the_folder_is_synced_after_the_rename_and_so_is_each_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    replace = Path.replace

    def sync(folder: Path) -> None:
        steps.append(f"sync {folder.relative_to(tmp_path)}")

    def rename(self: Path, target: Path) -> Path:
        steps.append(f"rename {target.relative_to(tmp_path)}")
        return replace(self, target)

    monkeypatch.setattr("tallystick_store.files.sync_directory", sync)
    monkeypatch.setattr(Path, "replace", rename)
    files = Files(tmp_path)
    files.write("tile/0/000", b"x")
    assert steps == ["sync .", "sync tile", "rename tile/0/000", "sync tile/0"]


def test_what_a_cut_write_left_is_swept_away(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write("tile/0/000", b"whole")
    (tmp_path / "tile/0/001.tmp").write_bytes(b"ha")
    files.sweep()
    assert list(files.paths("tile")) == ["tile/0/000"]


def test_what_is_absent_reads_as_none(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write("tile/0/000", b"x")
    assert files.read("tile/0/001") is None
    assert files.read("tile/0/000/1") is None
    assert files.read("tile/0") is None
    assert list(files.paths("nowhere")) == []


def test_the_folder_of_the_last_partial_goes_with_it(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.write("tile/0/000.p/1", b"a")
    files.write("tile/0/000.p/2", b"b")
    files.remove("tile/0/000.p/1")
    assert (tmp_path / "tile/0/000.p").is_dir()
    files.remove("tile/0/000.p/2")
    assert not (tmp_path / "tile/0/000.p").exists()
