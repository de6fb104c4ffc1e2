"""The command for retention: what is due, held and waiting, exceptions from the floor, and what people decide of them.

It asks as a person, by their account: it takes the rights `retain`, `delete.request` and `delete.confirm`.
"""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tallystick_ingest.cli.arguments import print_json
from tallystick_ingest.cli.deciding import (
    DELETIONS_PATH,
    EXCEPTIONS_PATH,
    HOLDS_PATH,
    add_decision_options,
    decision_of,
)
from tallystick_ingest.cli.erasing import signed_in
from tallystick_ingest.cli.saying import add_reveal_option, done_words, said_lines
from tallystick_ingest.told import moment

_US_PER_S: Final = 1_000_000
_PATHS: Final = {
    "plan": ("/api/v1/retention", "classes"),
    "holds": (HOLDS_PATH, "holds"),
    "requests": (DELETIONS_PATH, "deletions"),
    "exceptions": (EXCEPTIONS_PATH, "exceptions"),
}


def retention(arguments: Sequence[str]) -> int:
    """Show what is due by class, holds, requests for deletions and exceptions, or decide of them."""
    parser = _parser()
    chosen = parser.parse_args(list(arguments))
    decision = decision_of(parser, chosen)
    path, member = _PATHS[chosen.action]
    if decision is not None and chosen.reveal is not None:
        parser.error("--reveal is for lists: decide without it")
    with signed_in(chosen.name) as questions:
        rows = (
            [decision.say(questions, chosen)]
            if decision
            else questions.get(path, reason=chosen.reveal)[member]
        )
    if chosen.json:
        print_json(rows)
    elif not rows:
        print(_EMPTY[chosen.action])
    else:
        for row in rows:
            print(_LINES[chosen.action](row))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tallystick retention", description=retention.__doc__)
    parser.add_argument("--as", dest="name", required=True, help="your account; asks its password")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("action", choices=sorted(_PATHS), help="what to show, or to decide of")
    add_reveal_option(parser)
    add_decision_options(parser)
    return parser


def _class_line(one: Mapping[str, Any]) -> str:
    if one["keep"] is None:
        return f"{one['name']}: {one['records']} entries, kept for ever"
    held = f", {one['on_hold']} more are on hold" if one["on_hold"] else ""
    due = f"{one['due']} of {one['records']} entries are due{held}"
    by = f"; below six months by {', '.join(one['exceptions'])}" if one["exceptions"] else ""
    return (
        f"{one['name']}: kept {one['keep']}; {due} (received before {_day(one['before_us'])}){by}"
    )


def _hold_line(one: Mapping[str, Any]) -> str:
    state = "in force" if one["released_index"] is None else "released"
    said = said_lines(one, ("placed", "released"))
    return f"{one['id']}  {state}  {_day(one['placed_us'])}  by {one['placed_by']}  {_words(one['filter'])}{said}"


def _request_line(one: Mapping[str, Any]) -> str:
    kind = "the values of " if one["kind"] == "values" else ""
    asked = f"{kind}{one['count']} entries, asked for by {one['requested_by']} on {_day(one['requested_us'])}"
    confirmed = f", confirmed by {one['confirmed_by']}" if one["confirmed_by"] else ""
    said = said_lines(one, ("asked", "confirmed", "withdrawn"))
    return f"{one['id']}  {one['state']}  {asked}{confirmed}{_done(one)}  {_words(one['filter'])}{said}"


def _done(one: Mapping[str, Any]) -> str:
    """Say when a request was carried out, or what of it is left."""
    if one["left"] and one["kind"] == "records":
        return (
            f", {one['left']} are still to go (a hold, or an erasure that comes first, keeps them)"
        )
    return done_words(one)


def _exception_line(one: Mapping[str, Any]) -> str:
    """Tell one exception in a line."""
    what = (
        "every deletion" if one["class_name"] is None else f"class {ascii(one['class_name'])[1:-1]}"
    )
    confirmed = f", confirmed by {one['confirmed_by']}" if one["confirmed_by"] else ""
    return (
        f"{one['id']}  {one['state']}  {one['keep']} for {what} until {moment(one['until_us'])[:16]} UTC,"
        f" asked for by {one['requested_by']}{confirmed}"
        f"{said_lines(one, ('asked', 'confirmed', 'revoked'))}"
    )


def _words(given: Mapping[str, str]) -> str:
    return " ".join(f"{name}={ascii(value)[1:-1]}" for name, value in given.items()) or "everything"


def _day(moment_us: int) -> str:
    return datetime.fromtimestamp(moment_us / _US_PER_S, UTC).strftime("%Y-%m-%d")


_LINES: Final = {
    "plan": _class_line,
    "holds": _hold_line,
    "requests": _request_line,
    "exceptions": _exception_line,
}
_EMPTY: Final = {
    "plan": "there are no retention classes: everything is kept for ever (docs/retention.md)",
    "holds": "there are no holds",
    "requests": "nobody has asked for a deletion",
    "exceptions": "there are no exceptions: nothing younger than six calendar months is deleted",
}
