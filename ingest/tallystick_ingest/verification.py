"""The service checks itself: it runs `tallystick verify --url` over its own log, now and then.

The verifier is a process of its own with nothing but a key to read, a trust policy and low priority. One
runs at a time, for a limited time, and never in the thread of a request. It is the operator's own check:
an auditor runs the verifier on another machine, under a policy of their own.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from tallystick.clock import Clock

MAX_RUN_S: Final = 3_600.0
"""Ours: 10^6 entries take half a minute."""
SHARE: Final = 20.0
"""The pause is at least so many times as long as the last run: a twentieth of one core."""
_PRIORITY: Final = 10
_KEPT_ENV: Final = ("PATH", "LANG", "LC_ALL")
_COMMAND: Final = (
    *(sys.executable, "-I", "-m", "tallystick.cli", "verify"),
    *("--jobs", "1", "--json"),
)
_EXIT_CODES: Final = (0, 1, 2)
_ONLY_CONSISTENT: Final = 2

State = Literal["never", "running", "done", "failed"]

_log = logging.getLogger("tallystick.verification")


@dataclass(frozen=True, slots=True)
class Verification:
    """The last verification that ended; `state` says whether another one runs."""

    state: State = "never"
    checkpoint: int | None = None
    """Tree size that was verified."""
    at_us: int | None = None
    """When it began."""
    exit_code: int | None = None
    """0 verified under the service's own keys, 1 something is wrong, 2 consistent in itself only."""
    steps: tuple[Mapping[str, Any], ...] = ()
    error: str | None = None
    """Why there is no verdict."""
    by: str = "the operator's own check, under the keys that this service holds"


class Verifier:
    """Runs verifications. Safe to use from several threads."""

    def __init__(
        self,
        token: str,
        policy: Callable[[], str],
        clock: Clock,
        every_s: float,
    ) -> None:
        """Read with the key `token`; `every_s` 0: only when asked."""
        self._token = token
        self._policy = policy
        self._clock = clock
        self._every_s = every_s
        self._changed = threading.Condition()
        self._found = Verification()
        self._is_running = self._is_wanted = self._is_closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @property
    def found(self) -> Verification:
        """What the last verification found; while another runs, the state says so."""
        with self._changed:
            is_running = self._is_running or self._is_wanted
            return replace(self._found, state="running") if is_running else self._found

    def start(self, url: str) -> None:
        """Begin to verify the service at `url`, at once unless only when asked."""
        with self._changed:
            if self._thread is not None or self._is_closing:
                return
            self._is_wanted = self._is_wanted or self._every_s > 0
            self._thread = threading.Thread(
                target=self._run, args=(url,), name="tallystick-verifier", daemon=True
            )
            self._thread.start()

    def ask(self) -> Verification:
        """Want a verification now; nothing happens while one runs."""
        with self._changed:
            if not self._is_running and not self._is_closing:
                self._is_wanted = True
                self._changed.notify_all()
        return self.found

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing runs and nothing was asked for; False when that takes too long."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._is_running and not self._is_wanted, timeout_s
            )

    def stop(self) -> None:
        """End the process that runs, and begin no other; does not wait."""
        with self._changed:
            self._is_closing = True
            self._is_wanted = False
            if self._process is not None:
                self._process.kill()
            self._changed.notify_all()

    def close(self) -> None:
        """Stop, and wait until nothing runs any more."""
        self.stop()
        if self._thread is not None:
            self._thread.join()

    def _run(self, url: str) -> None:
        pause_s = self._every_s
        while self._is_due(pause_s):
            began_s = self._clock.monotonic_s()
            found = self._verify(url)
            took_s = self._clock.monotonic_s() - began_s
            pause_s = max(self._every_s, SHARE * took_s) if self._every_s else 0.0
            with self._changed:
                self._found, self._is_running = found, False
                self._changed.notify_all()

    def _is_due(self, pause_s: float) -> bool:
        """Wait until a verification is due or asked for; False when the service closes."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_wanted or self._is_closing, timeout=pause_s or None
            )
            self._is_wanted = False
            self._is_running = not self._is_closing
            return self._is_running

    def _verify(self, url: str) -> Verification:
        began_us = self._clock.now_us()
        try:
            policy = self._policy()
            found = _read(*self._spawn(url, policy), began_us)
            if found.exit_code == _ONLY_CONSISTENT and policy != self._policy():
                return _read(
                    *self._spawn(url, self._policy()), began_us
                )  # somebody enrolled meanwhile
            return found
        except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
            if not self._is_closing:
                _log.warning("the own log was not verified: %s", type(error).__name__)
            return Verification("failed", at_us=began_us, error=_said(error))

    def _spawn(self, url: str, policy: str) -> tuple[int, bytes]:
        """Run the verifier to its end; return its exit code and its report."""
        with tempfile.TemporaryDirectory(prefix="tallystick-verify-") as folder:
            file = Path(folder) / "policy"
            file.write_text(policy, encoding="ascii")
            kept = {name: os.environ[name] for name in _KEPT_ENV if name in os.environ}
            given = {"TALLYSTICK_HOME": folder, "TALLYSTICK_API_KEY": self._token}
            process = self._begin([*_COMMAND, "--url", url, "--policy", str(file)], kept | given)
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, process.pid, _PRIORITY)
            try:
                output, _ = process.communicate(timeout=MAX_RUN_S)
            finally:
                self._end(process)
        return process.returncode, output

    def _begin(self, command: Sequence[str], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        with self._changed:
            if self._is_closing:
                raise subprocess.SubprocessError
            self._process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            return self._process

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        process.kill()
        process.wait()
        with self._changed:
            self._process = None


def _read(code: int, output: bytes, began_us: int) -> Verification:
    report = json.loads(output)
    if code not in _EXIT_CODES or report["exit"] != code:
        raise ValueError("no verdict")
    return Verification(
        "done",
        checkpoint=int(report["tree_size"]),
        at_us=began_us,
        exit_code=code,
        steps=tuple(map(_step, report["steps"])),
        error=None if report["complete"] else "it could not be read to its end, see step 1",
    )


def _step(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": stated["number"],
        "name": stated["name"],
        "checked": stated["checked"],
        "found": stated["totals"]["fault"],
        "not_checked": stated["totals"]["not_checked"],
        "findings": [_finding(one) for one in stated["findings"]],
    }


def _finding(stated: Mapping[str, Any]) -> str:
    place = ", ".join(f"{name} {value}" for name, value in stated["place"].items())
    where = f"{place}: " if place else ""
    return f"{stated['severity'].replace('_', ' ')}: {where}{stated['message']}"


def _said(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"the verifier took longer than {MAX_RUN_S:.0f} s and was ended"
    if isinstance(error, OSError):
        return f"the verifier could not be started: {error.strerror}"
    return (
        "the verifier ended without a verdict: run `tallystick verify --url` and see what it says"
    )
