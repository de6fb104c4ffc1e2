"""Strands Agents, from 1.0 on: where a tool is run and its events are streamed.

Not its own spans: they end after the call, keep arguments and results in events that a setting moves or
removes, and could not keep a required tool from running. From 1.62 on all tools run through one function;
before, the classes of tools that Strands has are watched, and a class of a program's own is not.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Final

from tallystick.capture.call import Ending
from tallystick.capture.definition import ToolDefinition
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_user import user_of
from tallystick.instrument.patch import Patch, argument, release
from tallystick.instrument.tool_form import defined

NAME: Final = "strands"
EXECUTOR: Final = "strands.tools.executors._executor"
TOOLS: Final = {
    "strands.tools.decorator": "DecoratedFunctionTool",
    "strands.tools.tools": "PythonAgentTool",
    "strands.tools.mcp.mcp_agent_tool": "MCPAgentTool",
}
"""Module -> the class of tools in it."""
HAS_ONE_PLACE: Final = (1, 62)
"""The version that brought one function through which every tool runs."""
INTERRUPT: Final = "InterruptException"
"""What a tool raises to ask a person; it begins again with the answer."""


class StrandsInstrumentor(Instrumentor):
    """Hooks Strands Agents alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    if release(version) >= HAS_ONE_PLACE:
        return (Patch(EXECUTOR, "_run_tool", _run, "tools", ("ctx",)),)
    expected = ("tool_use", "invocation_state")
    return tuple(
        Patch(module, f"{name}.stream", _stream, "tools", expected)
        for module, name in TOOLS.items()
    )


def _run(
    wrapped: Callable[..., AsyncGenerator[Any, Any]],
    _: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    context = argument(0, "ctx", args, kwargs)

    def read() -> ToolUse:
        return _use(context.tool, context.tool_use, context.invocation_state)

    return _CALLS.observe_stream(context.tool_use["name"], read, lambda: wrapped(*args, **kwargs))


def _stream(
    wrapped: Callable[..., AsyncGenerator[Any, Any]],
    tool: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> AsyncGenerator[Any, Any]:
    asked = argument(0, "tool_use", args, kwargs)
    state = argument(1, "invocation_state", args, kwargs)
    return _CALLS.observe_stream(
        asked["name"], lambda: _use(tool, asked, state), lambda: wrapped(*args, **kwargs)
    )


def _use(tool: Any, asked: Mapping[str, Any], state: Mapping[str, Any]) -> ToolUse:
    agent = state.get("agent")
    return ToolUse(
        arguments=asked.get("input", {}),
        call_id=asked.get("toolUseId"),
        agent_name=getattr(agent, "name", None),
        conversation_id=getattr(getattr(agent, "_session_manager", None), "session_id", None),
        user_id=user_of(state),
        model_name=_model(getattr(agent, "model", None)),
        definition=_definition(tool.tool_spec) if tool is not None else None,
    )


def _model(model: Any) -> str | None:
    configured = FRAMEWORK.safely(model.get_config) if model is not None else None
    return configured.get("model_id") if isinstance(configured, Mapping) else None


def _definition(spec: Mapping[str, Any]) -> ToolDefinition:
    schema = spec.get("inputSchema")
    inner = schema.get("json", schema) if isinstance(schema, Mapping) else None
    return defined(spec["name"], spec.get("description"), inner)


def _ending(event: Any) -> Ending:
    """Read the last event: the result of a tool, bare before 1.6, or an interrupt that asks a person."""
    if type(event).__name__ == "ToolInterruptEvent":
        return Ending("cancelled", error_type=INTERRUPT)
    result = getattr(event, "tool_result", event)
    if not isinstance(result, Mapping) or "status" not in result:
        return ended_well(result)
    content = result.get("content")
    if result["status"] != "error":
        return ended_well(content)
    error = getattr(event, "exception", None)
    kind = type(error).__qualname__ if error is not None else "tool_error"
    return Ending("failure", content, kind, str(error) if error is not None else _text(content))


def _text(content: Any) -> str | None:
    """Return the words of a result, where the error itself is not told."""
    parts = content if isinstance(content, Sequence) and not isinstance(content, str) else ()
    found = [part["text"] for part in parts if isinstance(part, Mapping) and "text" in part]
    return "\n".join(map(str, found)) or None


def _error_ending(error: BaseException) -> Ending:
    if type(error).__name__ == INTERRUPT:
        return Ending("cancelled", error_type=INTERRUPT)
    return ended_with(error)


FRAMEWORK: Final = Framework(NAME, "strands-agents", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending, _error_ending)
