"""The dashboard beside the service: started, watched, started again, and stopped with it."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest import dashboard
from tallystick_ingest.dashboard import Child, Dashboard, beside
from tallystick_ingest.settings import load_service_config
from tests.patience import PATIENCE_S
from tests.requirements import requirement

OPERATIONS = load_service_config({}, {}).operations
SERVICE = "http://127.0.0.1:4318"


class Children:
    """Spawns programs in place of the dashboard, and tells when there are so many."""

    def __init__(self, *programs: str) -> None:
        self._programs = programs
        self.commands: list[Sequence[str]] = []
        self.processes: list[subprocess.Popen[bytes]] = []

    def spawn(self, command: Sequence[str], _descriptor: int) -> "subprocess.Popen[bytes]":
        program = self._programs[min(len(self.commands), len(self._programs) - 1)]
        self.commands.append(command)
        process = subprocess.Popen([sys.executable, "-S", "-c", program], stdin=subprocess.PIPE)
        self.processes.append(process)
        return process


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


Run = Callable[[Children], Dashboard]


@pytest.fixture
def run(listener: socket.socket) -> Iterator[Run]:
    made: list[tuple[Dashboard, Children]] = []

    def begin(children: Children) -> Dashboard:
        child = Child(SERVICE, "127.0.0.1", ("dash.example",))
        started = Dashboard(child, listener, children.spawn, first_pause_s=0.01)
        made.append((started, children))
        started.start()
        return started

    yield begin
    for started, children in made:
        started.stop()
        assert all(process.poll() is not None for process in children.processes)


def ended(started: Dashboard) -> None:
    """Wait until nothing is watched any more."""
    started._thread.join(PATIENCE_S)  # noqa: SLF001 - there is nothing else to wait for
    assert not started._thread.is_alive()  # noqa: SLF001


UNTIL_CLOSED = "import sys; sys.stdin.buffer.read()"
OBSTINATE = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@requirement("dashboard.launch")
def test_the_child_gets_the_socket_the_service_and_the_names(
    run: Run, listener: socket.socket
) -> None:
    children = Children("raise SystemExit(2)")
    port = listener.getsockname()[1]
    number = listener.fileno()
    ended(run(children))
    [command] = children.commands
    text = " ".join(command)
    assert f"-m tallystick_dashboard --until-stdin-closes --service {SERVICE}" in text
    assert f"--host 127.0.0.1 --port {port} --socket {number} --allowed-host dash.example" in text
    assert command[1] == "-P"


@requirement("dashboard.launch")
def test_a_child_that_dies_is_started_again_and_one_that_cannot_start_is_not(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    children = Children("raise SystemExit(1)", "raise SystemExit(1)", "raise SystemExit(2)")
    ended(run(children))
    assert len(children.commands) == 3
    said = [record.getMessage() for record in caplog.records]
    assert [line.partition(";")[0] for line in said] == [
        "the dashboard ended with 1",
        "the dashboard ended with 1",
        "the dashboard does not start",
    ]


@requirement("dashboard.launch")
def test_stopping_ends_the_child_in_order_and_does_not_start_another(run: Run) -> None:
    children = Children(UNTIL_CLOSED)
    started = run(children)
    started.stop()
    started.stop()
    assert len(children.commands) <= 1
    assert all(process.poll() is not None for process in children.processes)


def test_a_child_that_does_not_want_to_end_is_ended(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "STOP_S", 0.3)
    children = Children(OBSTINATE)
    started = run(children)
    while not children.processes:
        pass
    started.stop()
    assert children.processes[0].returncode < 0


def test_a_dashboard_that_was_never_started_stops_quietly(listener: socket.socket) -> None:
    Dashboard(Child(SERVICE, "127.0.0.1"), listener).stop()
    assert listener.fileno() == -1


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["off", "OFF", " off "])
def test_off_is_no_port(value: str) -> None:
    config = load_service_config({"dashboard_port": value}, {})
    assert config.dashboard.port is None
    assert beside(config.dashboard, SERVICE, OPERATIONS) == "off"


def test_the_port_is_taken_from_the_environment_and_defaults_to_that_of_streamlit() -> None:
    assert load_service_config({}, {}).dashboard.port == 8501
    environ = {"TALLYSTICK_DASHBOARD_PORT": "off"}
    assert load_service_config({}, environ).dashboard.port is None


@pytest.mark.parametrize("value", ["x", "-1", "65536", "on"])
def test_what_is_neither_a_port_nor_off_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"--dashboard-port: expected a whole number .*, or off"):
        load_service_config({"dashboard_port": value}, {})


@requirement("dashboard.guard")
def test_a_public_address_needs_names() -> None:
    given = {"dashboard_host": "0.0.0.0", "dashboard_port": "0"}  # noqa: S104 - refused
    with pytest.raises(ConfigError, match="--dashboard-hosts"):
        beside(load_service_config(given, {}).dashboard, SERVICE, OPERATIONS)
    named = load_service_config({**given, "dashboard_hosts": "Dash.example, b"}, {})
    assert named.dashboard.hosts == ("dash.example", "b")
    made = beside(named.dashboard, SERVICE, OPERATIONS)
    assert isinstance(made, Dashboard)
    made.stop()


@pytest.mark.parametrize("value", ["*", "a,*", "http://dash.example"])
def test_names_are_names(value: str) -> None:
    with pytest.raises(ConfigError, match="--dashboard-hosts: expected names of hosts"):
        load_service_config({"dashboard_hosts": value}, {})


@requirement("dashboard.launch")
def test_a_port_that_is_taken_is_said_and_stops_nothing(listener: socket.socket) -> None:
    config = load_service_config({"dashboard_port": str(listener.getsockname()[1])}, {})
    said = beside(config.dashboard, SERVICE, OPERATIONS)
    assert isinstance(said, str)
    assert "is in use" in said
    assert "--dashboard-port" in said


def test_without_streamlit_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    said = beside(load_service_config({"dashboard_port": "0"}, {}).dashboard, SERVICE, OPERATIONS)
    assert isinstance(said, str)
    assert "pip install 'tallystick[dashboard]'" in said


def test_the_child_gets_no_setting_of_ours_and_none_of_another_streamlit(tmp_path: Path) -> None:
    kept = dashboard._environment(  # noqa: SLF001 - what a child would see
        {
            "PATH": "/bin",
            "TALLYSTICK_API_KEY": "secret",
            "STREAMLIT_SERVER_ENABLE_AGENT_API": "true",
            "LANG": "C",
        }
    )
    assert kept == {"PATH": "/bin", "LANG": "C"}
