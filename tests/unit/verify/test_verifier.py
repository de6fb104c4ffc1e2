"""The verifier with several processes."""

from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Self

import pytest

from tallystick.verify.package import PackageSource
from tallystick.verify.verifier import verify
from tests.builder import sample_log
from tests.verifying import messages


class DyingPool:
    """A pool whose processes the system kills, for want of memory say."""

    def __init__(self, *_arguments: object, **_options: object) -> None:
        """Take whatever a pool takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def submit(self, *_work: object, **_options: object) -> None:
        raise BrokenProcessPool


def test_a_process_that_dies_ends_in_an_error_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = sample_log()
    path = tmp_path / "package.zip"
    path.write_bytes(log.package())
    monkeypatch.setattr("tallystick.verify.verifier.ProcessPoolExecutor", DyingPool)
    source = PackageSource(path)
    try:
        report = verify(source, log.policy(), jobs=2)
    finally:
        source.close()
    assert (report.exit_code, report.is_complete) == (1, False)
    assert "a process of the verifier died: run it again with --jobs 1" in messages(report, 1)
