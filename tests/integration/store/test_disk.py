"""A full disk: commits are refused while it lasts, nothing else is lost, and then it goes on."""

import os
import subprocess
import sys
from pathlib import Path

from tests.stores import open_store, verify_data

PROGRAM = Path(__file__).with_name("full_disk.py")
ROOT = PROGRAM.parents[3]


def test_commits_are_refused_while_the_disk_is_full_and_go_on_after(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(PROGRAM), str(tmp_path), "1500000"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    said = run.stdout.decode().splitlines()
    assert [line.split()[0] for line in said[-4:]] == ["refused", "refused", "refused", "kept"]
    assert "File too large" in said[-2]
    kept = int(said[-1].split()[1])
    store = open_store(tmp_path)
    assert (store.size, store.notices, store.signing_stopped) == (kept, (), None)
    store.close()
    assert verify_data(tmp_path).exit_code == 0


def test_a_second_process_is_refused_and_told_why(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    program = (
        "import sys; from pathlib import Path; from tests.stores import open_store;"
        "open_store(Path(sys.argv[1]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert run.returncode == 1
    assert f"in use by process {os.getpid()}" in run.stderr.decode()
    store.close()
