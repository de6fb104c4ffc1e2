"""A package with a report satisfies tools that know nothing of ours: sha256sum, openssl, DuckDB."""

import subprocess
import sys
from pathlib import Path

import pytest

from tallystick.verify.manifest import CONTENT_FILES, REPORT_FILES
from tests.exporting import benign, export, store_log
from tests.requirements import requirement

pytestmark = requirement("export.verifiable", "package.checksums")

SIGNED = ("-inkey", "log-key.pem", "-rawin", "-in", "SHA256SUMS", "-sigfile", "SHA256SUMS.sig")


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    with store_log(folder / "data") as log:
        benign(log, 4)
        exported = export(log)
    (folder / "package.zip").write_bytes(exported.content)
    return exported.unpack(folder / "unpacked")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_sha256sum_accepts_every_file_and_openssl_the_signature(unpacked: Path) -> None:
    done = run(unpacked, "sha256sum", "--strict", "-c", "SHA256SUMS")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK\n") == len(CONTENT_FILES) + len(REPORT_FILES) + 1
    done = run(unpacked, "openssl", "pkeyutl", "-verify", "-pubin", *SIGNED)
    assert (done.returncode, done.stdout) == (0, "Signature Verified Successfully\n")


def test_openssl_prints_the_fingerprint_that_the_report_prints(unpacked: Path) -> None:
    command = "openssl pkey -pubin -in log-key.pem -outform DER | sha256sum"
    done = run(unpacked, "sh", "-c", command)
    assert done.stdout.split()[0] in (unpacked / "report.html").read_text(encoding="utf-8")


def test_the_verifier_of_the_package_runs_on_the_standard_library_alone(unpacked: Path) -> None:
    package = str(unpacked.parent / "package.zip")
    done = run(unpacked, sys.executable, "-I", "-S", "verify.py", package, "--trust-package-keys")
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"{len(CONTENT_FILES) + len(REPORT_FILES) + 4} files: holds" in done.stdout


def test_the_commands_that_the_report_prints_give_the_hashes_that_it_prints(unpacked: Path) -> None:
    for script in ("tables.sql", "queries.sql"):
        program = f"import duckdb; duckdb.execute(open('{script}').read())"
        done = run(unpacked, sys.executable, "-c", program)
        assert done.returncode == 0, done.stderr
    done = run(unpacked, "sha256sum", "--strict", "--quiet", "-c", "results.sha256")
    assert done.returncode == 0, done.stdout
    done = run(unpacked, "sha256sum", "--strict", "--quiet", "-c", "SHA256SUMS")
    assert done.returncode == 0, "the Parquet files that tables.sql makes are those of the package"


def test_sha256sum_names_a_changed_report(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_bytes((unpacked / "SHA256SUMS").read_bytes())
    (tmp_path / "report.html").write_text("all is well")
    done = run(tmp_path, "sha256sum", "--ignore-missing", "-c", "SHA256SUMS")
    assert "report.html: FAILED\n" in done.stdout
