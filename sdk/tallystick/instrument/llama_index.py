"""LlamaIndex, from 0.13 on: where an agent's workflow calls a tool, and the classes of tools themselves.

The workflow's call covers tools of every class, and knows the agent. The classes cover calls without an
agent; inside one they only say what went wrong, which the workflow makes an answer of.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

from tallystick.capture.call import Ending
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_model import name_of_model
from tallystick.instrument.patch import Patch, argument
from tallystick.instrument.tool_form import defined, json_schema, named

NAME: Final = "llama_index"
WORKFLOW: Final = "llama_index.core.agent.workflow"
TOOLS: Final = {
    "llama_index.core.tools.function_tool": "FunctionTool",
    "llama_index.core.tools.query_engine": "QueryEngineTool",
    "llama_index.core.tools.retriever_tool": "RetrieverTool",
}
"""Module -> the class of tools in it."""
WAITING: Final = "WaitingForEvent"
"""What a tool raises to wait for a person; it begins again with the answer."""
UNNAMED: Final = "unknown"
"""Name of a model that does not say its name."""
_seen: Final[ContextVar[bool]] = ContextVar("tallystick_llama_seen", default=False)
"""A workflow is about to call a tool, and has reported it."""


class LlamaIndexInstrumentor(Instrumentor):
    """Hooks LlamaIndex alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:  # noqa: ARG001 - the same in every version
    expected = ("ctx", "tool", "tool_input")
    agents = (
        ("base_agent", "BaseWorkflowAgent._call_tool"),
        ("multi_agent_workflow", "AgentWorkflow._call_tool"),
    )
    return (
        *(Patch(f"{WORKFLOW}.{m}", t, _call_for_agent, "agents", expected) for m, t in agents),
        *(Patch(module, f"{name}.call", _call, "tools") for module, name in TOOLS.items()),
        *(Patch(module, f"{name}.acall", _acall, "tools") for module, name in TOOLS.items()),
    )


async def _call_for_agent(
    wrapped: Callable[..., Awaitable[Any]],
    agent: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    context, tool, given = (
        argument(position, name, args, kwargs)
        for position, name in enumerate(("ctx", "tool", "tool_input"))
    )
    acting = await _acting(agent, context)

    async def proceed() -> Any:
        token = _seen.set(True)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            _seen.reset(token)

    def read() -> ToolUse:
        return ToolUse(
            given,
            agent_name=getattr(acting, "name", None),
            model_name=_model(acting),
            definition=_definition(tool.metadata),
        )

    return await _CALLS.observe(tool.metadata.get_name(), read, proceed)


async def _acting(agent: Any, context: Any) -> Any:
    """Return the agent that calls; of several in one workflow the one whose turn it is."""
    if not hasattr(agent, "agents"):
        return agent
    try:
        return agent.agents.get(await context.store.get("current_agent_name", default=None))
    except Exception as error:  # noqa: BLE001 - a name less; the call is recorded all the same
        FRAMEWORK.count(error)
        return None


def _model(agent: Any) -> str | None:
    found = name_of_model([getattr(agent, "llm", None)], "metadata.model_name")
    return found if found != UNNAMED else None


def _call(
    wrapped: Callable[..., Any], tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    token = _seen.set(False)
    try:
        if token.old_value is True:
            return _CALLS.noting(lambda: wrapped(*args, **kwargs))
        return _CALLS.observe_here(
            tool.metadata.get_name(),
            lambda: _use(tool, args, kwargs),
            lambda: wrapped(*args, **kwargs),
        )
    finally:
        _seen.reset(token)


async def _acall(
    wrapped: Callable[..., Awaitable[Any]],
    tool: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    token = _seen.set(False)
    try:
        if token.old_value is True:
            return await _CALLS.noting_async(lambda: wrapped(*args, **kwargs))
        return await _CALLS.observe(
            tool.metadata.get_name(),
            lambda: _use(tool, args, kwargs),
            lambda: wrapped(*args, **kwargs),
        )
    finally:
        _seen.reset(token)


def _use(tool: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ToolUse:
    definition = _definition(tool.metadata)
    schema = definition.offered.get("inputSchema")
    known = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
    context = getattr(tool, "ctx_param_name", None)
    given = named(args, list(known), kwargs)
    shown = {name: value for name, value in given.items() if name != context}
    return ToolUse(shown, definition=definition)


def _definition(metadata: Any) -> Any:
    return defined(metadata.get_name(), metadata.description, json_schema(metadata.fn_schema))


def _ending(output: Any) -> Ending:
    """Read a `ToolOutput`: what the model sees of it."""
    if not output.is_error:
        return ended_well(output.content)
    error = getattr(output, "exception", None)
    kind = type(error).__qualname__ if error is not None else "tool_error"
    return Ending("failure", output.content, kind, str(error or output.content))


def _error_ending(error: BaseException) -> Ending:
    if type(error).__name__ == WAITING:
        return Ending("cancelled", error_type=WAITING)
    return ended_with(error)


FRAMEWORK: Final = Framework(NAME, "llama-index-core", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending, _error_ending)
