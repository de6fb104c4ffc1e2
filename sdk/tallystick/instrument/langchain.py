"""LangChain and LangGraph, from langchain-core 0.3.75 on: `BaseTool.run` and `arun`, by which every tool runs.

Not the callback handlers: what they raise is swallowed, so that they could not keep a required tool from
running, and they see neither a cancellation nor the context in which the tool works.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.capture.call import Ending
from tallystick.capture.identity import text
from tallystick.instrument import langchain_config
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.handoff import Handoff, record_handoff
from tallystick.instrument.langgraph_interrupts import InterruptHooks
from tallystick.instrument.patch import Patch, argument, release
from tallystick.instrument.tool_form import defined

NAME: Final = "langchain"
BASE: Final = "langchain_core.tools.base"
LANGGRAPH: Final = "langgraph"
WITH_INTERRUPTS: Final = (0, 6)
"""The oldest version of LangGraph whose interrupts are tested."""
HANDS_OVER: Final = "__handoff_destination"
"""Where tools of langgraph-supervisor and langgraph-swarm name the agent to which they hand over."""
COMMAND: Final = "Command"
"""What such a tool gives back when it does."""
_BUBBLES: Final = "GraphBubbleUp"
"""Base class of what LangGraph raises to leave a graph, such as an interrupt that asks a person."""


class LangChainInstrumentor(Instrumentor):
    """Hooks LangChain alone."""

    framework = NAME


@dataclass(frozen=True, slots=True)
class _Form:
    """The arguments of a tool: what a model is shown of them, and the names that it is not shown."""

    schema: Mapping[str, Any] | None = None
    injected: frozenset[str] = frozenset()


_forms: Final[WeakKeyDictionary[type, _Form]] = WeakKeyDictionary()
"""Class that holds the arguments of a tool -> what was read from it."""


def _patches(_version: str) -> Sequence[Patch]:
    return (
        Patch(BASE, "BaseTool.run", _run, "tools", ("tool_input", "config", "tool_call_id")),
        Patch(BASE, "BaseTool.arun", _arun, "tools", ("tool_input", "config", "tool_call_id")),
        *_INTERRUPTS.patches(is_needed=_has_interrupts()),
        _cause("_handle_tool_error", None),
        _cause("_handle_validation_error", "invalid_arguments"),
    )


def _has_interrupts() -> bool:
    """Say whether LangGraph is installed, in a version that has interrupts as they are known here."""
    try:
        return release(version(LANGGRAPH)) >= WITH_INTERRUPTS
    except PackageNotFoundError:
        return False


def _cause(target: str, error_type: str | None) -> Patch:
    """Watch a function that makes an answer of an error, where the tool is told to."""

    def handle(
        wrapped: Callable[..., Any], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        _CALLS.note_cause(argument(0, "e", args, kwargs), error_type)
        return wrapped(*args, **kwargs)

    return Patch(BASE, target, handle, target, ("e",), is_needed=False)


def _use(tool: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> ToolUse:
    said = langchain_config.said_in(kwargs.get("config"), kwargs.get("metadata"))
    form, call_id = _form(tool), kwargs.get("tool_call_id")
    asking = langchain_config.asking_message(said, call_id)
    return ToolUse(
        arguments=_given(argument(0, "tool_input", args, kwargs), form, tool),
        call_id=call_id,
        agent_name=langchain_config.agent_name(said, asking),
        conversation_id=langchain_config.conversation_id(said),
        user_id=langchain_config.user_id(said),
        model_name=langchain_config.model_name(asking),
        definition=defined(tool.name, tool.description, form.schema, tool.metadata),
    )


def _given(tool_input: Any, form: _Form, tool: Any) -> Any:
    """Return what the model gave, without what LangGraph adds: the whole state of a graph may be among it."""
    if not isinstance(tool_input, dict):
        return tool_input
    added = form.injected | getattr(tool, "_injected_args_keys", frozenset())
    return {name: value for name, value in tool_input.items() if name not in added}


def _form(tool: Any) -> _Form:
    schema = tool.args_schema
    if not isinstance(schema, type):
        return _Form(schema if isinstance(schema, dict) else None)
    if schema not in _forms:
        _forms[schema] = _read(tool, schema)
    return _forms[schema]


def _read(tool: Any, schema: Any) -> _Form:
    shown = tool.tool_call_schema
    printed = None
    with suppress(
        Exception
    ):  # pydantic knows no JSON for a type: langchain then shows no schema either
        printed = shown.model_json_schema()
    names = frozenset(getattr(schema, "model_fields", ()))
    return _Form(printed, names - frozenset(getattr(shown, "model_fields", names)))


def _ending(result: Any) -> Ending:
    """Read what `run` returns: the tool's own value, or a message that holds it for the model."""
    if type(result).__name__ != "ToolMessage":
        return ended_well(result)
    content = result.content
    if result.status == "error":
        return Ending("failure", content, "tool_error", content if isinstance(content, str) else "")
    return ended_well(content)


def _error_ending(error: BaseException) -> Ending:
    if any(base.__name__ == _BUBBLES for base in type(error).__mro__):
        return Ending("cancelled", error_type=type(error).__qualname__)
    return ended_with(error)


def _run(
    wrapped: Callable[..., Any], tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    result = _call(wrapped, tool, args, kwargs)
    FRAMEWORK.safely(lambda: _note_handoff(tool, args, kwargs, result), records=True)
    return result


async def _arun(
    wrapped: Callable[..., Awaitable[Any]],
    tool: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    result = await _acall(wrapped, tool, args, kwargs)
    FRAMEWORK.safely(lambda: _note_handoff(tool, args, kwargs, result), records=True)
    return result


def _note_handoff(
    tool: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object
) -> None:
    """Record that a tool handed over to another agent, beside the call that it is."""
    destination = tool.metadata.get(HANDS_OVER) if tool.metadata else None
    if destination is not None and type(result).__name__ == COMMAND:
        use = _use(tool, args, kwargs)
        said = langchain_config.said_in(kwargs.get("config"), kwargs.get("metadata"))
        use = replace(use, agent_name=use.agent_name or langchain_config.node_above(said))
        record_handoff(FRAMEWORK, lambda: Handoff(tool.name, text(destination), use))


FRAMEWORK: Final = Framework(NAME, "langchain-core", _patches)
_INTERRUPTS: Final = InterruptHooks(FRAMEWORK)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending, _error_ending)
_call: Final = _CALLS.around(_use)
_acall: Final = _CALLS.around_async(_use)
