"""AutoGen, from 0.4.9 on: where an assistant runs what its model asks for, and `run_json` of the tools.

Not its own spans: they hold no results, and from 0.6 on no arguments either, and they end after the call, so
that they could not keep a required tool from running. The assistant's call covers tools of every kind, also
those of a workbench, and knows agent and id; the tools' own cover calls without an assistant.
"""

import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from tallystick.capture.call import Ending
from tallystick.capture.definition import ToolDefinition
from tallystick.errors import RefusedError
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import Patch, argument, release
from tallystick.instrument.tool_form import defined, json_schema

NAME: Final = "autogen"
BASE: Final = "autogen_core.tools._base"
ASSISTANT: Final = "autogen_agentchat.agents._assistant_agent"
HAS_STREAMS: Final = (0, 7)
"""The version since whose first release tools can give their result piece by piece."""
_is_reported: Final[ContextVar[bool]] = ContextVar("tallystick_autogen_call", default=False)
"""An assistant is about to call a tool, and has reported it."""


class AutoGenInstrumentor(Instrumentor):
    """Hooks AutoGen alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    streams = Patch(BASE, "BaseStreamTool.run_json_stream", _stream, "tools", ("args",))
    execute = "AssistantAgent._execute_tool_call"
    return (
        Patch(BASE, "BaseTool.run_json", _run, "tools", ("args",)),
        *((streams,) if release(version) >= HAS_STREAMS else ()),
        Patch(ASSISTANT, execute, _execute, execute, ("tool_call", "agent_name"), is_needed=False),
    )


async def _execute(
    wrapped: Callable[..., Awaitable[Any]],
    _: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    asked = argument(0, "tool_call", args, kwargs)

    async def proceed() -> Any:
        token = _is_reported.set(True)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            _is_reported.reset(token)

    def read() -> ToolUse:
        return ToolUse(
            arguments=_parsed(asked.arguments),
            call_id=asked.id,
            agent_name=argument(3, "agent_name", args, kwargs),
            definition=_definition(_tool(asked.name, args, kwargs)),
        )

    try:
        return await _ASSISTANT_CALLS.observe(asked.name, read, proceed)
    except RefusedError as refusal:  # raised here it would leave the agent waiting for its answer
        return asked, _refused(asked, refusal)


def _refused(asked: Any, refusal: RefusedError) -> Any:
    """Return what AutoGen makes of an error of a tool."""
    models = sys.modules["autogen_core.models"]  # the assistant's module has loaded it
    return models.FunctionExecutionResult(
        content=f"Error: {refusal}", call_id=asked.id, is_error=True, name=asked.name
    )


async def _run(
    wrapped: Callable[..., Awaitable[Any]],
    tool: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    with _taken_over() as is_reported:
        if is_reported:
            return await _CALLS.noting_async(lambda: wrapped(*args, **kwargs))
        return await _CALLS.observe(
            tool.name, lambda: _use(tool, args, kwargs), lambda: wrapped(*args, **kwargs)
        )


def _stream(
    wrapped: Callable[..., AsyncGenerator[Any, Any]],
    tool: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    if _is_reported.get():
        return _CALLS.noting_stream(lambda: wrapped(*args, **kwargs))
    return _CALLS.observe_stream(
        tool.name, lambda: _use(tool, args, kwargs), lambda: wrapped(*args, **kwargs)
    )


@contextmanager
def _taken_over() -> Iterator[bool]:
    """Say whether an assistant reported the call; what the tool itself calls is nobody's yet."""
    token = _is_reported.set(False)
    try:
        yield token.old_value is True
    finally:
        _is_reported.reset(token)


def _use(tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ToolUse:
    given, call_id = argument(0, "args", args, kwargs), argument(2, "call_id", args, kwargs)
    return ToolUse(given, call_id=call_id, definition=_definition(tool))


def _tool(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the tool of an assistant's call; None of a workbench that must be asked for its tools."""
    given = kwargs.get("workbench", kwargs.get("tools", args[1] if len(args) > 1 else None))
    handoffs = argument(2, "handoff_tools", args, kwargs)
    groups = [
        *(given if isinstance(given, Sequence) else [given]),
        *(handoffs if isinstance(handoffs, Sequence) else ()),
    ]
    tools = (tool for group in groups for tool in getattr(group, "_tools", [group]))
    return next((tool for tool in tools if getattr(tool, "name", None) == name), None)


def _definition(tool: Any) -> ToolDefinition | None:
    if tool is None:
        return None
    return defined(tool.name, tool.description, json_schema(tool.args_type()))


def _parsed(arguments: Any) -> Any:
    """Read the arguments as the model gave them: JSON, or what was meant to be that."""
    try:
        return json.loads(arguments) if arguments else {}
    except (TypeError, ValueError):
        return arguments


def _assistant_ending(result: Any) -> Ending:
    """Read what an assistant makes of a call: what was asked for, and what the model is told of it."""
    told = result[1]
    if told.is_error:
        return Ending("failure", told.content, "tool_error", str(told.content))
    return ended_well(told.content)


FRAMEWORK: Final = Framework(NAME, "autogen-core", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK)
_ASSISTANT_CALLS: Final = AgentCalls(FRAMEWORK, _assistant_ending)
