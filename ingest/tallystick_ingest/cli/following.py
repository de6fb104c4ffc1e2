"""The commands that follow the service and ask it in SQL: tail, sql."""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from tallystick.errors import ConfigError
from tallystick_ingest.cli.arguments import MOMENTS, print_json, width
from tallystick_ingest.cli.asking import FILTERS

_STANDARD_INPUT: Final = "-"
_CELL_COLUMNS: Final = 60


def tail(arguments: Sequence[str]) -> int:
    """Follow what is done, as it is committed: one line for each action that begins or ends; Ctrl-C ends it."""
    parser = argparse.ArgumentParser(prog="tallystick tail", description=tail.__doc__)
    for name, wanted in FILTERS.items():
        if name != "sealing":
            parser.add_argument(f"--{name}", help=wanted.sentence, choices=wanted.values)
    parser.add_argument(
        "--after", type=int, help="from behind this place of the log; default: from now on"
    )
    parser.add_argument("--count", type=int, help="end after so many actions")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.following import Following  # noqa: PLC0415 - slow to import
    from tallystick_ingest.questions import Questions  # noqa: PLC0415
    from tallystick_ingest.told import tail_line  # noqa: PLC0415

    query = {name: getattr(chosen, name) for name in FILTERS if name != "sealing"}
    after = None if chosen.after is None else str(chosen.after)
    following = Following(Questions.of_this_machine().target, query, after, tell=_tell)
    try:
        for action in islice(following.actions(), chosen.count):
            if chosen.json:
                print_json([action])
            else:
                print(tail_line(action, width()))
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0
    return 0


def sql(arguments: Sequence[str]) -> int:
    """Ask one SELECT over the views actions, events, sessions and spans of a period."""
    parser = argparse.ArgumentParser(prog="tallystick sql", description=sql.__doc__)
    parser.add_argument("query", help="the text, @FILE, or - for standard input")
    parser.add_argument("--from", dest="since", default="24h", help=f"default 24h; {MOMENTS}")
    parser.add_argument("--to", dest="until", default="now", help="before this moment")
    parser.add_argument("--limit", type=int, default=1_000, help="most rows, default 1000")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_ingest.terminal import Column, table  # noqa: PLC0415

    body = {"sql": _text(chosen.query), "from": chosen.since, "to": chosen.until}
    found = Questions.of_this_machine().post("/api/v1/sql", {**body, "limit": chosen.limit})
    names = [str(one["name"]) for one in found["columns"]]
    if chosen.json:
        print_json([dict(zip(names, row, strict=True)) for row in found["rows"]])
    else:
        head = [Column(name, 3, _CELL_COLUMNS) for name in names]
        print("\n".join(table(head, [list(map(_cell, row)) for row in found["rows"]], width())))
    if found["incomplete"]:
        print(f"There are more rows than these {len(found['rows'])}: --limit", file=sys.stderr)
    return 0


def _tell(text: str) -> None:
    print(f"tallystick tail: {text}", file=sys.stderr)


def _text(query: str) -> str:
    if query == _STANDARD_INPUT:
        return sys.stdin.read()
    if not query.startswith("@"):
        return query
    try:
        return Path(query[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{query[1:]} cannot be read as a text: {error}") from None


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
