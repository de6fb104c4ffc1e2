"""Tools: their definitions, what is flagged in them, and what changed since they were first seen."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import streamlit as st

from tallystick_dashboard.amounts import moment
from tallystick_dashboard.client import Client, Person
from tallystick_dashboard.figures import Column, table
from tallystick_dashboard.icons import icon
from tallystick_dashboard.markup import BREAK, Child, Markup, join, tag
from tallystick_dashboard.shell import empty
from tallystick_dashboard.states import calm, odd, sealing
from tallystick_dashboard.text import safe, short
from tallystick_dashboard.trace.record import absence_of

Shape = Mapping[str, Any]

KEY: Final = ("observer", "server", "server_ref", "service", "agent", "tool")
"""What makes two sightings sightings of one tool; all of it stands in the address."""
OWN: Final = ("agent", "function")
"""Who sees tools that are a program's own."""
AFTER: Final = "after"
MAX_DIFF_LINES: Final = 300
MAX_FINDINGS: Final = 100
MAX_TEXT_CHARS: Final = 4_000
_SECONDS: Final = len("2026-11-22 19:12:03")
_DIGEST_CHARS: Final = 12
_OBSERVERS: Final[Mapping[str, str]] = {
    "mcp_client": "clients",
    "mcp_server": "the server",
    "agent": "agents",
    "function": "functions",
}
_COLUMNS: Final = (
    Column("Tool", "20%"),
    Column("Server or service", "16%"),
    Column("Seen by", "92px"),
    Column("Definition", "120px"),
    Column("First seen (UTC)", "150px"),
    Column("Last seen (UTC)", "150px"),
    Column("Changed", "190px"),
    Column("Flags"),
)
_CLASSES: Final = ("ts-cut", "ts-cut", "", "ts-mono", "ts-nowrap", "ts-nowrap", "", "ts-wrap")


def draw(client: Client, _person: Person) -> None:
    """Draw the list, or the history of the tool that the address names."""
    key = {name: st.query_params.get(name, "") for name in KEY}
    if key["tool"] and key["observer"]:
        _draw_history(client, key)
    else:
        _draw_list(client)


def _draw_list(client: Client) -> None:
    after = st.query_params.get(AFTER)
    found = client.tools(after)
    tools = found["tools"]
    with st.container(key="tools_table"):
        if not tools:
            _nothing(after)
            return
        st.html(_head(tools, is_first=after is None, has_more=found["after"] is not None))
        st.html(table(_COLUMNS, map(_row, tools), "Tools, changed ones first", _CLASSES))
    _draw_pager(after, found["after"])
    st.html(
        tag(
            "p",
            "A flag is a reason to read the definition, no verdict: hidden characters, and text that talks to the "
            "model. A definition without flags is not thereby safe. The same list in a terminal: ",
            tag("code", "tallystick tools", cls="ts-command"),
            cls="ts-note",
        )
    )


def _nothing(after: str | None) -> None:
    if after is None:
        empty(
            "No tool's definition is recorded yet. Record the tools that a program offers or uses with:",
            "tallystick run -- python agent.py",
        )
    else:
        empty("There are no more tools.")
        _draw_pager(after, None)


def _draw_pager(after: str | None, following: str | None) -> None:
    """Lead to the first page, and to the one behind this: a page's place stands in the address."""
    links = [tag("a", "First page", href="/tools", cls="ts-button")] if after is not None else []
    if following is not None:
        address = f"/tools?{urlencode({AFTER: following})}"
        links.append(tag("a", "More", icon("right"), href=address, cls="ts-button"))
    if links:
        st.html(join(*links))


def _head(tools: Sequence[Shape], *, is_first: bool, has_more: bool) -> Markup:
    changed = sum(1 for one in tools if one["changes"])
    moved = sum(1 for one in tools if one["moved_us"] is not None)
    flagged = sum(1 for one in tools if one["flags"])
    more = "; there are more" if has_more else ""
    count = f"{len(tools):,} {'shown' if is_first else 'on this page'}"
    said = f"{count}, {changed:,} changed, {moved:,} at a new address, {flagged:,} flagged{more}"
    return tag("h2", "Definitions", tag("small", said), cls="ts-h2")


def _row(tool: Shape) -> tuple[Child, ...]:
    name: Child = tool["tool"]
    if tool["is_listed"]:
        name = tag(
            "a", tool["tool"], href=_address(tool), title="What was offered, and what changed"
        )
    return (
        name,
        _server(tool),
        _OBSERVERS.get(tool["observer"], tool["observer"]),
        tag("span", safe(tool["digest"])[:_DIGEST_CHARS], title=tool["digest"]),
        moment(tool["first_us"])[:_SECONDS],
        moment(tool["last_us"])[:_SECONDS],
        _changed(tool),
        _flags(tool) if tool["is_listed"] else calm("not listed: seen at calls"),
    )


def _server(tool: Shape) -> Markup:
    """Name whose tool it is, with the beginning of its address's pseudonym: names may be shared.

    A program's own tools are told by the service and, below it, the agent.
    """
    ref = tag("span", f" {short(tool['server_ref'])}", cls="ts-sub") if tool["server_ref"] else None
    agent = tag("span", f" {safe(tool['agent'])}", cls="ts-sub") if tool["agent"] else None
    return join(tool["server"] or tool["service"], agent, ref)


def _address(tool: Shape) -> str:
    return f"/tools?{urlencode({name: tool[name] for name in KEY})}"


