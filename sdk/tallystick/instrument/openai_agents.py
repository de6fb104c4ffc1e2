"""OpenAI Agents SDK, from 0.9 on: where its runner invokes a function tool, and its local actions.

Not its trace processors: tracing can be switched off, leaves the details of errors out, and could not keep
a required tool from running. Tools that OpenAI runs on its own machines (web search, code) are not seen.
"""

import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from tallystick.capture.call import Ending, current_call
from tallystick.capture.definition import ToolDefinition
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_model import name_of_model
from tallystick.instrument.framework_user import user_of
from tallystick.instrument.handoff import Handoff, record_handoff
from tallystick.instrument.openai_agents_approvals import ApprovalHooks
from tallystick.instrument.patch import Patch, Wrapper, argument, release
from tallystick.instrument.tool_form import defined, parsed

NAME: Final = "openai_agents"
EXECUTION: Final = "agents.run_internal.tool_execution"
ACTIONS: Final = "agents.run_internal.tool_actions"
TURNS: Final = "agents.run_internal.turn_resolution"
REALTIME: Final = "agents.realtime.session"
WITH_METADATA: Final = (0, 19)
"""The version that renamed the function by which the runner invokes a tool."""
CUSTOM_TOOLS: Final = (0, 14)
"""The version that brought custom tools, in one of its releases."""
PENDING: Final = "ToolApprovalItem"
"""What an action gives back when a person has to approve it first; it has not run then."""
CUSTOM: Final = "CustomTool"
SHELL: Final = "ShellTool"
_EXPECTED: Final = ("function_tool", "context", "arguments")


class OpenAIAgentsInstrumentor(Instrumentor):
    """Hooks the OpenAI Agents SDK alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    number = release(version)
    renamed = number >= WITH_METADATA
    invoke = "_invoke_function_tool_with_metadata" if renamed else "invoke_function_tool"
    custom = [_action("CustomToolAction", "custom_tool", is_needed=number > CUSTOM_TOOLS)]
    return (
        Patch(EXECUTION, invoke, _invoke, "function tools", _EXPECTED),
        Patch(REALTIME, "invoke_function_tool", _invoke, REALTIME, _EXPECTED, is_needed=False),
        _action("LocalShellAction", "local_shell_tool"),
        _action("ShellAction", "shell_tool"),
        _action("ApplyPatchAction", "apply_patch_tool"),
        _action("ComputerAction", "computer_tool", "action"),
        *(custom if number >= CUSTOM_TOOLS else ()),
        *_APPROVALS.patches(),
        _APPROVALS.realtime_patch(REALTIME),
        Patch(
            TURNS,
            "execute_handoffs",
            _hand_over,
            "handoffs",
            ("run_handoffs", "run_config", "context_wrapper"),
        ),
        _watch("agents.util._error_tracing", "attach_error_to_current_span", _attach, ("error",)),
        _watch("agents.exceptions", "ToolTimeoutError.__init__", _time_out),
    )


async def _invoke(
    wrapped: Callable[..., Awaitable[Any]],
    _: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    tool = kwargs["function_tool"]
    return await _CALLS.observe(tool.name, lambda: _use(kwargs), lambda: wrapped(*args, **kwargs))


def _use(kwargs: Mapping[str, Any]) -> ToolUse:
    tool, context = kwargs["function_tool"], kwargs["context"]
    config = getattr(context, "run_config", None)
    return ToolUse(
        arguments=parsed(kwargs["arguments"]),
        call_id=context.tool_call_id,
        agent_name=getattr(getattr(context, "agent", None), "name", None),
        conversation_id=getattr(config, "group_id", None),
        user_id=user_of(context.context),
        model_name=_model(config, getattr(context, "agent", None)),
        definition=defined(tool.name, tool.description, tool.params_json_schema),
    )


def _action(owner: str, tool: str, given: str = "call", *, is_needed: bool = True) -> Patch:
    """Watch the class that runs one kind of action; `tool` and `given` are its words for its parts."""

    async def execute(
        wrapped: Callable[..., Awaitable[Any]],
        _: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        run = kwargs[given]
        return await _ACTION_CALLS.observe(
            getattr(run, tool).name,
            lambda: _action_use(run.tool_call, getattr(run, tool), kwargs),
            lambda: wrapped(*args, **kwargs),
        )

    expected = ("agent", "context_wrapper", "config", given)
    return Patch(ACTIONS, f"{owner}.execute", execute, "actions", expected, is_needed)


def _action_use(asked: Any, tool: Any, kwargs: Mapping[str, Any]) -> ToolUse:
    """Read what a model asked for: an object of the API, or in later versions perhaps its JSON."""
    parts = asked if isinstance(asked, Mapping) else vars(asked)
    found = (parts.get(name) for name in ("action", "actions", "operation", "input"))
    return ToolUse(
        arguments=next((one for one in found if one is not None), asked),
        call_id=parts.get("call_id"),
        agent_name=kwargs["agent"].name,
        user_id=user_of(kwargs["context_wrapper"].context),
        model_name=_model(kwargs["config"], kwargs["agent"]),
        definition=_action_definition(tool),
    )


def _action_definition(tool: Any) -> ToolDefinition | None:
    """Return what of an action's definition is the program's own; the rest the API has, and is sent a type alone.

    That is a custom tool, whose input is one text, perhaps of a format, and the skills of a local shell.
    """
    kind = type(tool).__name__
    if kind == CUSTOM:
        form = {"x-format": tool.format} if tool.format else {}
        return defined(tool.name, tool.description, {"type": "string", **form})
    skills = (tool.environment or {}).get("skills") if kind == SHELL else None
    return defined(tool.name, None, {"type": "object", "x-skills": skills}) if skills else None


def _model(config: Any, agent: Any) -> str | None:
    """Return the model of a run, else that of its agent; None for the SDK's default."""
    return name_of_model([getattr(one, "model", None) for one in (config, agent)], "model")


