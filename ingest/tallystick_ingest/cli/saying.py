"""How commands tell what people said with their decisions, and what the log says was carried out."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

_US_PER_S: Final = 1_000_000


def add_reveal_option(parser: argparse.ArgumentParser) -> None:
    """Add --reveal, by which whoever may reveal names is shown names and reasons in a list."""
    parser.add_argument(
        "--reveal",
        metavar="WHY",
        help="lists: show names and reasons too, for this reason, which is on record",
    )


def said_lines(one: Mapping[str, Any], decisions: Sequence[str]) -> str:
    """Return what was said with each decision, a line each; nothing where it is withheld or erased."""
    return "".join(_said(name, one[name]) for name in decisions if one[name] is not None)


def done_words(one: Mapping[str, Any]) -> str:
    """Say when a request was carried out and how much went; nothing until then."""
    done = one["done"]
    if done is None:
        return ""
    when = datetime.fromtimestamp(done["at_us"] / _US_PER_S, UTC).strftime("%Y-%m-%d")
    if done["events"] is None:
        return f", {done['entries']} entries gone on {when}"
    return f", the values of {done['events']} records and {done['spans']} spans gone on {when}"


def _said(decision: str, words: Mapping[str, Any]) -> str:
    texts = [
        f"{name.removesuffix('_name')} {words[name]!a}"
        for name in ("by_name", "name", "reason")
        if words[name]
    ]
    return f"\n  {decision} {', '.join(texts)}" if texts else ""
