"""The dashboard of a real service: up with it, down with it, and closed to strangers."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, until
from tests.ports import free_port
from tests.requirements import requirement
from tests.serving import Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


class Dashboard:
    """A service whose dashboard listens on a port of its own."""

    def __init__(self, root: Path) -> None:
        self.port = free_port()
        self.service = Service(root, ("--dashboard-port", str(self.port)))

    def start(self) -> "Dashboard":
        self.service.start()
        self.until(lambda: self.status("/login") == 200)
        return self

    def status(self, path: str, method: str = "GET", **headers: str) -> int:
        """Ask for something; 0 where nobody answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, headers=named)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def child(self) -> int | None:
        """Return the process that draws, if there is one; any thread of the service may have it."""
        tasks = Path(f"/proc/{self.service.pid}/task").glob("*/children")
        names = [name for task in tasks for name in task.read_text("ascii").split()]
        return next((int(name) for name in names if _draws(int(name))), None)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        until(holds, lambda: self.service.output)

    def until_gone(self, child: int) -> None:
        """Wait until a process is gone and nobody holds the port any more."""
        self.until(lambda: not _draws(child) and self.status("/login") == 0)


def _draws(pid: int) -> bool:
    """Whether a process is a dashboard that runs."""
    try:
        return b"tallystick_dashboard" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    made = Dashboard(tmp_path).start()
    yield made
    made.service.kill()


@requirement("dashboard.launch")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_ends_with_the_service_however_that_ends(dashboard: Dashboard, number: int) -> None:
    child = dashboard.child()
    assert child is not None
    os.kill(dashboard.service.pid, number)
    assert dashboard.service.process is not None
    code = dashboard.service.process.wait(PATIENCE_S)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    dashboard.until_gone(child)


@requirement("dashboard.launch")
def test_it_is_started_again_at_the_same_address_and_the_service_goes_on(
    dashboard: Dashboard,
) -> None:
    first = dashboard.child()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    dashboard.until(lambda: dashboard.child() not in {None, first})
    dashboard.until(lambda: dashboard.status("/login") == 200)
    assert dashboard.service.ask("GET", "/readyz").status == 200
    assert "it starts again in" in dashboard.service.output


@requirement("dashboard.launch")
def test_the_first_start_prints_the_address_and_a_link_that_leads_there(
    dashboard: Dashboard,
) -> None:
    told = dashboard.service.output
    address = f"http://127.0.0.1:{dashboard.port}/"
    assert f"dashboard    {address}\n" in told
    assert re.search(rf"{address}login#[\w-]{{43}} +\(works once\)", told)


@requirement("dashboard.guard")
def test_strangers_get_the_login_and_nothing_else(dashboard: Dashboard) -> None:
    own = f"http://127.0.0.1:{dashboard.port}"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": own,
    }
    forged = "tallystick_session=forged"
    assert {dashboard.status(path) for path in ("/", "/actions", "/exports")} == {303}
    assert dashboard.status("/static/js/x.js") == 401
    assert dashboard.status("/download/4dfc") == 401
    assert dashboard.status("/_stcore/stream", **upgrade) == 403
    assert dashboard.status("/_stcore/stream", **upgrade, Cookie=forged) == 403
    assert dashboard.status("/_stcore/agent/interact", "POST", Origin=own) == 404
    assert dashboard.status("/", Host="evil.example") == 400
    assert dashboard.status("/login", "POST", Origin="http://evil.example") == 403


@requirement("dashboard.launch")
def test_a_port_that_is_taken_is_said_and_the_service_runs_without_it(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    second = Service(tmp_path / "second", ("--dashboard-port", str(dashboard.port))).start()
    try:
        assert f"port {dashboard.port} on 127.0.0.1 is in use" in second.output
        assert "the service runs without it" in second.output
        assert "/admin#" in second.output
    finally:
        assert second.stop() == 0
