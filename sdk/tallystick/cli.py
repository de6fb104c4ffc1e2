"""The command line: `run`, `doctor`, `verify`, `keys` and `mask`, and what other packages add by entry point.

A command of another package is a function `(arguments) -> exit code`, named in the entry-point group
`tallystick.commands`. It is imported only when it is asked for; the extra in its name is what to install
when that fails.
"""

import argparse
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Final

from tallystick.errors import TallystickError

GROUP: Final = "tallystick.commands"
WRONG_USE: Final = 2
FAILED: Final = 1
OUTPUT_CLOSED: Final = 128 + signal.SIGPIPE
"""As a shell states it of a program that SIGPIPE ended."""
_USAGE_RUN: Final = "tallystick run [--service-name NAME] -- COMMAND [ARGUMENT...]"

Command = Callable[[Sequence[str]], int | None]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; a reader who had enough (`| head`) is no fault to tell of."""
    try:
        code = _run_command(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        if not _is_output_closed():
            raise
        return OUTPUT_CLOSED
    return code


def _run_command(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0 if arguments else WRONG_USE
    if arguments[0] == "--version":
        print(f"tallystick {version('tallystick')}")
        return 0
    command = _find(arguments[0])
    if command is None:
        return WRONG_USE
    try:
        return command(arguments[1:]) or 0
    except TallystickError as error:
        return _complain(f"{arguments[0]}: {error}", FAILED)


def run(arguments: Sequence[str]) -> int:
    """Run a program and record its calls: tallystick run -- COMMAND."""
    from tallystick.launch import run as launch  # noqa: PLC0415 - only this command needs it

    before, separator, command = _split(arguments)
    options = argparse.ArgumentParser(
        prog="tallystick run", usage=_USAGE_RUN, description=run.__doc__
    )
    options.add_argument("--service-name", help="name of the service in the records")
    chosen, unknown = options.parse_known_args(before)
    if not separator or not command:
        options.error("put -- and the command to run behind the options")
    if unknown:
        options.error(f"unrecognized arguments: {' '.join(unknown)}")
    environ = dict(os.environ)
    if chosen.service_name:
        environ["TALLYSTICK_SERVICE_NAME"] = chosen.service_name
    return launch(command, environ)


def doctor(arguments: Sequence[str]) -> int:
    """Say what is hooked and what is wrong; exit code 1 when something failed."""
    from tallystick.doctor import examine, report  # noqa: PLC0415 - imports the frameworks

    parser = argparse.ArgumentParser(prog="tallystick doctor", description=doctor.__doc__)
    parser.parse_args(arguments)
    return report(examine(), print)


def verify(arguments: Sequence[str]) -> int:
    """Verify a store, an evidence package or a service, offline where possible."""
    from tallystick.verify.cli import main as verify_main  # noqa: PLC0415 - only this command needs it

    return verify_main(list(arguments))


_API_KEY_ACTIONS: Final = ("list", "create", "limit", "revoke")
"""Of the service's keys: whoever runs one has the package that asks it."""


def keys(arguments: Sequence[str]) -> int:
    """Show the keys of this machine, print the trust policy, or list, create, limit and revoke API keys."""
    if arguments and arguments[0] in _API_KEY_ACTIONS:
        command = _find("api-keys")
        return WRONG_USE if command is None else command(arguments) or 0
    from tallystick import key_report  # noqa: PLC0415 - only this command needs it

    parser = argparse.ArgumentParser(prog="tallystick keys", description=keys.__doc__)
    actions = parser.add_subparsers(dest="action")
    actions.add_parser("show", help="show what keys there are, and where")
    policy = actions.add_parser("policy", help="print a trust policy; keep it away from the data")
    for action in _API_KEY_ACTIONS:
        actions.add_parser(action, help=f"{action} API keys of a service: --help says more")
    policy.add_argument("--output", type=Path, help="write it to this file")
    chosen = parser.parse_args(arguments)
    if chosen.action != "policy":
        print("\n".join(key_report.lines()))
        return 0
    text = key_report.policy_text()
    if chosen.output is None:
        print(text, end="")
        return 0
    try:
        chosen.output.write_text(text, encoding="ascii")
    except OSError as error:
        return _complain(f"keys: cannot write {chosen.output}: {error.strerror}", FAILED)
    return 0


def mask(arguments: Sequence[str]) -> int:
    """Show what would be masked in a file, and why, without showing it."""
    from tallystick.masking.cli import main as mask_main  # noqa: PLC0415 - only this command needs it

    return mask_main(arguments)


BUILT_IN: Final[dict[str, Command]] = {
    "run": run,
    "doctor": doctor,
    "verify": verify,
    "keys": keys,
    "mask": mask,
}


def _find(name: str) -> Command | None:
    built_in = BUILT_IN.get(name)
    if built_in is not None:
        return built_in
    [*found] = entry_points(group=GROUP, name=name)
    if not found:
        _complain(f"unknown command {name!r}; `tallystick --help` lists them", WRONG_USE)
        return None
    return partial(_run_found, found[0])


def _run_found(found: EntryPoint, arguments: Sequence[str]) -> int:
    """Run the command of another package, which may import what it needs only then."""
    try:
        command: Command = found.load()
        return command(arguments) or 0
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0].startswith("tallystick"):
            raise
        needed = f"{found.name} needs {error.name}; install it with: {_install(found)}"
        return _complain(needed, WRONG_USE)


def _install(found: EntryPoint) -> str:
    extra = f"tallystick[{','.join(found.extras)}]" if found.extras else "tallystick"
    return f"pip install '{extra}'"


def _split(arguments: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    if "--" not in arguments:
        return list(arguments), False, []
    at = list(arguments).index("--")
    return list(arguments[:at]), True, list(arguments[at + 1 :])


def _help() -> str:
    built_in = [f"  {name:<10} {_summary(command)}" for name, command in BUILT_IN.items()]
    others = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return "\n".join(
        [
            "usage: tallystick COMMAND [ARGUMENT...]",
            "",
            *built_in,
            *(f"  {point.name:<10} {_summary_of(point)}" for point in others),
            "",
            "tallystick COMMAND --help says more about one of them.",
        ]
    )


def _summary_of(point: EntryPoint) -> str:
    try:
        return _summary(point.load())
    except ModuleNotFoundError:
        return f"Not installed here: {_install(point)}"


def _summary(command: Command) -> str:
    return (command.__doc__ or "").partition("\n")[0]


def _is_output_closed() -> bool:
    """Whether nobody reads the standard output any more; then what is left for it goes nowhere."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, select.POLLOUT)
    if not any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0)):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output)
    os.close(nowhere)
    return True


def _complain(message: str, code: int) -> int:
    print(f"tallystick: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
