"""A real service that is killed at a stage of a deletion: its next start ends what was decided, or nothing of it."""

import contextlib
import http.client
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aged import NAMES, Person, aged_service, verified
from tests.files import bytes_of
from tests.integration.ingest.programs.killed import STAGES
from tests.patience import PATIENCE_S, until
from tests.requirements import requirement
from tests.serving import Service

CLASSES = '[[class]]\nname = "calls"\nkeep = "P7M"\ntypes = ["tool.*"]\n'
ALWAYS = ("the confirmation is recorded", "the archive is written anew", "the file is exchanged")
PROGRAM = Path(__file__).with_name("programs") / "killed.py"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = aged_service(tmp_path / "service", 8, CLASSES)
    yield made
    made.kill()


def ask(cora: Person) -> dict[str, object]:
    return cora.post("/deletions", {"class_name": "calls", "reason": "their time is over"})


def confirm(alan: Person, asked: dict[str, object]) -> None:
    alan.post(f"/deletions/{asked['id']}/confirm", {"digest": asked["digest"]})


def wait_until_gone(cora: Person) -> None:
    until(lambda: "0 of 0 entries are due" in cora.run("retention", "plan").stdout)


@requirement("retention.resumed")
@pytest.mark.parametrize(
    "stage", [pytest.param(one, marks=[] if one in ALWAYS else pytest.mark.slow) for one in STAGES]
)
def test_a_deletion_that_was_killed_is_ended_by_the_next_start(
    service: Service, stage: str
) -> None:
    service.wrapper = (sys.executable, str(PROGRAM), stage)
    service.start()
    cora, alan = Person(service, "cora", "compliance"), Person(service, "alan", "admin")
    with contextlib.suppress(OSError, http.client.HTTPException):
        confirm(alan, ask(cora))
    assert service.process is not None
    assert service.process.wait(PATIENCE_S) == -9
    service.wrapper = ()
    service.start()
    if stage == "the set is kept":
        assert cora.run("retention", "requests").stdout.startswith("nobody")
        assert (
            f"{len(NAMES)} of {len(NAMES)} entries are due" in cora.run("retention", "plan").stdout
        )
        confirm(alan, ask(cora))
    wait_until_gone(cora)
    assert service.stop() == 0
    assert b"secret-" not in bytes_of(service.data)
    report = verified(service)
    assert report.returncode == 0, report.stdout
    assert f"{len(NAMES)} deleted entries: holds" in report.stdout
