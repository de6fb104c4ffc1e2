"""Pydantic AI, from 1.64 on: `ToolManager.execute_tool_call`, through which an agent runs each of its tools.

Not its own spans: they are there only for a program that instruments its agents, and could not keep a
required tool from running. Output tools, by which a model gives its answer, are no calls of a tool.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tallystick.capture.call import Ending
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_model import name_of_model
from tallystick.instrument.framework_user import user_of
from tallystick.instrument.patch import Patch, argument, release
from tallystick.instrument.pydantic_ai_agents import AgentHooks
from tallystick.instrument.pydantic_ai_approvals import ApprovalHooks
from tallystick.instrument.tool_form import defined, parsed

NAME: Final = "pydantic_ai"
MODULE_IS_PUBLIC: Final = (1, 78)
"""The version that renamed the module of the tool manager."""
NAMES_AGENT: Final = (1, 76)
"""The version whose run context names the agent."""
HANDLERS: Final = (1, 87)
"""The version that brought handlers, which answer an approval while the run goes on."""
DEFERRALS: Final = frozenset({"ApprovalRequired", "CallDeferred"})
"""What is raised to ask a person, or to let somebody else run the tool: the call has no end yet."""
_WRAPPERS: Final = frozenset({"ToolRetryError", "ToolFailedError"})
"""What Pydantic AI makes of an error that the model is told."""


class PydanticAIInstrumentor(Instrumentor):
    """Hooks Pydantic AI alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    is_public = release(version) >= MODULE_IS_PUBLIC
    module = "pydantic_ai.tool_manager" if is_public else "pydantic_ai._tool_manager"
    target = "ToolManager.execute_tool_call"
    return (
        Patch(module, target, _execute, "tool manager", ("validated",)),
        *(() if release(version) >= NAMES_AGENT else _AGENTS.patches(module)),
        *_APPROVALS.patches(module, has_handlers=release(version) >= HANDLERS),
    )


async def _execute(
    wrapped: Callable[..., Awaitable[Any]],
    manager: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    validated = argument(0, "validated", args, kwargs)
    if FRAMEWORK.safely(lambda: _runs_no_tool(validated)):
        return await wrapped(*args, **kwargs)

    async def proceed() -> Any:
        FRAMEWORK.safely(lambda: _note_invalid(validated))
        return await wrapped(*args, **kwargs)

    return await _CALLS.observe(validated.call.tool_name, lambda: _use(manager, validated), proceed)


def _runs_no_tool(validated: Any) -> bool:
    """Say whether this is the model's answer, or was put off before the tool was reached."""
    is_answer = validated.tool is not None and validated.tool.tool_def.kind == "output"
    return is_answer or getattr(validated, "deferral", None) is not None


def _note_invalid(validated: Any) -> None:
    if not validated.args_valid:
        error = validated.validation_error
        is_known = validated.tool is not None
        cause = error.__cause__ or error
        _CALLS.note_cause(cause, "invalid_arguments" if is_known else "unknown_tool")


def _use(manager: object, validated: Any) -> ToolUse:
    call, context = validated.call, validated.ctx
    named = getattr(getattr(context, "agent", None), "name", None)
    return ToolUse(
        arguments=parsed(call.args),
        call_id=call.tool_call_id,
        agent_name=named or _AGENTS.name_for(manager),
        conversation_id=getattr(context, "conversation_id", None),
        user_id=user_of(getattr(context, "deps", None)),
        model_name=name_of_model([getattr(context, "model", None)], "model_name"),
        definition=_definition(validated.tool.tool_def) if validated.tool is not None else None,
    )


def _definition(said: Any) -> Any:
    annotations = (said.metadata or {}).get("annotations")
    hints = annotations if isinstance(annotations, Mapping) else None
    return defined(said.name, said.description, said.parameters_json_schema, hints)


def _ending(result: Any) -> Ending:
    """Read a result; a `ToolReturn` holds it beside what only the program sees."""
    return ended_well(result.return_value if type(result).__name__ == "ToolReturn" else result)


def _error_ending(error: BaseException) -> Ending:
    name = type(error).__name__
    if name in DEFERRALS:
        return Ending("cancelled", error_type=name)
    cause = error.__cause__
    return ended_with(cause if name in _WRAPPERS and cause is not None else error)


FRAMEWORK: Final = Framework(NAME, "pydantic-ai-slim", _patches)
_AGENTS: Final = AgentHooks(FRAMEWORK)
_APPROVALS: Final = ApprovalHooks(FRAMEWORK)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending, _error_ending)
