"""What people decide by `tallystick retention`: deletions, holds, and exceptions from the floor of six months."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tallystick.clock import SystemClock
from tallystick.errors import ConfigError
from tallystick_ingest.moment import parse_end

if TYPE_CHECKING:
    from tallystick_ingest.questions import Questions

EXCEPTIONS_PATH: Final = "/api/v1/retention/exceptions"
DELETIONS_PATH: Final = "/api/v1/deletions"
HOLDS_PATH: Final = "/api/v1/holds"

Answer = Mapping[str, Any]
Decide = Callable[["Questions", argparse.Namespace], Answer]


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that can be decided: the options that it takes, and how it is said."""

    needs: frozenset[str]
    say: Decide
    may: frozenset[str] = frozenset()
    needs_one_of: frozenset[str] = frozenset()

    def fits(self, given: frozenset[str]) -> bool:
        """Whether these options mean it."""
        further = self.may | self.needs_one_of
        is_any = not self.needs_one_of or bool(given & self.needs_one_of)
        return self.needs <= given <= self.needs | further and is_any


def add_decision_options(parser: argparse.ArgumentParser) -> None:
    """Add what can be decided to the command."""
    group = parser.add_argument_group("to decide something")
    group.add_argument(
        "--reason", help="why: it stands in the log, for as long as nobody erases it"
    )
    group.add_argument(
        "--class", dest="class_name", metavar="NAME", help="requests, exceptions: one class"
    )
    group.add_argument(
        "--filter",
        dest="filters",
        metavar="NAME=PATTERN",
        action="append",
        help="requests, holds: environment, agent, tool, type, session, principal or trace; several narrow it",
    )
    group.add_argument("--name", dest="hold_name", metavar="TEXT", help="holds: place one")
    group.add_argument("--keep", metavar="SPAN", help="exceptions: for how long, such as P1M")
    group.add_argument("--until", metavar="WHEN", help="exceptions: when it ends, such as 90d")
    group.add_argument("--confirm", metavar="ID", help="agree to what somebody else asked for")
    group.add_argument("--withdraw", metavar="ID", help="requests: take one back, or turn it down")
    group.add_argument("--release", metavar="ID", help="holds: end one that somebody else placed")
    group.add_argument("--revoke", metavar="ID", help="exceptions: end one, or turn it down")


def decision_of(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> Decision | None:
    """Return what is decided, None where a list is asked for; end with a usage error for what does not fit."""
    given = frozenset(name for name in _OPTIONS if getattr(chosen, name) is not None)
    found = next((one for one in DECISIONS.get(chosen.action, ()) if one.fits(given)), None)
    if given and found is None:
        nothing = f"`{chosen.action}` decides nothing: give no options"
        parser.error(_USAGE.get(chosen.action, nothing))
    return found


def _ask_exception(questions: "Questions", chosen: argparse.Namespace) -> Answer:
    until_us = parse_end(chosen.until, SystemClock().now_us())
    wanted = {"keep": chosen.keep, "until_us": until_us, "reason": chosen.reason}
    if chosen.class_name is not None:
        wanted["class_name"] = chosen.class_name
    return questions.post(EXCEPTIONS_PATH, wanted)


def _ask_deletion(questions: "Questions", chosen: argparse.Namespace) -> Answer:
    wanted = {"filter": _filter(chosen), "reason": chosen.reason}
    if chosen.class_name is not None:
        wanted["class_name"] = chosen.class_name
    return questions.post(DELETIONS_PATH, wanted)


def _hold(questions: "Questions", chosen: argparse.Namespace) -> Answer:
    said = {"name": chosen.hold_name, "filter": _filter(chosen), "reason": chosen.reason}
    return questions.post(HOLDS_PATH, said)


def _confirm(path: str, member: str) -> Decide:
    """Return how somebody agrees: to exactly what the list shows, by its digest."""

    def say(questions: "Questions", chosen: argparse.Namespace) -> Answer:
        listed = questions.get(path)[member]
        digests = [one["digest"] for one in listed if one["id"] == chosen.confirm]
        if not digests:
            raise ConfigError(
                f"there is none of the {member} with the id {chosen.confirm}: list them without --confirm"
            )
        said = {"digest": digests[0], "reason": chosen.reason}
        return questions.post(f"{path}/{chosen.confirm}/confirm", said)

    return say


def _end(path: str, option: str) -> Decide:
    def say(questions: "Questions", chosen: argparse.Namespace) -> Answer:
        id_ = getattr(chosen, option)
        return questions.post(f"{path}/{id_}/{option}", {"reason": chosen.reason})

    return say


def _filter(chosen: argparse.Namespace) -> dict[str, str]:
    parts = [one.partition("=") for one in chosen.filters or ()]
    for name, sign, value in parts:
        if not (name and sign and value):
            raise ConfigError("--filter: expected NAME=PATTERN, such as tool=pay_*")
    return {name: value for name, _, value in parts}


def _needs(*names: str) -> frozenset[str]:
    return frozenset((*names, "reason"))


_OPTIONS: Final = (
    *("reason", "class_name", "filters", "hold_name", "keep", "until"),
    *("confirm", "withdraw", "release", "revoke"),
)
DECISIONS: Final[Mapping[str, tuple[Decision, ...]]] = {
    "requests": (
        Decision(_needs(), _ask_deletion, needs_one_of=frozenset(("class_name", "filters"))),
        Decision(_needs("confirm"), _confirm(DELETIONS_PATH, "deletions")),
        Decision(_needs("withdraw"), _end(DELETIONS_PATH, "withdraw")),
    ),
    "holds": (
        Decision(_needs("hold_name"), _hold, may=frozenset(("filters",))),
        Decision(_needs("release"), _end(HOLDS_PATH, "release")),
    ),
    "exceptions": (
        Decision(_needs("keep", "until"), _ask_exception, may=frozenset(("class_name",))),
        Decision(_needs("confirm"), _confirm(EXCEPTIONS_PATH, "exceptions")),
        Decision(_needs("revoke"), _end(EXCEPTIONS_PATH, "revoke")),
    ),
}
_USAGE: Final = {
    "requests": "give --class or --filter, or --confirm or --withdraw, with a --reason",
    "holds": "give --name (and --filter), or --release, with a --reason",
    "exceptions": "give --keep, --until (and --class), or --confirm or --revoke, with a --reason",
}
