"""`tallystick retention exceptions`: exceptions from the floor of six months, and what two people decide of them."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tallystick.clock import SystemClock
from tallystick.errors import ConfigError
from tallystick_ingest.moment import parse_end
from tallystick_ingest.told import moment

if TYPE_CHECKING:
    from tallystick_ingest.questions import Questions

PATH: Final = "/api/v1/retention/exceptions"
_OPTIONS: Final = ("keep", "until", "class_name", "confirm", "revoke", "reason")


def add_exception_options(parser: argparse.ArgumentParser) -> None:
    """Add what an exception says, and what is decided of one."""
    group = parser.add_argument_group("with `exceptions`: ask for one, or decide of one")
    group.add_argument("--keep", metavar="SPAN", help="for how long at least, such as P1M")
    group.add_argument("--until", metavar="WHEN", help="when the exception ends, such as 90d")
    group.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="one class alone; default: every deletion",
    )
    group.add_argument("--confirm", metavar="ID", help="agree to an exception of somebody else")
    group.add_argument("--revoke", metavar="ID", help="end an exception, or turn it down")
    group.add_argument("--reason", help="why: which law asks for less than six months")


def is_decision(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> bool:
    """Whether more is asked for than a list; end with a usage error for options that do not fit each other."""
    given = {name for name in _OPTIONS if getattr(chosen, name) is not None}
    if not given:
        return False
    if chosen.action != "exceptions":
        parser.error("decisions are of exceptions: these options go with `exceptions` alone")
    if not any(
        (
            {"keep", "until", "reason"} <= given <= {"keep", "until", "reason", "class_name"},
            given == {"confirm", "reason"},
            given == {"revoke", "reason"},
        )
    ):
        parser.error(
            "give --keep, --until and --reason (and --class), or --confirm or --revoke with a --reason"
        )
    return True


def decide(questions: "Questions", chosen: argparse.Namespace) -> Mapping[str, Any]:
    """Ask for an exception, confirm one, or end one; return it. Raises ConfigError."""
    if chosen.keep is not None:
        until_us = parse_end(chosen.until, SystemClock().now_us())
        wanted = {"keep": chosen.keep, "until_us": until_us, "reason": chosen.reason}
        if chosen.class_name is not None:
            wanted["class_name"] = chosen.class_name
        return questions.post(PATH, wanted)
    if chosen.revoke is not None:
        return questions.post(f"{PATH}/{chosen.revoke}/revoke", {"reason": chosen.reason})
    listed = questions.get(PATH)["exceptions"]
    digests = [one["digest"] for one in listed if one["id"] == chosen.confirm]
    if not digests:
        raise ConfigError(f"there is no exception {chosen.confirm}: list them without --confirm")
    said = {"digest": digests[0], "reason": chosen.reason}
    return questions.post(f"{PATH}/{chosen.confirm}/confirm", said)


def exception_line(one: Mapping[str, Any]) -> str:
    """Tell one exception in a line."""
    what = (
        "every deletion" if one["class_name"] is None else f"class {ascii(one['class_name'])[1:-1]}"
    )
    confirmed = f", confirmed by {one['confirmed_by']}" if one["confirmed_by"] else ""
    return (
        f"{one['id']}  {one['state']}  {one['keep']} for {what} until {moment(one['until_us'])[:16]} UTC,"
        f" asked for by {one['requested_by']}{confirmed}"
    )
