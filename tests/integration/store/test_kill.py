"""kill -9 of the process that owns the store, at any moment: what was acknowledged is there."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tallystick_store.archive.database import rebuild_database
from tallystick_store.opening import DATABASE_NAME
from tests.requirements import requirement
from tests.stores import LOG, open_archived, rows_of, subject_keys, verify_data

VICTIM = Path(__file__).with_name("victim.py")
ROOT = VICTIM.parents[3]
KILLS = 12
MOST_LINES = 200


def lines_before_the_kill(directory: Path, name: str, threshold: str, lines: int) -> list[str]:
    """Start the victim, kill it after so many acknowledged records, return all that it said."""
    with subprocess.Popen(
        [sys.executable, str(VICTIM), str(directory), name, threshold],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as victim:
        assert victim.stdout is not None
        said = [victim.stdout.readline() for _ in range(lines)]
        victim.kill()
        said += victim.stdout.readlines()
    return [line.decode().strip() for line in said if line.endswith(b"\n")]


@pytest.mark.slow
@requirement("store.append-only", "store.archive")
@pytest.mark.parametrize("threshold", ["256MB", "64KB"])
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path, threshold: str) -> None:
    chance, acknowledged = random.Random(7), set[tuple[str, int, str]]()
    data = tmp_path / "data"
    for life in range(KILLS):
        said = lines_before_the_kill(
            data, f"life {life}", threshold, chance.randrange(1, MOST_LINES)
        )
        for line in said:
            session, seq, leaf = line.split()
            acknowledged.add((session, int(seq), leaf))
        store = open_archived(data)
        assert store.signing_stopped is None
        assert not [notice for notice in store.notices if "does not hold" in notice]
        rows = store.database.rows("SELECT session, seq, lower(hex(leaf_hash)) FROM events")
        assert len(rows) == len(set(rows))
        assert acknowledged <= set(rows)
        store.close()
    before = rows_of(data)
    (data / DATABASE_NAME).unlink()
    made = rebuild_database(data, LOG.key, subject_keys(data))
    assert (made.lost, made.notices) == ((), ())
    assert rows_of(data) == before
    report = verify_data(data)
    assert report.exit_code == 0, report.text


@pytest.mark.slow
def test_a_killed_store_is_read_without_starting_it(tmp_path: Path) -> None:
    data = tmp_path / "data"
    lines_before_the_kill(data, "life", "256MB", 500)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    report = verify_data(data)
    assert report.exit_code == 0, report.text
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before
