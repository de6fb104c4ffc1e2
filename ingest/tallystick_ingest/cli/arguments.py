"""What several commands take and print: periods, limits, JSON lines, the width of the terminal."""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from typing import Final

from tallystick.clock import SystemClock
from tallystick.errors import ConfigError
from tallystick_ingest.auth.reaches import DIMENSIONS, reach_of
from tallystick_ingest.moment import parse_moment
from tallystick_store.reach import Reach

MOMENTS: Final = (
    "2026-11-22T15:00:00Z, 2026-11-22, today, yesterday, now, or how long ago: 30m, 2h, 7d"
)
MAX_LIST: Final = 1_000
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_FALLBACK_SIZE: Final = (160, 24)


def period(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> dict[str, int | None]:
    """Read --from and --to; end with a usage error where nothing can lie between them."""
    now_us = SystemClock().now_us()
    since, until = (
        _moment(option, text, now_us)
        for option, text in (("--from", chosen.since), ("--to", chosen.until))
    )
    if since is not None and until is not None and since >= until:
        parser.error("the period is empty: --from must lie before --to")
    return {"from": since, "to": until}


def _moment(option: str, text: str | None, now_us: int) -> int | None:
    try:
        return None if text is None else parse_moment(text, now_us)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None


def add_reach_options(parser: argparse.ArgumentParser) -> None:
    """Add --environment, --agent, --tool and --resource, each as often as one likes."""
    for dimension in DIMENSIONS:
        parser.add_argument(
            f"--{dimension.removesuffix('s')}",
            dest=dimension,
            action="append",
            metavar="PATTERN",
            help=f"cut the reach to these {dimension}: * is any text, ? one character; default: all",
        )


def add_reason_option(parser: argparse.ArgumentParser) -> None:
    """Add --reason, by which whoever may reveal names is shown them."""
    parser.add_argument(
        "--reason", help="show names of people too, for this reason, which is on record"
    )


def chosen_reach(chosen: argparse.Namespace) -> Reach:
    """Return the reach that these options state; raises ConfigError."""
    return reach_of({dimension: getattr(chosen, dimension) for dimension in DIMENSIONS})


def limit(text: str) -> int:
    """Read how many lines to list; argparse tells what is wrong with it."""
    if text.isdecimal() and text.isascii() and 1 <= int(text) <= MAX_LIST:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {MAX_LIST}, got {text!r}")


def trace_id(text: str) -> str:
    """Read a trace id in either case; argparse tells what is wrong with it."""
    if _TRACE_ID.fullmatch(text.lower()):
        return text.lower()
    raise argparse.ArgumentTypeError(f"expected 32 hex digits, got {text!r}")


def print_json(values: Sequence[object]) -> None:
    """Print JSON lines; outside ASCII everything is escaped, so that nothing acts on a terminal."""
    for value in values:
        print(json.dumps(value, sort_keys=True))


def width() -> int:
    """Return the terminal's width; wide where the output is no terminal."""
    if not sys.stdout.isatty():
        return _FALLBACK_SIZE[0]
    return max(40, shutil.get_terminal_size(_FALLBACK_SIZE).columns)
