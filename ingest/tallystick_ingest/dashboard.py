"""The dashboard beside the service: a child process, started with it, watched, and stopped with it.

The service listens on the dashboard's port and hands the socket down, so that the address is right from
the first moment and survives a restart of the child. The child ends when its standard input closes,
which is when this process is gone, also by SIGKILL. A dashboard that fails never stops the service.
"""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Final

from tallystick.errors import ConfigError
from tallystick_ingest.serving import address_of, bind
from tallystick_ingest.settings.dashboard import DashboardSettings
from tallystick_ingest.settings.operations import OperationsSettings

OFF: Final = "off"
EXTRA: Final = "streamlit"
"""The package that the extra `dashboard` brings."""
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 60.0
STEADY_S: Final = 60.0
"""A child that lived so long starts again at once, and without a longer pause the next time."""
STOP_S: Final = 6.0
_CONFIG_EXIT: Final = 2

_log = logging.getLogger("tallystick.dashboard")


@dataclass(frozen=True, slots=True)
class Child:
    """What the child is told: the service's address, where it listens, and under which names."""

    service: str
    host: str
    hosts: tuple[str, ...] = ()
    log_format: str = "text"
    log_level: str = "warning"
    proxies: tuple[str, ...] = ()
    """Whose word counts for who asks."""

    def command(self, listener: socket.socket) -> Sequence[str]:
        """Return the command line of the child that gets `listener`."""
        host, port = listener.getsockname()[:2]
        named = [part for name in self.hosts for part in ("--allowed-host", name)]
        named += [part for one in self.proxies for part in ("--trusted-proxy", one)]
        return (
            *(sys.executable, "-P", "-m", "tallystick_dashboard", "--until-stdin-closes"),
            *("--service", self.service, "--host", host, "--port", str(port)),
            *("--socket", str(listener.fileno()), *named),
            *("--log-format", self.log_format, "--log-level", self.log_level),
        )


Spawn = Callable[[Sequence[str], int], "subprocess.Popen[bytes]"]


def beside(
    config: DashboardSettings, service_url: str, operations: OperationsSettings
) -> "Dashboard | str":
    """Return the dashboard that the settings ask for, not yet started, or why there is none.

    Raises ConfigError for one that others would reach under names which nobody stated.
    """
    if config.port is None:
        return OFF
    if not config.hosts and not _is_loopback(config.host):
        raise ConfigError(
            f"the dashboard would listen on {config.host}, which others reach: state the "
            "names under which they do with --dashboard-hosts NAME,NAME, or choose --dashboard-port off"
        )
    if find_spec(EXTRA) is None:
        return f"needs {EXTRA}, which is not installed: pip install 'tallystick[dashboard]'"
    try:
        listener = bind(config.host, config.port)
    except ConfigError as error:
        return f"{error} (of the dashboard: --dashboard-port); the service runs without it"
    told = (operations.log_format, operations.log_level, operations.trusted_proxies)
    child = Child(service_url, config.host, config.hosts, *told)
    return Dashboard(child, listener)


class Dashboard:
    """Keeps one child running. `start` and `stop` are called by one thread."""

    def __init__(
        self,
        child: Child,
        listener: socket.socket,
        spawn: Spawn | None = None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """Own `listener` from now on; nothing runs before `start`."""
        self._child = child
        self._listener = listener
        self._spawn = spawn or spawned
        self._first_pause_s = first_pause_s
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, name="dashboard", daemon=True)

    @property
    def url(self) -> str:
        """Where browsers on this machine find it."""
        return address_of(self._listener)

    def start(self) -> None:
        """Start the child, and start it again whenever it ends by itself."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the child: in order, then by force. Does nothing when called again."""
        self._stopping.set()
        with self._lock:
            process = self._process
        if process is not None:
            _end(process)
        if self._thread.ident is not None:
            self._thread.join(STOP_S)
        self._listener.close()

    def _watch(self) -> None:
        pause_s = self._first_pause_s
        while not self._stopping.is_set():
            began_s = time.monotonic()
            process = self._started()
            if process is None:
                return
            code = process.wait()
            _close_input(process)
            if self._stopping.is_set():
                return
            if code == _CONFIG_EXIT:
                _log.error("the dashboard does not start; what it needs stands above")
                self._listener.close()
                return
            if time.monotonic() - began_s >= STEADY_S:
                pause_s = self._first_pause_s
            _log.error("the dashboard ended with %s; it starts again in %.0f s", code, pause_s)
            self._stopping.wait(pause_s)
            pause_s = min(MAX_PAUSE_S, 2 * pause_s)

    def _started(self) -> "subprocess.Popen[bytes] | None":
        """Start a child; None when it was too late for one."""
        with self._lock:
            if self._stopping.is_set():
                return None
            self._process = self._spawn(
                self._child.command(self._listener), self._listener.fileno()
            )
            return self._process


def spawned(command: Sequence[str], descriptor: int) -> "subprocess.Popen[bytes]":
    """Start a child that keeps one descriptor, in a group of its own: Ctrl-C comes from us alone."""
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.PIPE,
        pass_fds=(descriptor,),
        env=_environment(os.environ),
        process_group=0,
    )


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the child gets: no credential of ours, and no settings of another Streamlit."""
    dropped = ("TALLYSTICK_", "STREAMLIT_")
    return {name: value for name, value in environ.items() if not name.startswith(dropped)}


def _close_input(process: "subprocess.Popen[bytes]") -> None:
    """Close our end of the child's standard input, which tells it to end."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    _close_input(process)
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
