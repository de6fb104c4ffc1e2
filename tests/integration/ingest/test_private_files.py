"""What the service and its commands write is for its own user alone, whatever the umask they are started with."""

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.requirements import requirement
from tests.sending import JSON, span_json
from tests.serving import Service

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    old = os.umask(0o022)
    yield
    os.umask(old)


def modes(place: Path) -> dict[str, str]:
    """Return the modes of a file, or of a directory and all in it, where others have any right on it."""
    found = [place, *place.rglob("*")]
    assert place.is_file() or len(found) > 5, found
    stated = {str(one): stat.S_IMODE(one.lstat().st_mode) for one in found}
    return {name: f"{mode:04o}" for name, mode in stated.items() if mode & 0o077}


def done(ran: "subprocess.CompletedProcess[str]") -> None:
    assert ran.returncode == 0, ran.stderr


@requirement("store.private")
def test_nobody_else_may_read_what_is_written(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    data, backup, copy = tmp_path / "data", tmp_path / "backup", tmp_path / "copy"
    data.mkdir(mode=0o755)
    service = make_service(options=["--data", str(data)]).start()
    service.send(span_json({"over": "http"}), "/v1/traces", JSON)
    service.enrol()
    done(service.tallystick("backup", str(backup), "--keys", str(tmp_path / "keys" / "subject")))
    done(service.tallystick("snapshot", str(copy)))
    for place in (data, service.home, backup, copy, tmp_path / "keys" / "subject"):
        assert modes(place) == {}
    assert service.stop() == 0
    done(service.tallystick("rebuild", "--data", str(data)))
    again = tmp_path / "again"
    done(service.tallystick("restore", str(backup), "--data", str(again)))
    assert {**modes(data), **modes(again)} == {}


@requirement("store.private")
def test_a_directory_of_other_things_that_is_open_to_others_is_refused_and_stays_as_it_is(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "other").write_text("of somebody")
    shared.chmod(0o755)
    up = make_service().tallystick("up", "--data", str(shared))
    assert up.returncode == 1
    assert f"name an empty directory, or close it: chmod 700 {shared}" in up.stderr
    assert [one.name for one in shared.iterdir()] == ["other"]
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


@requirement("store.private")
def test_secrets_that_others_may_enter_are_closed_with_a_word_or_refused(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service().start()
    assert service.stop() == 0
    secrets = service.home / "server"
    done(service.tallystick("tenants", "add", "acme"))
    tenants = (secrets / "tenants", secrets / "tenants" / "acme")
    for directory in (secrets, *tenants):
        directory.chmod(0o755)
    service.start()
    assert f"{secrets} was open to others (mode 0755); made 0700" in service.output
    assert {stat.S_IMODE(one.stat().st_mode) for one in (secrets, *tenants)} == {0o700}
    assert service.stop() == 0
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "other").write_text("of somebody")
    shared.chmod(0o755)
    added = service.tallystick(
        "accounts", "--secrets", str(shared), "add", "ada", "--role", "viewer"
    )
    assert (added.returncode, f"chmod 700 {shared}" in added.stderr) == (1, True)
    up = service.tallystick("up", "--data", str(tmp_path / "new"), "--secrets", str(shared))
    assert up.returncode == 1
    assert f"name an empty directory, or close it: chmod 700 {shared}" in up.stderr
    assert [one.name for one in shared.iterdir()] == ["other"]
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755
