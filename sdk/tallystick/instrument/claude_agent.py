"""Claude Agent SDK, from 0.1.51 on: its hooks before and after each tool that the agent's program runs.

The tools run in a program of their own, so there is no function to surround: hooks of ours stand beside the
host's in each session, and the program waits for their answers. A tool that is refused after its hook, by a
person or by the settings, is known by its answer in the messages, and has not run. What the model is shown of
a tool of the host's own is what its server in this process lists to the program.
"""

import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.capture.call import Call, Ending
from tallystick.capture.definition import ToolDefinition
from tallystick.capture.identity import text
from tallystick.errors import RefusedError
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_facts import LIST_TOOLS, plain
from tallystick.instrument.patch import Patch, argument
from tallystick.instrument.streams import streamed
from tallystick.instrument.tool_form import offered

NAME: Final = "claude_agent"
QUERY: Final = "claude_agent_sdk._internal.query"
BEFORE: Final = "PreToolUse"
AFTER: Final = "PostToolUse"
FAILED: Final = "PostToolUseFailure"
NOT_ALLOWED: Final = "not_allowed"
"""Type of error of a tool that was refused by a person, a rule or another hook."""
MAX_ASKED: Final = 256
"""Calls that a message asks for and no hook has reported yet; the oldest are forgotten first."""
_NO_NAME: Final = re.compile("[^a-zA-Z0-9_-]")
"""What the program makes `_` of in the names of servers and tools."""


class ClaudeAgentInstrumentor(Instrumentor):
    """Hooks the Claude Agent SDK alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:  # noqa: ARG001 - the same in every version
    return (
        Patch(QUERY, "Query.initialize", _initialize, "hooks"),
        Patch(QUERY, "Query.receive_messages", _receive, "messages"),
        Patch(QUERY, "Query.close", _close, "messages"),
        Patch(
            QUERY, "Query._handle_sdk_mcp_request", _serve, "listings", ("server_name", "message")
        ),
    )


class Session:
    """The calls in progress of one session, by the id that the model gave to each."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._definitions: dict[str, ToolDefinition] = {}
        self._models: OrderedDict[str, str] = OrderedDict()
        """Id of a call that a message asks for -> the model of the message."""

    async def before(self, given: Any, call_id: str | None, _: object) -> dict[str, Any]:
        """Record that a tool is about to run. Denies a required one that cannot be recorded."""
        name = str(given.get("tool_name"))
        try:
            call = _CALLS.begun(name, lambda: self._use(name, given, call_id))
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
        """Take which model asks for a call, and the answers to calls of tools that did not run."""
        for block in _blocks(message, "assistant", "tool_use"):
            self._note_model(str(block.get("id")), message["message"].get("model"))
        for block in _blocks(message, "user", "tool_result"):
            call = self._calls.pop(str(block.get("tool_use_id")), None)
            if call is not None:
                _CALLS.end_as(call, _answered(block))

    def note_listing(self, server: str, tools: Sequence[Mapping[str, Any]]) -> None:
        """Take the definitions that a server of the host's shows the program, under the model's names for them."""
        for tool in tools:
            name = f"mcp__{_NO_NAME.sub('_', server)}__{_NO_NAME.sub('_', text(tool['name']))}"
            self._definitions[name] = offered({**tool, "name": name})

    def close(self) -> None:
        """End what is left: the program that ran it is gone."""
        while self._calls:
            _CALLS.end_as(self._calls.popitem()[1], Ending("cancelled"))

    def _use(self, name: str, given: Mapping[str, Any], call_id: str | None) -> ToolUse:
        asked = str(given.get("tool_use_id") or call_id)
        return ToolUse(
            arguments=given.get("tool_input", {}),
            call_id=given.get("tool_use_id"),
            agent_name=given.get("agent_type"),
            conversation_id=given.get("session_id"),
            model_name=self._models.pop(asked, None),
            definition=self._definitions.get(name),
        )

    def _note_model(self, call_id: str, model: object) -> None:
        if not isinstance(model, str) or not model:
            return
        call = self._calls.get(call_id)
        if call is not None:
            call.add_facts({"model.name": text(model)})
            return
        self._models[call_id] = model
        while len(self._models) > MAX_ASKED:
            self._models.popitem(last=False)

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


async def _serve(
    wrapped: Callable[..., Awaitable[Any]],
    query: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Let a server of the host's answer the program, and take what it lists."""
    answer = await wrapped(*args, **kwargs)
    server, message = argument(0, "server_name", args, kwargs), argument(1, "message", args, kwargs)
    session = _sessions.get(query)
    if session is not None:
        FRAMEWORK.safely(lambda: _note_listing(session, server, message, answer))
    return answer


def _note_listing(session: Session, server: str, message: Any, answer: Any) -> None:
    result = answer.get("result") if message.get("method") == LIST_TOOLS else None
    tools = result.get("tools") if isinstance(result, Mapping) else None
    if isinstance(tools, list):
        session.note_listing(server, tools)


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


def _blocks(message: Any, role: str, kind: str) -> Iterator[Mapping[str, Any]]:
    """Give the blocks of one kind in a message of `role`."""
    said = message.get("message") if message.get("type") == role else None
    content = said.get("content") if isinstance(said, Mapping) else None
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping) and block.get("type") == kind:
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
