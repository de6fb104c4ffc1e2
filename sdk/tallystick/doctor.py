"""`tallystick doctor`: what is hooked, what is recorded, and what a person must look at.

It looks from a process of its own, with the settings of this environment. It imports the installed
frameworks to try each hook on them, asks the service two questions, and starts no session.
"""

import email.utils
import importlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Final, Literal

from tallystick.clock import Clock, SystemClock
from tallystick.config import Config, load_config
from tallystick.errors import ShipError, TallystickError
from tallystick.instrument import (
    KNOWN,
    NOT_CHOSEN,
    OPENTELEMETRYS_LIST,
    chosen,
    install,
    is_on_opentelemetrys_list,
    modules,
    states,
)
from tallystick.keys import EMITTER_FILE, load_emitter_key
from tallystick.masking.compiled import form
from tallystick.runtime import Runtime
from tallystick.shipping.client import Answer, ServiceClient, Target

Grade = Literal["ok", "warning", "FAILED"]

CLOCK_TOLERANCE_S: Final = 5.0
"""Times of records are compared across machines; seconds apart, they tell the wrong story."""
_OK: Final = 200
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis."""

    grade: Grade
    subject: str
    text: str

    def line(self) -> str:
        """Return it as it is printed."""
        return f"{self.grade:<8} {self.subject:<12} {self.text}"


def examine(clock: Clock | None = None) -> list[Finding]:
    """Look at everything. Nothing that is wrong raises; it becomes a finding."""
    try:
        config = load_config()
        running = Runtime(config)
        install(config.frameworks)
    except TallystickError as error:
        return [Finding("FAILED", "settings", str(error))]
    return [
        Finding("ok", "home", str(config.home)),
        Finding("ok", "masking", form()),
        *_disabled(config),
        *frameworks(config),
        *_key(config),
        *_spool(config),
        *_service(running.target, clock or SystemClock()),
        *_status(running),
    ]


def _disabled(config: Config) -> Iterator[Finding]:
    if config.disabled:
        yield Finding("warning", "settings", "nothing is recorded: the setting disabled is true")


def frameworks(config: Config) -> Iterator[Finding]:
    """Import each installed framework that was to be hooked, and say whether its hooks are in."""
    hooked = chosen(config.frameworks)
    for name in KNOWN:
        if name not in hooked:
            yield Finding("ok", name, NOT_CHOSEN)
            continue
        missing = [why for why in map(_import, modules(name)) if why]
        state = states()[name]
        yield Finding("FAILED" if state.startswith("FAILED") else "ok", name, state)
        yield from (Finding("FAILED", name, why) for why in missing)
        if is_on_opentelemetrys_list(name):
            why = f"left out below opentelemetry-instrument: {OPENTELEMETRYS_LIST} names it"
            yield Finding("warning", name, why)


def _import(module: str) -> str | None:
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a framework may fail in any way when it is imported
        return f"module {module} cannot be imported: {type(error).__name__}"
    return None


def _key(config: Config) -> Iterator[Finding]:
    path = config.home / EMITTER_FILE
    if not path.exists():
        yield Finding("ok", "key", f"{path} is made when the first record is written")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        yield Finding("warning", "key", f"{path} can be read by others (mode {mode:04o})")
    try:
        yield Finding("ok", "key", load_emitter_key(config.home, config.emitter_name).key.vkey)
    except (TallystickError, OSError) as error:
        yield Finding("FAILED", "key", str(error))


def _spool(config: Config) -> Iterator[Finding]:
    place = config.spool_dir
    existing = next(path for path in (place, *place.absolute().parents) if path.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("FAILED", "spool", f"{existing} is not writable")
        return
    waiting = len({path.name.partition(".")[0] for path in place.glob("*.spool")})
    yield Finding("ok", "spool", f"{place}: {waiting} sessions in progress or not delivered yet")


def _service(target: Target | None, clock: Clock) -> Iterator[Finding]:
    if target is None:
        yield Finding("ok", "service", "none configured: records stay in the spool")
        return
    client = ServiceClient(target)
    try:
        answer = client.get("/healthz")
        yield Finding("ok", "service", f"{target.endpoint} answers")
        yield _clock(answer, clock)
        yield _credentials(client.get("/api/v1/status"), target)
    except ShipError as error:
        yield Finding("FAILED", "service", str(error))
    finally:
        client.close()


def _clock(answer: Answer, clock: Clock) -> Finding:
    try:
        theirs = email.utils.parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return Finding("warning", "clock", "not compared: the service sent no time")
    theirs_s = theirs.replace(tzinfo=theirs.tzinfo or UTC).timestamp()
    apart_s = abs(clock.now_us() / 1_000_000 - theirs_s)
    if apart_s > CLOCK_TOLERANCE_S:
        return Finding("FAILED", "clock", f"{apart_s:.0f} s apart from the service's; use NTP")
    return Finding("ok", "clock", f"within {CLOCK_TOLERANCE_S:.0f} s of the service's")


def _credentials(answer: Answer, target: Target) -> Finding:
    if answer.status == _OK:
        return Finding("ok", "credentials", "accepted")
    if target.api_key is None:
        said = "no API key: set TALLYSTICK_API_KEY, or run where `tallystick up` wrote credentials.json"
        return Finding("FAILED", "credentials", said)
    return Finding("FAILED", "credentials", f"refused by the service: HTTP {answer.status}")


def _status(running: Runtime) -> Iterator[Finding]:
    status = running.status()
    for text in status.warnings:
        yield Finding("warning", "warning", text)
    for reason, count in status.rejected_reasons.items():
        kept = Path(status.spool_dir) / "rejected"
        yield Finding("FAILED", "rejected", f"{count} records, {reason}; they are in {kept}")
    for text in status.alarms:
        yield Finding("FAILED", "ALARM", text)


def report(findings: Iterable[Finding], say: Callable[[str], object]) -> int:
    """Say each finding; return the exit code: 1 when something failed."""
    code = 0
    for finding in findings:
        say(finding.line())
        code = 1 if finding.grade == "FAILED" else code
    return code
