"""What holds for the program of every framework."""

from collections.abc import Sequence
from pathlib import Path

from tests.integration.frameworks.environments import Run, run
from tests.recorded import disclosed

Ends = Sequence[tuple[str, str]]
"""Name of the tool and outcome of each call, in the order of their ends."""


def assert_unchanged(found: Run, unrecorded: Run, steps: int) -> None:
    """The program saw the same without us, and nothing recorded it then."""
    assert found.seen == unrecorded.seen
    assert len(found.seen) == steps
    assert unrecorded.recording.records == []


def assert_whole(found: Run, ends: Ends) -> None:
    """Each call is one action, with a record before and one after it."""
    assert found.recording.holes() == []
    assert found.recording.lost() == 0
    calls = [r.statement for r in found.recording if "action.id" in r.statement]
    ended = [statement for statement in calls if "outcome" in statement]
    by_agents = [(e["tool.name"], e["outcome"]) for e in ended if e["observer"] == "agent"]
    assert by_agents == list(ends)
    actions = [str(end["action.id"]) for end in ended]
    assert len(set(actions)) == len(actions)
    started = [str(r.statement["action.id"]) for r in found.recording.where(type="tool.started")]
    assert sorted(started) == sorted(actions)


def assert_defined(found: Run) -> None:
    """Each agent's tool is on record, looked at, and once for each agent, before it runs."""
    known = set()
    for record in found.recording:
        said = record.statement
        if said.get("observer") != "agent" or "tool.definition_digest" not in said:
            continue
        use = (said["session"], said.get("agent.name"), said["tool.definition_digest"])
        is_definition = said["type"] == "tooldef.observed"
        assert (use in known) is not is_definition, said["tool.name"]
        if is_definition:
            assert "tool.flags" in said
            known.add(use)
    assert known


def assert_masked(found: Run) -> None:
    """The address that goes through every program is nowhere."""
    text = "".join(record.body for record in found.recording)
    assert "bob@example.com" not in text
    assert "[email:" in text


def assert_joined(found: Run, call_id: str | None = "call-0") -> None:
    """A tool that calls an MCP server is one call from this side, and one from the server's."""
    [agent] = found.ends("multiply", observer="agent")
    [server] = found.ends("multiply", observer="mcp_server")
    assert found.ends("multiply", observer="mcp_client") == []
    assert agent.statement["server.name"] == "calculator"
    assert agent.statement.get("tool.call_id") == call_id
    assert server.statement["trace.id"] == agent.statement["trace.id"]
    assert server.statement["span.parent_id"] == agent.statement["span.id"]


def seen_where_nothing_is_durable(
    environment: str, program: str, tool: str, home: Path
) -> dict[str, object]:
    """Run a program where `tool` is required and the spool cannot be written; what it sees."""
    (home / "file").touch()
    blocked = {"TALLYSTICK_REQUIRED": tool, "TALLYSTICK_SPOOL_DIR": str(home / "file" / "spool")}
    found = run(environment, program, home, **blocked)
    assert found.recording.records == []
    return found.seen


def assert_refunded(found: Run) -> None:
    """The example's agent gave the refund, in ada's name, and its record says so."""
    [refund] = found.ends("refund")
    assert refund.statement["agent.name"] == "billing"
    assert disclosed(refund)["principal.id"] == "ada"
    assert found.seen["stdout"] == "refunded 20 euro for invoice 17\n"
