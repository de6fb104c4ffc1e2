"""The tools that are known, told in a terminal: the list of them, and the history of one with what changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tallystick_ingest.terminal import Column, cut, inert, table
from tallystick_ingest.told import moment, proof

Shape = Mapping[str, Any]

LEGEND: Final = (
    "flags: what a person would not see in the definition, or what talks to the model;"
    " in brackets: what honest definitions hold too"
)
HINT: Final = "what changed, and the texts: --history   whole answers: --json"
MAX_DIFF_LINES: Final = 60
MAX_FINDINGS: Final = 20
_SECONDS: Final = len("2026-11-22 19:12:03")
_DIGEST_DIGITS: Final = 12
_REF_DIGITS: Final = 6
_COLUMNS: Final = (
    Column("TOOL", 12, 44),
    Column("SEEN BY", 8, 10),
    Column("DIGEST", _DIGEST_DIGITS, _DIGEST_DIGITS),
    Column("FIRST SEEN (UTC)", 10, _SECONDS),
    Column("LAST SEEN (UTC)", 10, _SECONDS),
    Column("CHANGED", 7, 60),
    Column("FLAGS", 8, 200),
)
NOT_LISTED: Final = "not listed: seen at calls"


def tool_lines(tools: Sequence[Shape], width: int) -> list[str]:
    """Tell tools in at most `width` columns, in the order in which they are given."""
    if not tools:
        return [
            "No tool is recorded here that fits. Record some with: tallystick run -- python agent.py"
        ]
    doubled = _doubled(tools)
    rows = [_row(one, doubled) for one in tools]
    return [*table(_COLUMNS, rows, width), cut(LEGEND, width), cut(HINT, width)]


def history_lines(tool: Shape, versions: Sequence[Shape], width: int) -> list[str]:
    """Tell the definitions of one tool, newest first, each with how it differs from the one before."""
    lines = [f"{name_of(tool)}   seen by {inert(str(tool['observer']))}   {_flags(tool)}"]
    for version in versions:
        lines += [f"   {line}" for line in _version_lines(version)]
    return [cut(line, width) for line in lines]


def name_of(tool: Shape) -> str:
    """Name a tool and whose it is: its server, or for a program's own tool the service and the agent."""
    name, whose = inert(str(tool["tool"])), tool["server"] or tool["service"]
    if whose:
        name = f"{name}@{inert(str(whose))}"
    return f"{name} ({inert(str(tool['agent']))})" if tool["agent"] else name


def _doubled(tools: Sequence[Shape]) -> set[str]:
    """Return the names under which there are several: servers at two addresses, or functions in two places."""
    refs: dict[str, set[str]] = {}
    for one in tools:
        refs.setdefault(_shared(one), set()).add(one["server_ref"])
    return {name for name, found in refs.items() if len(found) > 1}


def _shared(tool: Shape) -> str:
    """Return the name that a server has, or a function."""
    return f"{tool['observer']} {tool['server'] or name_of(tool)}"


def _row(tool: Shape, doubled: set[str]) -> list[str]:
    is_doubled = _shared(tool) in doubled and tool["server_ref"]
    return [
        f"{name_of(tool)} {tool['server_ref'][:_REF_DIGITS]}" if is_doubled else name_of(tool),
        str(tool["observer"]),
        str(tool["digest"])[:_DIGEST_DIGITS],
        moment(tool["first_us"])[:_SECONDS],
        moment(tool["last_us"])[:_SECONDS],
        _changed(tool),
        _flags(tool) if tool["is_listed"] else NOT_LISTED,
    ]


def _changed(tool: Shape) -> str:
    return " ".join(part for part in (_times_changed(tool), new_address(tool)) if part)


def new_address(tool: Shape) -> str:
    """Say that the server was known at another address before, and whether the tool is the same; else nothing."""
    if tool["moved_us"] is None:
        return ""
    former = tool["former_digest"]
    known = "tool not known at the old one" if former is None else "other definition"
    said = "same definition" if former == tool["digest"] else known
    return f"NEW ADDRESS {moment(tool['moved_us'])[:_SECONDS]}: {said}"


def _times_changed(tool: Shape) -> str:
    if not tool["changes"]:
        if tool["moved_us"] is not None and tool["versions"] == 1:
            return ""
        return "-" if tool["versions"] == 1 else f"{tool['versions']} in use"
    times = f"{tool['changes']} x"
    at_us = tool["changed_us"]
    return times if at_us is None else f"{times}, {moment(at_us)[:_SECONDS]}"


def _flags(tool: Shape) -> str:
    if tool["faults"]:
        return proof({**tool, "origin": "native"})
    if tool["flags"] is None:
        return "not inspected"
    notices = _counted(tool["notices"])
    shown = _counted(tool["flags"]) or ("-" if not notices else "")
    return f"{shown} [{notices}]".strip() if notices else shown


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{inert(kind)} {count}" for kind, count in counts.items())


def _version_lines(version: Shape) -> Iterator[str]:
    digest = inert(str(version["digest"]))[:_DIGEST_DIGITS]
    entry = f"log entry {version['log_index']}"
    head = [moment(version["time_us"])[:_SECONDS], digest, entry, inert(version["emitter"])]
    yield "   ".join(head)
    if version["previous_digest"]:
        members = ", ".join(inert(str(one)) for one in version["changed"]) or "members not known"
        before = inert(str(version["previous_digest"]))[:_DIGEST_DIGITS]
        yield f"   CHANGED from {before}: {members}"
    for one in version["findings"][:MAX_FINDINGS]:
        yield f"   flag     {inert(str(one['kind']))} {one['count']} in {inert(str(one['path']))}"
    lines = [line for one in version["diff"] for line in (f"@ {one['member']}", *one["lines"])]
    for line in lines[:MAX_DIFF_LINES]:
        yield f"   {inert(line)}"
    if len(lines) > MAX_DIFF_LINES:
        yield f"   {len(lines) - MAX_DIFF_LINES} more lines: --json"
    if not version["previous_digest"]:
        yield f"   offered  {inert(str(version['definition'] or 'not kept'))}"
