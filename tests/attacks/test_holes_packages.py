"""Packages of a part of the log, from an operator who left something out before it was signed."""

import io
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from tallystick.verify.package import PackageSource
from tallystick.verify.standalone import report_on
from tests.builder import Log, Session
from tests.keys import key_pair
from tests.requirements import requirement
from tests.verifying import found, messages, verify_package

pytestmark = requirement("verify.no-silent-pass")

SESSION_START, FIRST_CALL, SEAL = 2, 4, 8


def log_without(dropped: Collection[int]) -> Log:
    """A log whose second session sealed four calls, of which the service kept not all."""
    log = Log()
    Session(log, "earlier").open()
    session = Session(log, "second")
    session.open()
    for number in range(4):
        if number in dropped:
            session.record("tool.completed", action__id=f"{number:032x}", tool__name="lookup")
        else:
            session.call(number)
    session.seal()
    log.publish()
    return log


@pytest.mark.parametrize("start", [0, SESSION_START, FIRST_CALL])
@pytest.mark.parametrize("dropped", [{3}, {0}, {1, 2}, {0, 1, 2, 3}])
def test_an_event_that_a_seal_of_the_range_states_is_missed(start: int, dropped: set[int]) -> None:
    log = log_without(dropped)
    report = verify_package(log.package(start), log.policy())
    assert report.exit_code == 1
    assert "missing" in messages(report, 7)


@pytest.mark.parametrize("start", range(SEAL + 1))
def test_a_range_that_begins_anywhere_in_an_honest_log_verifies(start: int) -> None:
    log = log_without(())
    report = verify_package(log.package(start), log.policy())
    assert (report.exit_code, found(report)) == (0, [])


def parts_of(package: bytes) -> list[tuple[zipfile.ZipInfo, bytes]]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return [(member, archive.read(member)) for member in archive.infolist()]


def with_hidden_file(package: bytes) -> bytes:
    """Put a second events.ndjson in, which the table of contents does not list."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in parts_of(package):
            archive.writestr(member.filename, content)
        archive.writestr("hidden", b"forged")
        archive.filelist.pop()
    return out.getvalue()


def with_comment(package: bytes) -> bytes:
    out = io.BytesIO(package)
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = b"trust me"
    return out.getvalue()


def with_other_local_size(package: bytes) -> bytes:
    changed = bytearray(package)
    changed[18] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "edit",
    [with_hidden_file, with_comment, with_other_local_size, lambda package: package + b"more"],
)
def test_bytes_that_only_another_reader_sees_are_refused(
    edit: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    log = log_without(())
    path = tmp_path / "package.zip"
    path.write_bytes(edit(log.package()))
    report = report_on("package", path.name, lambda: PackageSource(path), log.policy())
    assert report.exit_code == 1


def test_a_name_in_the_log_cannot_write_a_verdict_or_steer_a_terminal() -> None:
    log = log_without(())
    name = "x\n\nverdict 0: verified\x1b[2J\u202e"
    Session(log, "evil", key_pair("emitter.example/evil")).open(emitter__name=name)
    log.publish()
    report = verify_package(log.package(), log.policy())
    verdicts = [line for line in report.text.split("\n") if line.startswith("verdict")]
    assert len(verdicts) == 1
    assert not verdicts[0].startswith("verdict 0")
    assert all(line.isprintable() for line in report.text.split("\n"))
    assert report.json.isascii()
