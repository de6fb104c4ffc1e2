"""A tool call as an agent framework makes it: the same frame around the call in every framework.

The call is recorded by the observer `agent`: what the model asked for, what the tool gave back, under
the name that the framework has for the agent. Hooks further in, the MCP client that sends the call or
the decorated function behind it, add to that record instead of making one of their own.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from tallystick import runtime
from tallystick.capture.call import (
    ABSENT,
    Call,
    Ending,
    Observer,
    Sighting,
    current_call,
    made_current,
    same_call,
)
from tallystick.capture.context import said_agent, stated_identity
from tallystick.capture.definition import ToolDefinition
from tallystick.capture.identity import Agent, Identity, text
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_user import said_by_framework
from tallystick.instrument.mcp_facts import plain
from tallystick.instrument.observe import announced, announced_here, refuse_unseen
from tallystick.instrument.patch import Wrapper
from tallystick.instrument.streams import streamed
from tallystick.instrument.used_definitions import opened
from tallystick.profile import JsonValue
from tallystick.tracing import spans

Result = TypeVar("Result")

OBSERVER: Final[Observer] = "agent"


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
    user_id: str | None = None
    """The user in the framework's own context, who counts where `caller()` names nobody."""
    model_name: str | None = None
    """The model behind the agent."""

    def statement(self) -> dict[str, JsonValue]:
        """Return what can also be added to a call that another hook has seen before."""
        said = {
            **self.facts,
            "tool.call_id": self.call_id,
            "conversation.id": self.conversation_id,
            "model.name": self.model_name,
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
            identity=self.acting(),
            definition=self.definition,
        )

    def acting(self) -> Identity:
        """Return who makes the call."""
        if self.identity is not None:
            return self.identity
        return said_by_framework(replace(stated_identity(), agent=self._agent()), self.user_id)

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
        call = self.begun(name, read)
        if call is None:
            return await proceed()
        with made_current(call), spans.activated(call.span):
            try:
                await announced(self._framework, call)
                result = await proceed()
            except BaseException as error:
                self.end_with(call, error)
                raise
        self.end_well(call, result)
        return result

    def observe_here(
        self, name: str, read: Callable[[], ToolUse], proceed: Callable[[], Result]
    ) -> Result:
        """Do the same on this thread."""
        call = self.begun(name, read)
        if call is None:
            return proceed()
        with made_current(call), spans.activated(call.span):
            try:
                announced_here(self._framework, call)
                result = proceed()
            except BaseException as error:
                self.end_with(call, error)
                raise
        self.end_well(call, result)
        return result

    def observe_stream(
        self,
        name: str,
        read: Callable[[], ToolUse],
        proceed: Callable[[], AsyncGenerator[Any, Any]],
    ) -> AsyncGenerator[Any, Any]:
        """Do the same with a generator; the result of the call is the last value that it gives."""
        return streamed(proceed, lambda _args, _kwargs: _Watched(self, name, read))()

    def around(self, use: Callable[[Any, tuple[Any, ...], dict[str, Any]], ToolUse]) -> Wrapper:
        """Return the wrapper of a method that runs a tool with a `name`; `use` reads tool and arguments."""

        def run(
            wrapped: Callable[..., Any], tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> Any:
            return self.observe_here(
                tool.name, lambda: use(tool, args, kwargs), lambda: wrapped(*args, **kwargs)
            )

        return run

    def around_async(
        self, use: Callable[[Any, tuple[Any, ...], dict[str, Any]], ToolUse]
    ) -> Wrapper:
        """Return the wrapper of a method that is awaited."""

        async def run(
            wrapped: Callable[..., Awaitable[Any]],
            tool: Any,
            args: tuple[Any, ...],
            kwargs: dict[str, Any],
        ) -> Any:
            return await self.observe(
                tool.name, lambda: use(tool, args, kwargs), lambda: wrapped(*args, **kwargs)
            )

        return run

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

    async def noting_stream(
        self, proceed: Callable[[], AsyncGenerator[Any, Any]]
    ) -> AsyncGenerator[Any, Any]:
        """Do the same with a generator."""
        async with aclosing(proceed()) as steps:
            try:
                async for item in steps:
                    yield item
            except Exception as error:
                self.note_cause(error)
                raise

    def note_cause(self, error: BaseException, error_type: str | None = None) -> None:
        """Say what went wrong in the current call, where the framework makes an answer of it."""
        self._framework.safely(lambda: _note_cause(self._observer, error, error_type))

    def begun(self, name: str, read: Callable[[], ToolUse]) -> Call | None:
        """Begin a call; None when nothing records, by a fault of ours, and for one seen further out."""
        if not self._framework.is_on or runtime.current() is None:
            return None
        outer = same_call(self._observer, name)
        if outer is not None:
            self._framework.safely(lambda: outer.add_facts(read().statement()))
            return None
        call = self._framework.safely(
            lambda: opened(self._framework, read().sighting(name, self._observer)), records=True
        )
        if call is None:
            refuse_unseen(self._framework, name)
        return call

    async def announce(self, call: Call) -> None:
        """Record the beginning of a call; its end too, if it may not run."""
        try:
            await announced(self._framework, call)
        except BaseException as error:
            self.end_with(call, error)
            raise

    def end_with(self, call: Call, error: BaseException) -> None:
        """Record that a call ended by `error`."""
        self._framework.safely(lambda: call.end(self._error_ending_of(error)), records=True)

    def end_well(self, call: Call, result: object) -> None:
        """Record that a call gave `result`."""
        self._framework.safely(lambda: call.end(self._judged(call, result)), records=True)

    def end_as(self, call: Call, ending: Ending) -> None:
        """Record that a call ended as `ending` says."""
        self._framework.safely(lambda: call.end(ending), records=True)

    def _judged(self, call: Call, result: object) -> Ending:
        """Read a result; one that was made of an error is a failure, whatever it looks like."""
        ending = self._ending_of(result)
        is_failure = call.has_cause and ending.outcome == "success"
        return replace(ending, outcome="failure") if is_failure else ending


class _Watched:
    """The call of a tool that gives its result piece by piece."""

    def __init__(self, calls: AgentCalls, name: str, read: Callable[[], ToolUse]) -> None:
        self._calls = calls
        self._call = calls.begun(name, read)
        self._last: object = ABSENT

    async def begin(self) -> None:
        if self._call is not None:
            with self.active():
                await self._calls.announce(self._call)

    def active(self) -> ExitStack:
        stack = ExitStack()
        if self._call is not None:
            stack.enter_context(made_current(self._call))
            stack.enter_context(spans.activated(self._call.span))
        return stack

    def note(self, item: object) -> None:
        self._last = item

    def end(self, error: BaseException | None) -> None:
        if self._call is None:
            return
        if error is None:
            self._calls.end_well(self._call, self._last)
        else:
            self._calls.end_with(self._call, error)


def _calling_agent() -> Agent | None:
    call = current_call()
    return call.sighting.identity.agent if call is not None else None


def _note_cause(observer: Observer, error: BaseException, error_type: str | None) -> None:
    call = current_call()
    if call is not None and observer in call.observers and not call.has_cause:
        call.add_cause(error_type or type(error).__qualname__, str(error))
