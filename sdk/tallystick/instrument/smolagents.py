"""smolagents, from 1.20 on: `Tool.__call__`, by which agents call tools as functions, also from their code.

The name of the agent comes from its call of tools, or from the executor of its code. An agent that another one
manages is recorded as a tool of that one. Code that runs in a remote sandbox calls its tools there, unseen.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, Final
from weakref import ReferenceType, WeakKeyDictionary, ref

from tallystick.capture.definition import ToolDefinition
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_model import name_of_model
from tallystick.instrument.patch import Patch, Wrapper, release
from tallystick.instrument.tool_form import defined, named

NAME: Final = "smolagents"
AGENTS: Final = "smolagents.agents"
EXECUTOR: Final = "smolagents.local_python_executor"
HAS_CODE_THREADS: Final = (1, 24)
"""The version since which the code of an agent runs in a thread, with a context of its own."""
ANSWER: Final = "FinalAnswerTool"
"""The tool by which a model gives its answer: no call of a tool."""
_SANITIZE: Final = "sanitize_inputs_outputs"
_agent: Final[ContextVar[object]] = ContextVar("tallystick_smolagent", default=None)
"""The agent that calls tools, itself or by its code."""
_owners: Final[WeakKeyDictionary[object, ReferenceType[Any]]] = WeakKeyDictionary()
"""Executor of code -> the agent whose code it runs."""


class SmolagentsInstrumentor(Instrumentor):
    """Hooks smolagents alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    threads = _optional(EXECUTOR, "ThreadPoolExecutor", _in_context)
    return (
        Patch("smolagents.tools", "Tool.__call__", _call, "tools"),
        Patch(AGENTS, "MultiStepAgent.__call__", _call_agent, "managed agents", ("task",)),
        _optional(AGENTS, "ToolCallingAgent.execute_tool_call", _execute),
        _optional(AGENTS, "CodeAgent.create_python_executor", _create_executor),
        _optional(EXECUTOR, "LocalPythonExecutor.__call__", _run_code),
        *((threads,) if release(version) >= HAS_CODE_THREADS else ()),
    )


def _optional(module: str, target: str, wrapper: Wrapper) -> Patch:
    return Patch(module, target, wrapper, target, is_needed=False)


def _call(
    wrapped: Callable[..., Any], tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if type(tool).__name__ == ANSWER:
        return wrapped(*args, **kwargs)
    given = {name: value for name, value in kwargs.items() if name != _SANITIZE}
    return _CALLS.observe_here(
        tool.name, lambda: _use(tool, args, given), lambda: wrapped(*args, **kwargs)
    )


def _call_agent(
    wrapped: Callable[..., Any], agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return _CALLS.observe_here(
        agent.name or type(agent).__name__,
        lambda: _asked(named(args, ("task",), kwargs), None),
        lambda: wrapped(*args, **kwargs),
    )


def _execute(
    wrapped: Callable[..., Any], agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with _acting(agent):
        return wrapped(*args, **kwargs)


def _create_executor(
    wrapped: Callable[..., Any], agent: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    executor = wrapped(*args, **kwargs)
    FRAMEWORK.safely(lambda: _owners.__setitem__(executor, ref(agent)))
    return executor


def _run_code(
    wrapped: Callable[..., Any], executor: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    owner = FRAMEWORK.safely(lambda: _owners.get(executor))
    with _acting(owner() if owner is not None else None):
        return wrapped(*args, **kwargs)


def _in_context(
    wrapped: Callable[..., Any], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Make the executor of threads for code, which then runs in the context of the agent."""
    threads = wrapped(*args, **kwargs)
    submit = threads.submit

    def submit_in_context(work: Callable[..., Any], /, *given: Any, **named: Any) -> Any:
        return submit(copy_context().run, work, *given, **named)

    threads.submit = submit_in_context
    return threads


@contextmanager
def _acting(agent: object) -> Iterator[None]:
    token = _agent.set(agent)
    try:
        yield
    finally:
        _agent.reset(token)


def _use(tool: Any, args: tuple[Any, ...], given: dict[str, Any]) -> ToolUse:
    is_one_object = len(args) == 1 and not given and isinstance(args[0], dict)
    arguments = args[0] if is_one_object else named(args, tuple(tool.inputs), given)
    definition = defined(tool.name, tool.description, tool.inputs)
    return _asked(arguments, definition)


def _asked(arguments: Any, definition: ToolDefinition | None) -> ToolUse:
    agent = _agent.get()
    return ToolUse(
        arguments,
        agent_name=getattr(agent, "name", None),
        model_name=name_of_model([getattr(agent, "model", None)], "model_id"),
        definition=definition,
    )


FRAMEWORK: Final = Framework(NAME, "smolagents", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK)