def _changed(tool: Shape) -> Markup:
    moved = _moved(tool)
    return _times_changed(tool) if moved is None else join(moved, BREAK, _times_changed(tool))


def _moved(tool: Shape) -> Markup | None:
    """Say that the server was known at another address before, and whether the tool is the same."""
    if tool["moved_us"] is None:
        return None
    former = tool["former_digest"]
    when = f"new address {moment(tool['moved_us'])[:_SECONDS]}"
    if former == tool["digest"]:
        return calm(f"{when}, same definition")
    known = (
        "tool not known at the old one"
        if former is None
        else "other definition than at the old one"
    )
    return odd(f"{when}, {known}")


def _times_changed(tool: Shape) -> Markup:
    if tool["changes"]:
        at_us = tool["changed_us"]
        when = "" if at_us is None else f", last {moment(at_us)[:_SECONDS]}"
        return odd(f"{tool['changes']:,} x{when}")
    if tool["versions"] > 1:
        return calm(f"{tool['versions']:,} in use side by side")
    return tag("span", "no", cls="ts-sub")


def _flags(found: Shape) -> Markup:
    if found["faults"]:
        return sealing(found["sealing"], len(found["faults"]))
    if found["flags"] is None:
        return calm("not inspected")
    shown = [odd(_counted(found["flags"]))] if found["flags"] else []
    shown += (
        [tag("span", f" {_counted(found['notices'])}", cls="ts-sub")] if found["notices"] else []
    )
    return join(*shown) if shown else tag("span", "none", cls="ts-sub")


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in counts.items())


def _draw_history(client: Client, key: Mapping[str, str]) -> None:
    found = client.tool_history(key)
    name = f"{safe(key['tool'])}, {_whose(key)}"
    seen_by = _OBSERVERS.get(key["observer"], key["observer"])
    count = len(found["versions"])
    said = f"seen by {seen_by}; {count:,} records, newest first" + (
        "; older ones are not shown" if found["incomplete"] else ""
    )
    st.html(tag("h2", name, tag("small", said), cls="ts-h2"))
    with st.container(key="tool_history"):
        st.html(join(*map(_version, found["versions"])))
    st.html(tag("p", tag("a", "All tools", href="/tools"), cls="ts-note"))


def _whose(key: Mapping[str, str]) -> str:
    if key["observer"] in OWN:
        of = f" of agent {safe(key['agent'])}" if key["agent"] else ""
        return f"in {safe(key['service']) or 'a service without a name'}{of}"
    return f"at {safe(key['server']) or 'a server without a name'}"


def _version(version: Shape) -> Markup:
    digest = safe(version["digest"])[:_DIGEST_CHARS]
    head = tag(
        "h2",
        _title(version),
        tag("small", f"{moment(version['time_us'])[:_SECONDS]} UTC · {digest}"),
        cls="ts-h2",
    )
    facts = [
        ("Digest", tag("dd", version["digest"], cls="ts-mono")),
        ("Emitter", tag("dd", version["emitter"])),
        ("Record", tag("dd", join(f"log entry {version['log_index']} ", _signed(version)))),
        ("Flags", tag("dd", _flags(version))),
    ]
    return join(
        head,
        tag(
            "dl",
            *(part for name, value in facts for part in (tag("dt", name), value)),
            cls="ts-facts",
        ),
        _findings(version["findings"]),
        *map(_diff, version["diff"]),
        None if version["previous_digest"] else _offered(version),
    )


def _title(version: Shape) -> Markup:
    if not version["previous_digest"]:
        return calm("first seen", "ok")
    members = ", ".join(map(safe, version["changed"])) or "members not known"
    return odd(f"changed: {members}")


def _signed(version: Shape) -> Markup:
    return sealing(version["sealing"], len(version["faults"]))


def _findings(findings: Sequence[Shape]) -> Markup | None:
    if not findings:
        return None
    rows = [
        tag("li", tag("strong", safe(one["kind"]).replace("_", " ")), f" in {safe(one['path'])}")
        for one in findings[:MAX_FINDINGS]
    ]
    return tag("ul", *rows, cls="ts-findings")


def _diff(changed: Shape) -> Markup:
    """Show the lines of one member that differ: masked texts, and nothing of them acts."""
    lines = changed["lines"]
    shown: list[Child] = []
    for line in lines[:MAX_DIFF_LINES]:
        shown += [tag("span", line, cls=_LOOKS.get(line[:1])), BREAK]
    if len(lines) > MAX_DIFF_LINES:
        shown.append(f"{len(lines) - MAX_DIFF_LINES:,} more lines: tallystick tools --json")
    label = f"Changes of {safe(changed['member'])}"
    return join(
        tag("p", safe(changed["member"]), cls="ts-note"),
        tag("pre", *shown, cls="ts-shell", tabindex=0, role="group", aria_label=label),
    )


_LOOKS: Final = {"+": "ts-good", "-": "ts-bad", "@": "ts-quiet"}


def _offered(version: Shape) -> Markup:
    definition = version["definition"]
    if definition is None:
        return tag("p", f"What was offered is not shown: {absence_of(version)}.", cls="ts-note")
    label = "Definition as offered, masked"
    return join(
        tag("p", label, cls="ts-note"),
        tag(
            "pre",
            safe(definition, MAX_TEXT_CHARS),
            cls="ts-shell",
            tabindex=0,
            role="group",
            aria_label=label,
        ),
    )
