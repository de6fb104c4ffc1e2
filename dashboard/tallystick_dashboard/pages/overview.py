"""The overview: integrity first, then what happened in a period."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import streamlit as st

from tallystick_dashboard.client import Client, Person
from tallystick_dashboard.figures import Column, Tile, bars, share, table, tiles
from tallystick_dashboard.markup import Child, join, tag
from tallystick_dashboard.period import period_of
from tallystick_dashboard.shell import empty
from tallystick_dashboard.text import safe

Shape = Mapping[str, Any]

_NAME_CHARS: Final = 120


def draw(client: Client, _person: Person) -> None:
    """Draw the page."""
    with st.container(key="corner"):
        period = period_of("24h")
    found = client.overview(period.since)
    with st.container(key="totals"):
        st.html(join(_integrity(found, period.since), _activity(found["totals"], period.since)))
    if not found["totals"]["actions"]:
        empty(
            f"No action is recorded in the {period.words}. Record the tool calls of a program with:",
            "tallystick run -- python agent.py",
        )
        return
    st.html(
        join(
            tag("h2", "Actions over time", tag("small", "UTC"), cls="ts-h2"),
            bars(found["hours"], found["period"]["from_us"], found["period"]["to_us"]),
        )
    )
    left, right = st.columns([3, 2], gap="medium")
    left.html(_tools(found["tools"], period.since))
    right.html(_agents(found["agents"], period.since))


def _integrity(found: Shape, since: str) -> Child:
    totals, log = found["totals"], found["log"]
    stopped = 1 if log["signing_stopped"] else 0
    return join(
        tag("h2", "Integrity", tag("small", _head(log)), cls="ts-h2"),
        tiles(
            (
                Tile(
                    "Unsealed",
                    totals["unsealed"],
                    "Records whose seal has not come: nobody vouches for them yet",
                    "warn",
                    _actions(since, sealing="unsealed"),
                ),
                Tile(
                    "Gaps",
                    totals["gaps"],
                    "Holes in the numbering of sessions",
                    "bad",
                    "/integrity",
                ),
                Tile(
                    "Dropped",
                    totals["drops"],
                    "Records that emitters said they lost",
                    "bad",
                    "/integrity",
                ),
                Tile(
                    "Unmasked at source",
                    totals["unmasked_at_source"],
                    "Records in which the service found what their emitter should have masked",
                    "bad",
                ),
                Tile(
                    "Refusals",
                    totals["refusals"],
                    "Requests and records that the service refused, with the reason on record",
                    "warn",
                ),
                Tile(
                    "Signing stopped",
                    stopped,
                    str(log["signing_stopped"] or "The service signs its log"),
                    "bad",
                    "/integrity",
                ),
            )
        ),
    )


def _head(log: Shape) -> str:
    waiting = log["size"] - log["signed_size"]
    behind = "all signed" if not waiting else f"{waiting:,} not signed yet"
    return f"{log['size']:,} entries in the log, {behind}"


def _activity(totals: Shape, since: str) -> Child:
    return join(
        tag("h2", "Activity", cls="ts-h2"),
        tiles(
            (
                Tile(
                    "Actions",
                    totals["actions"],
                    "Calls of tools, reads of resources, prompts",
                    link=_actions(since),
                ),
                Tile(
                    "Failed",
                    totals["failed"],
                    "Actions that ended in an error or a timeout; the link lists the errors",
                    "plain",
                    _actions(since, outcome="failure"),
                ),
                Tile(
                    "Denied",
                    totals["denied"],
                    "Actions that a policy refused",
                    "plain",
                    _actions(since, outcome="denied"),
                ),
                Tile(
                    "Derived",
                    totals["derived"],
                    "Read out of foreign spans: not signed at their source",
                    link=_actions(since, sealing="derived"),
                ),
                Tile(
                    "Recovered",
                    totals["recovered"],
                    "Adopted from the spool of a process that died",
                    link=_actions(since, sealing="recovered"),
                ),
                Tile(
                    "Masked values",
                    totals["masked"],
                    "Values that were masked before they were recorded",
                ),
            )
        ),
    )


def _tools(tools: list[Shape], since: str) -> Child:
    most = max((one["actions"] for one in tools), default=0)
    rows = [
        (
            tag("a", _named(one["tool"]), href=_actions(since, tool=one["tool"])),
            tag("span", safe(one["server"] or "", _NAME_CHARS), cls="ts-sub"),
            share(one["actions"], most),
            *_counts(one),
        )
        for one in tools
    ]
    columns = (Column("Tool", "34%"), Column("Server", "22%"), Column("", "14%"), *_COUNTS)
    return join(
        tag("h2", "Tools", tag("small", "most used first"), cls="ts-h2"),
        table(columns, rows, "Tools by number of actions", ("ts-cut", "ts-cut")),
    )


def _agents(agents: list[Shape], since: str) -> Child:
    most = max((one["actions"] for one in agents), default=0)
    rows = [
        (
            tag("a", _named(one["agent"]), href=_actions(since, agent=one["agent"])),
            share(one["actions"], most),
            *_counts(one),
        )
        for one in agents
    ]
    columns = (Column("Agent", "46%"), Column("", "20%"), *_COUNTS)
    return join(
        tag("h2", "Agents", tag("small", "most active first"), cls="ts-h2"),
        table(columns, rows, "Agents by number of actions", ("ts-cut",)),
    )


_COUNTS: Final = (
    Column("Actions", is_number=True),
    Column("Failed", is_number=True),
    Column("Denied", is_number=True),
)


def _counts(one: Shape) -> tuple[Child, Child, Child]:
    def count(name: str) -> Child:
        value = one[name]
        return tag("span", f"{value:,}", cls="ts-bad" if value else "ts-sub")

    return f"{one['actions']:,}", count("failed"), count("denied")


def _named(name: str | None) -> Child:
    return safe(name, _NAME_CHARS) if name else "not stated"


def _actions(since: str, **filters: str | None) -> str:
    """Return the address of the list of what a number counts."""
    given = {"period": since, **{name: value for name, value in filters.items() if value}}
    return "/actions?" + "&".join(
        f"{name}={quote(value, safe='')}" for name, value in given.items()
    )
