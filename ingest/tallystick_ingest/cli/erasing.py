"""The command for erasures: erase. People ask and confirm with the password of their account; a program cannot."""

import argparse
import getpass
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from tallystick.errors import ConfigError
from tallystick_ingest.cli.saying import add_reveal_option, done_words, said_lines

if TYPE_CHECKING:
    from tallystick_ingest.questions import Questions

_WHOSE: Final = ("principal", "issuer", "subject", "session", "trace", "log_index")


def erase(arguments: Sequence[str]) -> int:
    """Ask for the erasure of somebody's values, confirm one that somebody else asked for, or list them."""
    parser = argparse.ArgumentParser(prog="tallystick erase", description=erase.__doc__)
    parser.add_argument("--as", dest="name", required=True, help="your account; asks its password")
    whose = parser.add_argument_group("whose values: one person, session, trace or record")
    whose.add_argument("--principal", help="a person, by the pseudonym in their records")
    whose.add_argument("--issuer", help="with --subject: who named the person")
    whose.add_argument("--subject", help="a person, as their token or the caller names them")
    whose.add_argument("--session", help="a session, 32 hex digits")
    whose.add_argument("--trace", help="a trace, 32 hex digits")
    whose.add_argument("--log-index", type=int, help="one record")
    parser.add_argument("--confirm", metavar="ID", help="agree to a request of somebody else")
    parser.add_argument("--withdraw", metavar="ID", help="take a request back")
    parser.add_argument("--reason", help="why; without one nothing is asked for, only counted")
    add_reveal_option(parser)
    chosen = parser.parse_args(list(arguments))
    decided = [one for one in (chosen.confirm, chosen.withdraw) if one is not None]
    if len(decided) > 1 or (decided and (_wish(chosen) or not chosen.reason)):
        parser.error("--confirm and --withdraw take one id and a --reason, and nothing else")
    if chosen.reveal is not None and (decided or _wish(chosen)):
        parser.error("--reveal is for the list: give nothing else")
    with signed_in(chosen.name) as questions:
        if decided:
            return _decide(questions, chosen)
        if _wish(chosen):
            return _ask(questions, chosen)
        return _list(questions, chosen.reveal)


def _wish(chosen: argparse.Namespace) -> dict[str, Any]:
    return {name: value for name in _WHOSE if (value := getattr(chosen, name)) is not None}


@contextmanager
def signed_in(name: str) -> "Iterator[Questions]":
    """Ask as a person, in a session that ends with the command."""
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import

    password = _password(name)
    if not password:
        raise ConfigError("no password: type it, or give it on the standard input")
    nobody = Questions.of_this_machine()
    begun = nobody.post("/api/v1/login", {"name": name, "password": password})
    person = Questions(replace(nobody.target, api_key=begun["session"]))
    try:
        yield person
    finally:
        person.post("/api/v1/logout", {})


def _password(name: str) -> str:
    """Ask for a password at a terminal; elsewhere it is the first line of the standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"Password of {name}: ")
    return sys.stdin.readline().rstrip("\n")


def _ask(questions: "Questions", chosen: argparse.Namespace) -> int:
    wish = _wish(chosen)
    if not chosen.reason:
        found = questions.post("/api/v1/erasures/preview", wish)
        print(
            f"{found['entries']} entries: the values of {found['events']} records and {found['spans']} spans,"
            f" and {found['blobs']} large values"
        )
        print("  nothing is asked for yet: say why with --reason")
        return 0
    asked = questions.post("/api/v1/erasures", {**wish, "reason": chosen.reason})
    print(f"{asked['id']}: {asked['entries']} entries wait for somebody else to confirm")
    print(f"  tallystick erase --as SOMEBODY --confirm {asked['id']} --reason WHY")
    return 0


def _decide(questions: "Questions", chosen: argparse.Namespace) -> int:
    if chosen.withdraw is not None:
        said = {"reason": chosen.reason}
        found = questions.post(f"/api/v1/erasures/{chosen.withdraw}/withdraw", said)
    else:
        listed = questions.get("/api/v1/erasures")["erasures"]
        digests = [one["digest"] for one in listed if one["id"] == chosen.confirm]
        if not digests:
            raise ConfigError(f"there is no request {chosen.confirm}: list them without --confirm")
        said = {"digest": digests[0], "reason": chosen.reason}
        found = questions.post(f"/api/v1/erasures/{chosen.confirm}/confirm", said)
    print(f"{found['id']}: {found['state']}")
    return 0


def _list(questions: "Questions", reason: str | None) -> int:
    found = questions.get("/api/v1/erasures", reason=reason)
    for one in found["erasures"]:
        meant = ", ".join(f"{name} {value}" for name, value in one["filter"].items())
        said = said_lines(one, ("asked", "confirmed", "withdrawn"))
        print(
            f"{one['id']}  {one['state']:<18}{one['entries']:>8} entries{done_words(one)}  {meant}{said}"
        )
    if found["failure"] is not None:
        print(f"  not carried out for now: {found['failure']}")
    return 0
