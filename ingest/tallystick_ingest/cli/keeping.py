"""The commands that write a copy of what is kept: snapshot, export."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex

from tallystick.errors import ConfigError
from tallystick.private_file import make_files_private
from tallystick_ingest.cli.arguments import MOMENTS, period


def snapshot(arguments: Sequence[str]) -> int:
    """Copy the running service's store into a new directory, for `tallystick verify --data`."""
    parser = argparse.ArgumentParser(prog="tallystick snapshot", description=snapshot.__doc__)
    parser.add_argument("directory", type=Path, help="a directory that does not exist yet")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import

    target = chosen.directory.absolute()
    if target.exists():
        raise ConfigError(f"{target} exists already: name a directory that does not exist yet")
    made = Questions.of_this_machine().post("/api/v1/snapshot", {"name": f"taken-{token_hex(8)}"})
    moved(made["directory"], target)
    print(f"{target}: check it with `tallystick verify --data {target} --policy POLICY`")
    return 0


def moved(made: str, target: Path) -> None:
    """Move what the service made in its home to where it is wanted; raise ConfigError."""
    make_files_private()
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.move(made, target)
    except OSError as error:
        raise ConfigError(
            f"it is in {made} on the service's machine, and cannot be moved to {target}:"
            f" {error.strerror or error}"
        ) from error


def export(arguments: Sequence[str]) -> int:
    """Write an evidence package of a period: everything that an auditor needs, in one zip."""
    parser = argparse.ArgumentParser(prog="tallystick export", description=export.__doc__)
    parser.add_argument("--from", dest="since", required=True, help=f"start: {MOMENTS}")
    parser.add_argument("--to", dest="until", default="now", help="end, not included; default: now")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--regime", help="add a report on what the records show for a law, such as eu-ai-act"
    )
    parser.add_argument(
        "--card", type=Path, help="with --regime: the system card, a YAML file of the operator's"
    )
    chosen = parser.parse_args(list(arguments))
    if chosen.card is not None and chosen.regime is None:
        parser.error("--card belongs to a report: give --regime too, such as --regime eu-ai-act")
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import

    wanted_period = period(parser, chosen)
    target = chosen.out.absolute()
    if target.exists():
        raise ConfigError(f"{target} exists already: choose another name, or remove it first")
    questions = Questions.of_this_machine()
    if chosen.regime is None:
        size = questions.download("/api/v1/export", wanted_period, target)
        print(f"{target}: {size} bytes; check it with `tallystick verify {target} --policy POLICY`")
        return 0
    from tallystick_ingest.exporting import Wanted, export_report  # noqa: PLC0415

    wanted = Wanted(wanted_period, chosen.regime, _card(chosen.card))
    size = export_report(questions, wanted, target)
    print(f"{target}: {size} bytes; read report.html in it, and check it with")
    print(f"  tallystick verify {target} --policy POLICY")
    return 0


def _card(path: Path | None) -> str | None:
    """Read a system card; what it must look like is for the service to say."""
    try:
        return None if path is None else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--card: {path} cannot be read as a text: {error}") from None
