"""CrewAI, from 1.0 on: the methods by which its agents run tools, native function calls and ReAct alike.

Not its event bus: that reports from threads of its own, after the fact, and could not keep a required
tool from running. The agent of a record is the role of the CrewAI agent that works on the task.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from tallystick.capture.call import Ending
from tallystick.capture.definition import ToolDefinition
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_model import name_of_model
from tallystick.instrument.patch import Patch, argument, release
from tallystick.instrument.tool_form import defined, json_schema, named

NAME: Final = "crewai"
BASE: Final = "crewai.tools.base_tool"
STRUCTURED: Final = "crewai.tools.structured_tool"
AGENT: Final = "crewai.agent"
IS_ASYNC: Final = (1, 7)
"""The version that brought tools and tasks that are awaited."""
ADDED: Final = "security_context"
"""What CrewAI adds to the arguments, before 1.15: fingerprints of the agent and of the task."""
FAILURE: Final = "ToolFailure"
"""Class of the object by which a tool says that it failed."""
_agent: Final[ContextVar[object]] = ContextVar("tallystick_crewai_agent", default=None)
"""The agent that works on a task."""


class CrewAIInstrumentor(Instrumentor):
    """Hooks CrewAI alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    later = (
        Patch(BASE, "BaseTool.arun", _arun, "tools"),
        Patch(BASE, "Tool.run", _run, "tools"),
        Patch(BASE, "Tool.arun", _arun, "tools"),
        Patch(AGENT, "Agent.aexecute_task", _aexecute, "agents"),
    )
    return (
        Patch(BASE, "BaseTool.run", _run, "tools"),
        Patch(STRUCTURED, "CrewStructuredTool.invoke", _run, "tools", ("input",)),
        Patch(STRUCTURED, "CrewStructuredTool.ainvoke", _arun, "tools", ("input",)),
        Patch(AGENT, "Agent.execute_task", _execute, "agents"),
        *(later if release(version) >= IS_ASYNC else ()),
    )


def _execute(
    wrapped: Callable[..., Any], agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with _acting(agent):
        return wrapped(*args, **kwargs)


async def _aexecute(
    wrapped: Callable[..., Awaitable[Any]],
    agent: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    with _acting(agent):
        return await wrapped(*args, **kwargs)


@contextmanager
def _acting(agent: Any) -> Iterator[None]:
    token = _agent.set(agent)
    try:
        yield
    finally:
        _agent.reset(token)


def _use(tool: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ToolUse:
    schema = json_schema(tool.args_schema)
    given: Any = _given(tool, args, kwargs, list((schema or {}).get("properties", {})))
    agent = _agent.get()
    role = getattr(agent, "role", None)
    return ToolUse(
        given,
        agent_name=role if isinstance(role, str) else None,
        model_name=name_of_model([getattr(agent, "llm", None)], "model"),
        definition=_definition(tool, schema),
    )


def _given(
    tool: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], names: Sequence[str]
) -> Any:
    """Return the arguments: `invoke` takes them as one object, to which CrewAI may add one of its own."""
    if not hasattr(type(tool), "invoke"):
        return named(args, names, kwargs)
    given = argument(0, "input", args, kwargs)
    if not isinstance(given, dict) or ADDED in names:
        return given
    return {name: value for name, value in given.items() if name != ADDED}


def _definition(tool: Any, schema: Mapping[str, Any] | None) -> ToolDefinition:
    return defined(tool.name, tool.description, schema)


def _ending(result: Any) -> Ending:
    """Read a result; from 1.15 on a tool can say in an object that it failed."""
    if type(result).__name__ != FAILURE:
        return ended_well(result)
    reason = getattr(result.reason, "value", result.reason)
    return Ending("failure", result.message, str(reason), str(result.message))


FRAMEWORK: Final = Framework(NAME, "crewai", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending)
_run: Final = _CALLS.around(_use)
_arun: Final = _CALLS.around_async(_use)