async def _hand_over(
    wrapped: Callable[..., Awaitable[Any]],
    _: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run a hand-over; of several in one turn, the first is the one that happens."""
    try:
        step = await wrapped(*args, **kwargs)
    except Exception as error:
        record_handoff(FRAMEWORK, lambda: _handoff(kwargs, None), error)
        raise
    record_handoff(FRAMEWORK, lambda: _handoff(kwargs, step.next_step.new_agent))
    return step


def _handoff(kwargs: Mapping[str, Any], taker: Any) -> Handoff:
    asked = kwargs["run_handoffs"][0]
    giver = kwargs.get("public_agent") or kwargs.get("agent")  # the name that it had before
    use = ToolUse(
        arguments=parsed(asked.tool_call.arguments),
        call_id=asked.tool_call.call_id,
        agent_name=getattr(giver, "name", None),
        conversation_id=getattr(kwargs["run_config"], "group_id", None),
        user_id=user_of(kwargs["context_wrapper"].context),
        model_name=_model(kwargs["run_config"], giver),
    )
    to_agent = asked.handoff.agent_name if taker is None else taker.name
    return Handoff(asked.handoff.tool_name, to_agent, use)


def _watch(module: str, target: str, wrapper: Wrapper, expects: tuple[str, ...] = ()) -> Patch:
    return Patch(module, target, wrapper, target, expects, is_needed=False)


def _attach(
    wrapped: Callable[..., Any], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run the function that notes an error in a trace; it runs while the tool's exception is handled."""
    error = sys.exc_info()[1]
    if error is not None and _is_of_current_tool(argument(0, "error", args, kwargs)):
        _CALLS.note_cause(error)
    return wrapped(*args, **kwargs)


def _is_of_current_tool(noted: Any) -> bool:
    call = current_call()
    data = noted.get("data") if isinstance(noted, Mapping) else None
    name = data.get("tool_name") if isinstance(data, Mapping) else None
    return call is not None and name == call.sighting.name


def _time_out(
    wrapped: Callable[..., None], error: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Make a timeout of a tool, which the model may then be told in words alone."""
    wrapped(*args, **kwargs)
    _CALLS.note_cause(error)


def _ending(result: Any) -> Ending:
    """Read what an invocation gives: the output, from 0.19 on in an object with more about it."""
    has_metadata = type(result).__name__ == "_FunctionToolInvocationResult"
    return ended_well(result.output if has_metadata else result)


def _action_ending(item: Any) -> Ending:
    if type(item).__name__ == PENDING:
        return Ending("cancelled", error_type=PENDING)
    return ended_well(getattr(item, "output", None))


def _error_ending(error: BaseException) -> Ending:
    if type(error).__name__ == "ToolTimeoutError":
        return Ending("timeout", error_type="ToolTimeoutError", error_message=str(error))
    return ended_with(error)


FRAMEWORK: Final = Framework(NAME, "openai-agents", _patches)
_APPROVALS: Final = ApprovalHooks(FRAMEWORK)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending, _error_ending)
_ACTION_CALLS: Final = AgentCalls(FRAMEWORK, _action_ending, _error_ending)
