"""fastmcp 2.12 to 4.x. Its servers and clients are those of mcp, whose hooks record what goes over the wire.

What is added here: what really went wrong in a tool, which fastmcp keeps from its callers; calls that a
program, or a tool that runs others, makes with `FastMCP.call_tool` without a message (3.x, 4.x); and what
fastmcp's own bearer middleware refuses.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

from tallystick.capture.call import Ending, current_call
from tallystick.instrument import mcp_facts
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.endings import ended_with
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_auth import Refusals
from tallystick.instrument.mcp_definitions import definition_of
from tallystick.instrument.patch import Patch, Wrapper, argument, release

NAME: Final = "fastmcp"
OBSERVER: Final = "mcp_server"
PROVIDER: Final = "fastmcp.server.providers.fastmcp_provider"
OWN_REFUSALS: Final = (2, 13)
"""The version since which fastmcp refuses bearer tokens in its own words; before, mcp does."""
UNKNOWN: Final = frozenset({"NotFoundError", "DisabledError"})
_delegating: Final[ContextVar[bool]] = ContextVar("tallystick_fastmcp_delegating", default=False)
"""A server is about to ask one that is mounted in it: the same call, under another name."""


class FastMCPInstrumentor(Instrumentor):
    """Hooks fastmcp alone; what goes over the wire is recorded by the hooks into mcp."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    number = release(version)
    refusals = _optional(
        "fastmcp.server.auth.middleware",
        "RequireAuthMiddleware._send_auth_error",
        Refusals(FRAMEWORK).send_error,
        ("error", "description"),
    )
    own = (refusals,) if number >= OWN_REFUSALS else ()
    return (*(_v2() if number < (3, 0) else _v3()), *own)


def _v2() -> Sequence[Patch]:
    module, target = "fastmcp.tools.tool_manager", "ToolManager.call_tool"
    return (Patch(module, target, _call_manager, "tool manager", ("key", "arguments")),)


def _v3() -> Sequence[Patch]:
    expected = ("name", "arguments", "run_middleware")
    return (
        Patch("fastmcp.server.server", "FastMCP.call_tool", _call_tool, "call_tool", expected),
        _optional(PROVIDER, "FastMCPProviderTool._run", _delegate),
        _optional(PROVIDER, "FastMCPProviderTool.run", _delegate),
    )


def _optional(module: str, target: str, wrapper: Wrapper, expects: tuple[str, ...] = ()) -> Patch:
    return Patch(module, target, wrapper, target, expects, is_needed=False)


async def _call_manager(
    wrapped: Callable[..., Awaitable[Any]],
    _: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run 2.x's `ToolManager.call_tool`, behind the middleware that may hide an error."""
    return await _noting_cause(lambda: wrapped(*args, **kwargs))


async def _call_tool(
    wrapped: Callable[..., Awaitable[Any]],
    server: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run `FastMCP.call_tool`, which calls itself: with the middleware first, then without."""

    def proceed() -> Awaitable[Any]:
        return _noting_cause(lambda: wrapped(*args, **kwargs))

    name = argument(0, "name", args, kwargs)
    is_inner = kwargs.get("run_middleware") is False
    token = _delegating.set(False)
    try:
        if token.old_value is True or _is_seen(name, is_inner=is_inner):
            return await proceed()
        given = argument(1, "arguments", args, kwargs)
        return await _CALLS.observe(name, lambda: _use(server, name, given), proceed)
    finally:
        _delegating.reset(token)


async def _delegate(
    wrapped: Callable[..., Awaitable[Any]],
    _: object,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run the tool of a mounted server, whose own `call_tool` comes next."""
    token = _delegating.set(True)
    try:
        return await wrapped(*args, **kwargs)
    finally:
        _delegating.reset(token)


def _is_seen(name: str, *, is_inner: bool) -> bool:
    """Say whether this call is the one in progress: that of a message, or of the outer `call_tool`."""
    call = current_call()
    is_served = call is not None and OBSERVER in call.observers
    return call is not None and is_served and (is_inner or call.sighting.name == name)


async def _noting_cause(proceed: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await proceed()
    except Exception as error:
        failure = error
        FRAMEWORK.safely(lambda: _note(failure))
        raise


def _note(error: Exception) -> None:
    call, cause = current_call(), _cause(error)
    if call is not None and OBSERVER in call.observers and not call.has_cause and cause:
        call.add_cause(*cause)


def _cause(error: BaseException) -> tuple[str, str] | None:
    """Return type and text of what really went wrong: unlike mcp, fastmcp has errors of its own for it."""
    name = type(error).__name__
    if name in UNKNOWN:
        return ("unknown_tool", str(error))
    if name == "ValidationError":
        return ("invalid_arguments", str(error))
    return mcp_facts.cause_of(error)


def _use(server: Any, name: str, given: Any) -> ToolUse:
    lowlevel, around = server._mcp_server, current_call()  # noqa: SLF001 - no public way to it
    is_served = around is not None and OBSERVER in around.observers
    return ToolUse(
        arguments=given or {},
        definition=definition_of(lowlevel, name),
        facts={"server.name": server.name, "server.version": server.version},
        identity=around.sighting.identity if around is not None and is_served else None,
    )


def _ending(result: Any) -> Ending:
    if not hasattr(result, "content"):
        return mcp_facts.ending(mcp_facts.wire(result))
    sent: Mapping[str, Any] = {
        "content": [mcp_facts.wire(part) for part in result.content],
        "structuredContent": result.structured_content,
        "isError": getattr(result, "is_error", False) is True,
    }
    return mcp_facts.ending(sent)


FRAMEWORK: Final = Framework(NAME, "fastmcp", _patches)
_CALLS: Final = AgentCalls(FRAMEWORK, _ending, ended_with, OBSERVER)
