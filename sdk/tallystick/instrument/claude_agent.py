"""Claude Agent SDK, from 0.1.51 on: its hooks before and after each tool that the agent's program runs.

The tools run in a program of their own, so there is no function to surround: hooks of ours stand beside the
host's in each session, and the program waits for their answers. A tool that is refused after its hook, by a
person or by the settings, is known by its answer in the messages, and has not run.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.capture.call import Call, Ending
from tallystick.errors import RefusedError
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_facts import plain
from tallystick.instrument.patch import Patch
from tallystick.instrument.streams import streamed

NAME: Final = "claude_agent"
QUERY: Final = "claude_agent_sdk._internal.query"
BEFORE: Final = "PreToolUse"
AFTER: Final = "PostToolUse"
FAILED: Final = "PostToolUseFailure"
NOT_ALLOWED: Final = "not_allowed"
"""Type of error of a tool that was refused by a person, a rule or another hook."""


class ClaudeAgentInstrumentor(Instrumentor):
    """Hooks the Claude Agent SDK alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:  # noqa: ARG001 - the same in every version
    return (
        Patch(QUERY, "Query.initialize", _initialize, "hooks"),
        Patch(QUERY, "Query.receive_messages", _receive, "messages"),
        Patch(QUERY, "Query.close", _close, "messages"),
    )


class Session:
    """The calls in progress of one session, by the id that the model gave to each."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    async def before(self, given: Any, call_id: str | None, _: object) -> dict[str, Any]:
        """Record that a tool is about to run. Denies a required one that cannot be recorded."""
        name = str(given.get("tool_name"))
        try:
            call = _CALLS.begun(name, lambda: _use(given))
            if call is not None:
                await _CALLS.announce(call)
                self._calls[str(given.get("tool_use_id") or call_id)] = call
        except RefusedError as refusal:
            return _denied(str(refusal))
        return {}

    async def after(self, given: Any, call_id: str | None, _: object) -> dict[str, Any]:
        """Record what a tool gave."""
        self._end(given, call_id, lambda: _ending(given.get("tool_response")))
        return {}

    async def failed(self, given: Any, call_id: str | None, _: object) -> dict[str, Any]:
        """Record that a tool failed."""
        self._end(given, call_id, lambda: _failure(given))
        return {}

    def read(self, message: Any) -> None:
        """Take the answers to calls that no hook reported: those of tools that did not run."""
        for block in _results(message):
            call = self._calls.pop(str(block.get("tool_use_id")), None)
            if call is not None:
                _CALLS.end_as(call, _answered(block))

    def close(self) -> None:
        """End what is left: the program that ran it is gone."""
        while self._calls:
            _CALLS.end_as(self._calls.popitem()[1], Ending("cancelled"))

    def _end(self, given: Any, call_id: str | None, ending: Callable[[], Ending]) -> None:
        call = self._calls.pop(str(given.get("tool_use_id") or call_id), None)
        if call is None:
            return
        FRAMEWORK.safely(lambda: _take_arguments(call, given))
        read = FRAMEWORK.safely(ending)
        _CALLS.end_as(call, read or Ending("failure", error_type="unreadable"))


_sessions: Final[WeakKeyDictionary[object, Session]] = WeakKeyDictionary()


async def _initialize(
    wrapped: Callable[..., Awaitable[Any]],
    query: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Add our hooks to those of the host, before the program is told of them."""
    FRAMEWORK.safely(lambda: _join(query))
    return await wrapped(*args, **kwargs)


def _join(query: Any) -> None:
    session = _sessions[query] = Session()
    ours = {BEFORE: session.before, AFTER: session.after, FAILED: session.failed}
    hooks = dict(query.hooks)
    for event, hook in ours.items():
        hooks[event] = [{"matcher": None, "hooks": [hook]}, *hooks.get(event, ())]
    query.hooks = hooks


def _receive(
    wrapped: Callable[..., AsyncGenerator[Any, Any]],
    query: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    watch = _Reading(_sessions.get(query))
    return streamed(wrapped, lambda _args, _kwargs: watch)(*args, **kwargs)


class _Reading:
    """Reads the messages of a session on their way to the host."""

    def __init__(self, session: Session | None) -> None:
        self._session = session

    async def begin(self) -> None: ...

    def active(self) -> AbstractContextManager[object]:
        return nullcontext()

    def note(self, item: object) -> None:
        session = self._session
        if session is not None:
            FRAMEWORK.safely(lambda: session.read(item))

    def end(self, error: BaseException | None) -> None: ...


async def _close(
    wrapped: Callable[..., Awaitable[Any]],
    query: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    try:
        return await wrapped(*args, **kwargs)
    finally:
        session = _sessions.pop(query, None)
        if session is not None:
            session.close()


def _use(given: Mapping[str, Any]) -> ToolUse:
    return ToolUse(
        arguments=given.get("tool_input", {}),
        call_id=given.get("tool_use_id"),
        agent_name=given.get("agent_type"),
        conversation_id=given.get("session_id"),
    )


def _take_arguments(call: Call, given: Mapping[str, Any]) -> None:
    """State what the tool ran with, which another hook may have changed."""
    call.sighting = replace(call.sighting, params=plain(given.get("tool_input", {})))


def _ending(response: Any) -> Ending:
    if isinstance(response, Mapping) and response.get("interrupted") is True:
        return Ending("cancelled", response)
    return ended_well(response)


def _failure(given: Mapping[str, Any]) -> Ending:
    if given.get("is_interrupt") is True:
        return Ending("cancelled")
    return Ending("failure", error_type="tool_error", error_message=str(given.get("error")))


def _answered(block: Mapping[str, Any]) -> Ending:
    content = block.get("content")
    if block.get("is_error") is True:
        return Ending("denied", content, NOT_ALLOWED, content if isinstance(content, str) else None)
    return ended_well(content)


def _results(message: Any) -> Iterator[Mapping[str, Any]]:
    said = message.get("message") if message.get("type") == "user" else None
    content = said.get("content") if isinstance(said, Mapping) else None
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and block.get("type") == "tool_result":
            yield block


def _denied(reason: str) -> dict[str, Any]:
    return {
        "hookSpecificOutput": {
            "hookEventName": BEFORE,
            "permissionDecision": "deny",
            "permissionDecisionReason": reason,
        }
    }


FRAMEWORK: Final = Framework(NAME, "claude-agent-sdk", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK)
