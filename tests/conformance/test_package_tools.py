"""A clean package satisfies tools that know nothing of ours: sha256sum and openssl."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.builder import sample_log
from tests.requirements import requirement

pytestmark = requirement("package.checksums")

SIGNED = ("-inkey", "log-key.pem", "-rawin", "-in", "SHA256SUMS", "-sigfile", "SHA256SUMS.sig")


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    (tmp_path / "package.zip").write_bytes(sample_log().package(4, 30))
    with zipfile.ZipFile(tmp_path / "package.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    assert shutil.which(command[0]) is not None
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_sha256sum_accepts_every_file(unpacked: Path) -> None:
    done = run(unpacked, "sha256sum", "--strict", "-c", "SHA256SUMS")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK\n") == 12


def test_sha256sum_names_a_changed_file(unpacked: Path) -> None:
    (unpacked / "events.ndjson").write_bytes(b"{}\n")
    done = run(unpacked, "sha256sum", "--strict", "-c", "SHA256SUMS")
    assert done.returncode == 1
    assert "events.ndjson: FAILED\n" in done.stdout


def test_openssl_accepts_the_signature(unpacked: Path) -> None:
    done = run(unpacked, "openssl", "pkeyutl", "-verify", "-pubin", *SIGNED)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n")


def test_openssl_refuses_changed_sums(unpacked: Path) -> None:
    (unpacked / "SHA256SUMS").write_bytes(b"")
    done = run(unpacked, "openssl", "pkeyutl", "-verify", "-pubin", *SIGNED)
    assert done.returncode == 1
    (unpacked / "SHA256SUMS").write_bytes(b"0")
    assert run(unpacked, "openssl", "pkeyutl", "-verify", "-pubin", *SIGNED).returncode == 1


def test_unzip_of_the_standard_library_finds_no_fault(unpacked: Path) -> None:
    with zipfile.ZipFile(unpacked.parent / "package.zip") as archive:
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
