"""The unit, the container file and the command for health checks, as far as they run without an installation."""

import os
import re
import socket
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick_ingest.settings import SETTINGS, load_settings
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.serving import TALLYSTICK, Service

pytestmark = [pytest.mark.e2e, requirement("operations.packaging")]

Make = Callable[..., Service]
ROOT = Path(__file__).resolve().parents[3]
PACKAGING = ROOT / "packaging"
MAX_EXPOSURE = 2.0
"""Ours, of 10: a network service that writes one directory; what is left is the network itself."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Give the unit with this installation in place of that below /opt."""
    text = (PACKAGING / "systemd" / "tallystick.service").read_text("utf-8")
    path = tmp_path / "tallystick.service"
    path.write_text(text.replace("/opt/tallystick/bin/tallystick", TALLYSTICK), "utf-8")
    return path


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", "--no-pager", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_systemd_finds_nothing_wrong_in_the_unit(unit: Path) -> None:
    done = analyzed("verify", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_calls_the_unit_little_exposed(unit: Path) -> None:
    done = analyzed("security", "--offline=yes", str(unit))
    [level] = re.findall(r"Overall exposure level for tallystick.service: ([\d.]+)", done.stdout)
    assert float(level) <= MAX_EXPOSURE


@pytest.mark.slow
def test_the_service_tells_systemd_when_it_is_ready_and_when_it_stops(
    make_service: Make, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE_S)
        service = make_service(environ={"NOTIFY_SOCKET": str(tmp_path / "notify")}).start()
        assert manager.recv(100) == b"READY=1"
        assert service.stop() == 0
        assert manager.recv(100) == b"STOPPING=1"


@pytest.mark.slow
def test_the_command_for_health_checks_says_what_readiness_says(make_service: Make) -> None:
    service = make_service(options=["--host", "0.0.0.0"]).start()  # noqa: S104 - as in a container
    ready = service.tallystick("health")
    assert (ready.returncode, ready.stdout.startswith("status ready, journal ok")) == (0, True)
    service.kill()
    gone = service.tallystick("health")
    assert (gone.returncode, "no service answers" in gone.stderr) == (1, True)
    never = service.tallystick("health", "--home", str(service.root / "nowhere"))
    assert (never.returncode, "no service was started in" in never.stderr) == (1, True)


@pytest.mark.slow
def test_a_home_that_cannot_be_written_is_said_and_nothing_starts(tmp_path: Path) -> None:
    command = [TALLYSTICK, "up", "--home", "/proc/nobody", "--port", "0", "--grpc-port", "off"]
    done = subprocess.run(
        [*command, "--dashboard-port", "off"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot use the home directory /proc/nobody" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_settings_that_are_shipped_hold(tmp_path: Path) -> None:
    path = PACKAGING / "server.toml"
    loaded = load_settings({}, {"TALLYSTICK_HOME": str(tmp_path)}, str(path))
    assert loaded.config.operations.log_format == "json"
    assert set(tomllib.loads(path.read_text("utf-8"))) <= {one.name for one in SETTINGS}


def test_the_container_file_copies_what_there_is_and_runs_as_nobody_special() -> None:
    text = (PACKAGING / "container" / "Containerfile").read_text("utf-8")
    lines = text.replace("\\\n", " ").splitlines()
    steps = [line.split() for line in lines if line and not line.startswith("#")]
    copied = [
        one for step in steps if step[0] == "COPY" and "--from" not in step[1] for one in step[1:-1]
    ]
    assert [one for one in copied if not (ROOT / one).exists()] == []
    last = max(place for place, step in enumerate(steps) if step[0] == "FROM")
    final = {step[0]: step[1:] for step in steps[last:]}
    assert final["USER"] == ["10001:10001"]
    assert {"HEALTHCHECK", "VOLUME", "STOPSIGNAL", "ENTRYPOINT"} <= set(final)
    assert all(
        "--require-hashes" in " ".join(step)
        for step in steps
        if ".lock" in " ".join(step) and step[0] == "RUN"
    )
    variables = {part.partition("=")[0] for part in final["ENV"]}
    known = {one.env for one in SETTINGS}
    assert {one for one in variables if one.startswith("TALLYSTICK_")} <= known
