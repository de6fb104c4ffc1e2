"""Google ADK, from 1.14 on: the function by which a flow runs each tool that its model asks for.

Not its own spans: arguments and results are in them only where a setting says so, they end after the call,
and one of them stands for calls that were merged. Not its plugins: what they raise does not reach the caller
as it was. Streaming tools of a live session are not seen.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

from tallystick.capture.call import Ending
from tallystick.capture.definition import ToolDefinition
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_well
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.framework_model import name_of_model
from tallystick.instrument.framework_user import user_of
from tallystick.instrument.patch import Patch, argument, release
from tallystick.instrument.tool_form import defined

NAME: Final = "google_adk"
FLOWS: Final = "google.adk.flows.llm_flows"
PLACES: Final = {
    (2, 12): ("tools._caller", "_call_tool_async", "tools._thread_pool"),
    (2, 10): ("tools._caller", "_call_tool_async", "tools._caller"),
    (2, 9): ("_tool_caller", "_call_tool_async", "_tool_caller"),
    (1, 24): ("functions", "__call_tool_async", "functions"),
    (0, 0): ("functions", "__call_tool_async", None),
}
"""First version -> module and name of the function, and the module of the one that runs a tool in a thread."""
LIVE: Final = (2, 12)
"""The version that gave live sessions a module with names of its own for both functions."""
THREADS: Final = "_call_tool_in_thread_pool"
_EXPECTED: Final = ("tool", "args", "tool_context")
_running: Final[ContextVar[object]] = ContextVar("tallystick_adk_call", default=None)
"""The context of the call in progress: each call has one of its own, whichever function runs it."""


class GoogleADKInstrumentor(Instrumentor):
    """Hooks Google ADK alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    number = release(version)
    module, target, threads = next(place for since, place in PLACES.items() if number >= since)
    found = [Patch(f"{FLOWS}.{module}", target, _call, "flows", _EXPECTED)]
    if threads is not None:
        found.append(_optional(threads, THREADS))
    if number >= LIVE:
        live = "tools._live_caller"
        found += [_optional(live, target), _optional(live, THREADS)]
    return found


def _optional(module: str, target: str) -> Patch:
    return Patch(f"{FLOWS}.{module}", target, _call, target, _EXPECTED, is_needed=False)


async def _call(
    wrapped: Callable[..., Awaitable[Any]],
    _: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    tool, given, context = (
        argument(position, name, args, kwargs) for position, name in enumerate(_EXPECTED)
    )
    if _running.get() is context:  # two of the functions hooked, one inside the other
        return await wrapped(*args, **kwargs)

    async def proceed() -> Any:
        token = _running.set(context)
        try:
            return await wrapped(*args, **kwargs)
        finally:
            _running.reset(token)

    return await _CALLS.observe(tool.name, lambda: _use(tool, given, context), proceed)


def _use(tool: Any, given: Any, context: Any) -> ToolUse:
    running = getattr(context, "_invocation_context", None)
    session, agent = getattr(running, "session", None), getattr(running, "agent", None)
    return ToolUse(
        arguments=given,
        call_id=context.function_call_id,
        agent_name=context.agent_name,
        conversation_id=getattr(session, "id", None),
        user_id=user_of(session),
        model_name=name_of_model([getattr(agent, "model", None)], "model"),
        definition=_definition(tool),
    )


def _definition(tool: Any) -> ToolDefinition:
    declared = FRAMEWORK.safely(tool._get_declaration)  # noqa: SLF001 - what the model is shown
    return defined(tool.name, tool.description, _schema(declared))


def _schema(declared: Any) -> Mapping[str, Any] | None:
    schema = getattr(declared, "parameters_json_schema", None)
    if schema is None and getattr(declared, "parameters", None) is not None:
        schema = declared.parameters.model_dump(mode="json", exclude_none=True)
    return schema if isinstance(schema, Mapping) else None


def _ending(result: Any) -> Ending:
    """Read a result; a tool says in it that it failed, or that it waits for a person or a sign-in."""
    if isinstance(result, Mapping) and isinstance(result.get("error"), str) and len(result) == 1:
        return Ending("failure", result, "tool_error", result["error"])
    return ended_well(result)


FRAMEWORK: Final = Framework(NAME, "google-adk", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending)
