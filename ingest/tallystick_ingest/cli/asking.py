"""The commands that ask the service: actions, trace, tools, credentials."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick_ingest.cli.arguments import (
    MAX_LIST,
    MOMENTS,
    add_reason_option,
    limit,
    period,
    print_json,
    trace_id,
    width,
)

if TYPE_CHECKING:
    from tallystick_ingest.questions import Questions


class _Filter(NamedTuple):
    """What a filter means, and its only values: a slip of the pen must not look like an empty list."""

    sentence: str
    values: Sequence[str] | None = None


FILTERS: Final = {
    "agent": _Filter("name of the agent"),
    "tool": _Filter("name of the tool"),
    "principal": _Filter("on whose behalf: the id, or the keyed pseudonym that is shown for it"),
    "outcome": _Filter(
        "how it ended", ("success", "failure", "denied", "timeout", "cancelled", "unknown")
    ),
    "type": _Filter(
        "type of the record that tells of it",
        ("tool.started", "tool.completed", "tool.denied", "resource.read", "prompt.get"),
    ),
    "session": _Filter("session id"),
    "sealing": _Filter("how it is signed", ("sealed", "recovered", "unsealed", "derived")),
}


def actions(arguments: Sequence[str]) -> int:
    """Tell what was done: one line per tool call, with who, outcome and how it is signed."""
    parser = argparse.ArgumentParser(prog="tallystick actions", description=actions.__doc__)
    parser.add_argument("--from", dest="since", help=f"not before: {MOMENTS}")
    parser.add_argument("--to", dest="until", help="before this moment")
    for name, wanted in FILTERS.items():
        parser.add_argument(f"--{name}", help=wanted.sentence, choices=wanted.values)
    parser.add_argument(
        "--limit",
        type=limit,
        default=50,
        help=f"how many, newest; 1 to {MAX_LIST}, default 50",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    add_reason_option(parser)
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told import action_lines  # noqa: PLC0415

    query = {name: getattr(chosen, name) for name in (*FILTERS, "limit")}
    query |= period(parser, chosen)
    found = Questions.of_this_machine().get("/api/v1/actions", query, chosen.reason)
    if chosen.json:
        print_json(found["actions"])
        return 0
    print("\n".join(action_lines(found["actions"], width())))
    if found["before"] is not None:
        print(f"There are older ones: --limit {MAX_LIST}, or --from and --to.")
    return 0


def trace(arguments: Sequence[str]) -> int:
    """Tell one trace: every call in it with its stages, and how it is signed."""
    parser = argparse.ArgumentParser(prog="tallystick trace", description=trace.__doc__)
    parser.add_argument(
        "id",
        type=trace_id,
        help="trace id, 32 hex digits: `trace_id` in `tallystick actions --json`",
    )
    parser.add_argument("--json", action="store_true", help="print the answer of the service")
    add_reason_option(parser)
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions, segment  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told import trace_lines  # noqa: PLC0415

    found = Questions.of_this_machine().get(
        f"/api/v1/traces/{segment(chosen.id)}", reason=chosen.reason
    )
    if chosen.json:
        print_json([found])
    else:
        print("\n".join(trace_lines(found, chosen.id, width())))
    return 0


def tools(arguments: Sequence[str]) -> int:
    """Tell which tools are known: their definitions, what is flagged in them, and what changed."""
    parser = argparse.ArgumentParser(prog="tallystick tools", description=tools.__doc__)
    parser.add_argument("--server", help="name of the server")
    parser.add_argument("--tool", help="name of the tool")
    parser.add_argument(
        "--history", action="store_true", help="tell each definition, and how it differs"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told_tools import history_lines, tool_lines  # noqa: PLC0415

    questions = Questions.of_this_machine()
    shown = list(_tools(questions, {"server": chosen.server, "tool": chosen.tool}))
    if chosen.history:
        shown = [{**one, **_history(questions, one)} for one in shown if one["is_listed"]]
    if chosen.json:
        print_json(shown)
        return 0
    if chosen.history and shown:
        lines = [
            line for one in shown for line in history_lines(one, one["versions_seen"], width())
        ]
    else:
        lines = tool_lines(shown, width())
    print("\n".join(lines))
    return 0


def credentials(arguments: Sequence[str]) -> int:
    """Tell which credentials a server passed on, and which several people, programs or agents use."""
    parser = argparse.ArgumentParser(prog="tallystick credentials", description=credentials.__doc__)
    parser.add_argument("--json", action="store_true", help="print the answer of the service")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told_credentials import credential_lines  # noqa: PLC0415

    found = Questions.of_this_machine().get("/api/v1/credentials")
    if chosen.json:
        print_json([found])
        return 0
    print("\n".join(credential_lines(found["passed_on"], found["shared"], width())))
    if found["incomplete"]:
        print("There are more: docs/identity.md has the queries to the database.")
    return 0


def _tools(questions: "Questions", query: Mapping[str, str | None]) -> Iterator[Mapping[str, Any]]:
    after: str | None = None
    while True:
        found = questions.get("/api/v1/tools", {**query, "after": after})
        yield from found["tools"]
        after = found["after"]
        if after is None:
            return


def _history(questions: "Questions", tool: Mapping[str, object]) -> dict[str, object]:
    members = ("observer", "server", "server_ref", "service", "agent", "tool")
    key = {name: tool[name] for name in members}
    return {"versions_seen": questions.get("/api/v1/tools/history", key)["versions"]}
