"""A tool call as an agent framework makes it: the same frame around the call in every framework.

The call is recorded by the observer `agent`: what the model asked for, what the tool gave back, under
the name that the framework has for the agent. Hooks further in, the MCP client that sends the call or
the decorated function behind it, add to that record instead of making one of their own.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, TypeVar

import orjson

from tallystick import runtime, spans
from tallystick.call import (
    ABSENT,
    Call,
    Ending,
    Observer,
    Sighting,
    current_call,
    made_current,
    same_call,
)
from tallystick.context import said_agent, stated_identity
from tallystick.definition import ToolDefinition, read_definition
from tallystick.identity import Agent, Identity, text
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_facts import plain
from tallystick.instrument.observe import announced, announced_here, refuse_unseen
from tallystick.profile import JsonValue

Result = TypeVar("Result")

OBSERVER: Final[Observer] = "agent"
DEFINITIONS: Final = 1024
"""Definitions of tools that are kept, so that a digest is not made for each call."""
_HINTS: Final = ("readOnlyHint", "destructiveHint")


@dataclass(frozen=True, slots=True)
class ToolUse:
    """What a framework says when one of its agents calls a tool; None and "" are things it does not say."""

    arguments: object = ABSENT
    call_id: str | None = None
    agent_name: str | None = None
    conversation_id: str | None = None
    definition: ToolDefinition | None = None
    facts: Mapping[str, str | None] = field(default_factory=dict)
    """Further fields of the statement."""
    identity: Identity | None = None
    """Who acts, where the framework knows better than `caller()` and `agent()`."""

    def statement(self) -> dict[str, JsonValue]:
        """Return what can also be added to a call that another hook has seen before."""
        said = {
            **self.facts,
            "tool.call_id": self.call_id,
            "conversation.id": self.conversation_id,
        }
        return {name: text(value) for name, value in said.items() if value}

    def sighting(self, name: str, observer: Observer = OBSERVER) -> Sighting:
        """Return it as the beginning of a call of the tool `name`."""
        return Sighting(
            observer=observer,
            target="tool",
            name=name,
            params=plain(self.arguments),
            statement=self.statement(),
            identity=self.identity or replace(stated_identity(), agent=self._agent()),
            definition=self.definition,
        )

    def _agent(self) -> Agent | None:
        """Return the framework's agent; its parent is the one around it, or the one whose tool it is."""
        around = stated_identity().agent
        if not self.agent_name or (around is not None and around.name == self.agent_name):
            return around
        above = said_agent() or _calling_agent()
        parent = above.name if above is not None and above.name != self.agent_name else None
        return Agent(self.agent_name, parent_name=parent)


class AgentCalls:
    """Surrounds the calls of one framework.

    `ending_of` reads a result, `error_ending_of` what was raised. `read` is asked once for each call that
    is recorded; its faults are counted and never reach the host.
    """

    def __init__(
        self,
        framework: Framework,
        ending_of: Callable[[Any], Ending] = ended_well,
        error_ending_of: Callable[[BaseException], Ending] = ended_with,
        observer: Observer = OBSERVER,
    ) -> None:
        self._framework = framework
        self._ending_of = ending_of
        self._error_ending_of = error_ending_of
        self._observer = observer

    async def observe(
        self, name: str, read: Callable[[], ToolUse], proceed: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Let a call run and record it. Raises what `proceed` raises, and RefusedError as `tool_call` does."""
        call = self._begun(name, read)
        if call is None:
            return await proceed()
        with made_current(call), spans.activated(call.span):
            try:
                await announced(self._framework, call)
                result = await proceed()
            except BaseException as error:
                self._end_with(call, error)
                raise
        self._end_well(call, result)
        return result

    def observe_here(
        self, name: str, read: Callable[[], ToolUse], proceed: Callable[[], Result]
    ) -> Result:
        """Do the same on this thread."""
        call = self._begun(name, read)
        if call is None:
            return proceed()
        with made_current(call), spans.activated(call.span):
            try:
                announced_here(self._framework, call)
                result = proceed()
            except BaseException as error:
                self._end_with(call, error)
                raise
        self._end_well(call, result)
        return result

    def noting(self, proceed: Callable[[], Result]) -> Result:
        """Run a part of the current call, and say what went wrong in it."""
        try:
            return proceed()
        except Exception as error:
            self.note_cause(error)
            raise

    async def noting_async(self, proceed: Callable[[], Awaitable[Result]]) -> Result:
        """Do the same with a part that is awaited."""
        try:
            return await proceed()
        except Exception as error:
            self.note_cause(error)
            raise

    def note_cause(self, error: BaseException, error_type: str | None = None) -> None:
        """Say what went wrong in the current call, where the framework makes an answer of it."""
        self._framework.safely(lambda: _note_cause(self._observer, error, error_type))

    def _begun(self, name: str, read: Callable[[], ToolUse]) -> Call | None:
        """Begin a call; None when nothing records, by a fault of ours, and for one seen further out."""
        if not self._framework.is_on or runtime.current() is None:
            return None
        outer = same_call(self._observer, name)
        if outer is not None:
            self._framework.safely(lambda: outer.add_facts(read().statement()))
            return None
        call = self._framework.safely(
            lambda: _opened(read().sighting(name, self._observer)), records=True
        )
        if call is None:
            refuse_unseen(self._framework, name)
        return call

    def _end_with(self, call: Call, error: BaseException) -> None:
        self._framework.safely(lambda: call.end(self._error_ending_of(error)), records=True)

    def _end_well(self, call: Call, result: object) -> None:
        self._framework.safely(lambda: call.end(self._judged(call, result)), records=True)

    def _judged(self, call: Call, result: object) -> Ending:
        """Read a result; one that was made of an error is a failure, whatever it looks like."""
        ending = self._ending_of(result)
        is_failure = call.has_cause and ending.outcome == "success"
        return replace(ending, outcome="failure") if is_failure else ending


def defined(
    name: str,
    description: str | None,
    schema: Mapping[str, Any] | None = None,
    hints: Mapping[str, Any] | None = None,
) -> ToolDefinition:
    """Return the definition of a tool; equal ones are made once. `hints` are annotations of MCP, if any."""
    said = {hint: hints[hint] for hint in _HINTS if hint in hints} if hints else {}
    printed = orjson.dumps([schema, said or None], default=str, option=orjson.OPT_NON_STR_KEYS)
    return _defined(name, description, printed)


def named(args: Sequence[Any], names: Sequence[str], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments by name; those that have none by their position."""
    known = [*names, *(str(position) for position in range(len(names), len(args)))]
    return {**dict(zip(known, args, strict=False)), **kwargs}


@lru_cache(maxsize=DEFINITIONS)
def _defined(name: str, description: str | None, printed: bytes) -> ToolDefinition:
    schema, annotations = orjson.loads(printed)
    return read_definition(
        {
            "name": name,
            "description": description,
            "inputSchema": schema,
            "annotations": annotations,
        }
    )


def _calling_agent() -> Agent | None:
    call = current_call()
    return call.sighting.identity.agent if call is not None else None


def _opened(sighting: Sighting) -> Call | None:
    running = runtime.current()
    if running is None:
        return None
    call = Call(running, sighting)
    call.open_span()
    return call


def _note_cause(observer: Observer, error: BaseException, error_type: str | None) -> None:
    call = current_call()
    if call is not None and observer in call.observers and not call.has_cause:
        call.add_cause(error_type or type(error).__qualname__, str(error))
