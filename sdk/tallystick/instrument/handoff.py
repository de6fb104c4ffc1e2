"""A hand-over between agents of a framework, as a record of its own: `agent.handoff`.

`agent.name` is the agent that takes over, `agent.parent_name` the one that hands over, and the arguments are what
the model gave along. Where a framework hands over by a tool, that call has records of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tallystick import runtime
from tallystick.capture.call import ABSENT, MAX_MESSAGE
from tallystick.capture.governance import Setting, draft_in_context
from tallystick.capture.identity import Agent, text
from tallystick.instrument.agent_call import OBSERVER, ToolUse
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_facts import plain
from tallystick.profile import JsonValue

TYPE: Final = "agent.handoff"


@dataclass(frozen=True, slots=True)
class Handoff:
    """What a framework says of a hand-over. `use.agent_name` is the agent that hands over."""

    tool: str
    """Name by which the model asked for it."""
    to_agent: str
    use: ToolUse


def record_handoff(
    framework: Framework, read: Callable[[], Handoff], error: BaseException | None = None
) -> None:
    """Record what `read` gives, and that it failed by `error`. Faults are counted and reach nobody."""

    def record() -> None:
        running = runtime.current()
        if running is not None and framework.is_on:
            handoff = read()
            setting = Setting(OBSERVER, None, replace(handoff.use.acting(), agent=_agents(handoff)))
            disclosures = _disclosures(handoff, error)
            draft = draft_in_context(TYPE, _statement(handoff, error), disclosures, {}, setting)
            running.recorder.record(draft)

    framework.safely(record, records=True)


def _agents(handoff: Handoff) -> Agent:
    return Agent(handoff.to_agent, parent_name=handoff.use.agent_name)


def _statement(handoff: Handoff, error: BaseException | None) -> dict[str, JsonValue]:
    stated: dict[str, JsonValue] = {"tool.name": text(handoff.tool), **handoff.use.statement()}
    if error is None:
        return {**stated, "outcome": "success"}
    return {**stated, "outcome": "failure", "error.type": type(error).__qualname__}


def _disclosures(handoff: Handoff, error: BaseException | None) -> dict[str, object]:
    found: dict[str, object] = {}
    if handoff.use.arguments is not ABSENT:
        found["params"] = plain(handoff.use.arguments)
    if error is not None:
        found["error.message"] = str(error)[:MAX_MESSAGE]
    return found
