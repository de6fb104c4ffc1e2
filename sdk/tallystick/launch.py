"""`tallystick run`: start a program so that its calls are recorded, without a change to the program.

The program replaces this process, so signals, exit code, standard input and output are its own. Every
Python that it is or starts finds our `sitecustomize` first in PYTHONPATH. Not reached: an interpreter
started with `-I`, `-E` or `-S`, and one in whose environment Tallystick is not installed, which says so
on standard error.
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NoReturn

from tallystick import instrument

BOOTSTRAP: Final = Path(__file__).parent / "bootstrap"
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
"""What a shell answers in these two cases (POSIX, Shell Command Language, 2.8.2)."""


def run(command: Sequence[str], environ: Mapping[str, str]) -> NoReturn:
    """Replace this process by `command`, recorded. Exits with 126 or 127 when it cannot be started."""
    program = find_program(command[0], environ)
    if program is None:
        _fail(NOT_FOUND, f"{command[0]}: command not found; is it installed, and on PATH?")
    try:
        os.execve(program, list(command), recorded(environ))  # noqa: S606 - a program is to be run
    except OSError as error:
        _fail(NOT_EXECUTABLE, f"{program}: {error.strerror}")


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Return the file to run: as a shell would find it, else beside the Python that runs us."""
    found = shutil.which(name, path=environ.get("PATH", os.defpath))
    return found or shutil.which(name, path=str(Path(sys.executable).parent))


def recorded(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with our bootstrap first in PYTHONPATH, once."""
    ours = str(BOOTSTRAP)
    paths = [path for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**environ, "PYTHONPATH": os.pathsep.join([ours, *(p for p in paths if p != ours)])}


def start_recording() -> None:
    """Start recording in a process that was started by `run`; a fault is said, and the program goes on."""
    try:
        instrument()
    except Exception as error:  # noqa: BLE001 - the program must run all the same
        sys.stderr.write(f"tallystick: NOT RECORDED: {type(error).__name__}: {error}\n")


def _fail(code: int, message: str) -> NoReturn:
    sys.stderr.write(f"tallystick run: {message}\n")
    raise SystemExit(code)
