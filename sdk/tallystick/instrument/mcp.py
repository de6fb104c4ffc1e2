"""The official MCP package, 1.24 to 1.30 and 2.x: which functions are wrapped in which version."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any, Final

from tallystick.capture.call import Call, current_call
from tallystick.instrument import mcp_facts, mcp_transport
from tallystick.instrument.entry import Instrumentor
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_auth import Refusals
from tallystick.instrument.mcp_client import ClientHooks
from tallystick.instrument.mcp_elicitation import ElicitationHooks
from tallystick.instrument.mcp_registration import RegistrationHooks
from tallystick.instrument.mcp_server import ServerHooks
from tallystick.instrument.mcp_server_v1 import ServerHooksV1
from tallystick.instrument.mcp_transport import TransportHooks
from tallystick.instrument.patch import Patch, argument

NAME: Final = "mcp"
LOWLEVEL: Final = "mcp.server.lowlevel.server"
BEARER: Final = "mcp.server.auth.middleware.bearer_auth"


class McpInstrumentor(Instrumentor):
    """Hooks mcp alone."""

    framework = NAME


def _patches(version: str) -> Sequence[Patch]:
    is_v1 = version.partition(".")[0] == "1"
    only = mcp_transport.V1_ONLY if is_v1 else mcp_transport.V2_ONLY
    transports = TransportHooks(FRAMEWORK).patches({**mcp_transport.COMMON, **only})
    return (*_COMMON, *(_v1() if is_v1 else _v2()), *transports)


def _v2() -> Sequence[Patch]:
    server, client = ServerHooks(FRAMEWORK), ClientHooks(FRAMEWORK, injects=False)
    high = "mcp.server.mcpserver"

    def probe(module: ModuleType) -> str | None:
        chain = module.Server("tallystick-probe").middleware
        is_in = isinstance(chain, list) and server.is_attached(chain)
        return None if is_in else f"{LOWLEVEL}.Server.__init__ has no middleware list"

    return (
        Patch(
            LOWLEVEL, "Server.__init__", server.init_server, "middleware", ("name",), check=probe
        ),
        _optional("mcp.server.runner", "ServerRunner.__init__", server.init_runner),
        _optional(f"{high}.server", "MCPServer.__init__", server.init_mcpserver),
        _optional(f"{high}.tools.tool_manager", "ToolManager.call_tool", _call_tool),
        _send_request("mcp.client.session", "ClientSession.send_request", client),
        _optional(
            "mcp.client.session", "ClientSession.dispatch_input_request", _ELICITATION.dispatch
        ),
        _optional(
            "mcp.shared.jsonrpc_dispatcher", "JSONRPCDispatcher._allocate_id", client.allocate_id
        ),
    )


def _v1() -> Sequence[Patch]:
    server, client = ServerHooksV1(FRAMEWORK), ClientHooks(FRAMEWORK, injects=True)
    high = "mcp.server.fastmcp"
    return (
        Patch(
            LOWLEVEL,
            "Server._handle_request",
            server.handle_request,
            "requests",
            ("message", "req"),
            check=_can_watch_answers,
        ),
        _optional(LOWLEVEL, "Server._make_error_result", _make_error_result),
        _optional(f"{high}.server", "FastMCP.__init__", server.init_fastmcp),
        _optional(f"{high}.tools.tool_manager", "ToolManager.call_tool", _call_tool),
        _send_request("mcp.shared.session", "BaseSession.send_request", client),
        _optional("mcp.client.session", "ClientSession._received_request", _ELICITATION.receive),
        *(
            Patch(f"mcp.server.experimental.{module}", target, wrapper, "tasks", ("message",))
            for module, target, wrapper in _TASKS
        ),
    )


def _send_request(module: str, target: str, client: ClientHooks) -> Patch:
    return Patch(module, target, client.send_request, "send_request", ("request",))


def _optional(
    module: str, target: str, wrapper: Callable[..., Any], expects: tuple[str, ...] = ()
) -> Patch:
    return Patch(module, target, wrapper, target, expects, is_needed=False)


def _can_watch_answers(module: ModuleType) -> str | None:
    responder = getattr(module, "RequestResponder", None)
    return None if hasattr(responder, "respond") else f"{module.__name__} has no RequestResponder"


async def _call_tool(
    wrapped: Callable[..., Awaitable[Any]],
    manager: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run `ToolManager.call_tool`; what it raises is the last that shows the real cause."""
    try:
        return await wrapped(*args, **kwargs)
    except Exception as error:
        failure, name = error, argument(0, "name", args, kwargs)
        FRAMEWORK.safely(lambda: _note_cause(manager.get_tool(name) is not None, failure))
        raise


def _make_error_result(
    wrapped: Callable[..., Any],
    instance: object,  # noqa: ARG001 - wrapt's form
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Run 1.x's `Server._make_error_result`; it is called while the tool's exception is handled."""
    error = sys.exc_info()[1]
    if error is not None:
        message = str(argument(0, "error_message", args, kwargs))
        FRAMEWORK.safely(lambda: _note_raised(error, message))
    return wrapped(*args, **kwargs)


def _served_call() -> Call | None:
    call = current_call()
    return call if call is not None and call.sighting.observer == "mcp_server" else None


def _note_cause(is_known: bool, error: Exception) -> None:
    call = _served_call()
    cause = mcp_facts.cause_of(error) if is_known else ("unknown_tool", str(error))
    if call is not None and cause is not None:
        call.add_cause(*cause)


def _note_raised(error: BaseException, message: str) -> None:
    call = _served_call()
    if call is None or call.has_cause:
        return
    is_input = message.startswith("Input validation error")
    call.add_cause("invalid_arguments" if is_input else type(error).__qualname__, message)


FRAMEWORK: Final = Framework(NAME, "mcp", _patches)
_REFUSALS: Final = Refusals(FRAMEWORK)
_ELICITATION: Final = ElicitationHooks(FRAMEWORK)
_TASKS: Final = (
    ("task_context", "ServerTaskContext.elicit", _ELICITATION.ask_form),
    ("task_context", "ServerTaskContext.elicit_url", _ELICITATION.ask_url),
    ("task_context", "ServerTaskContext.elicit_as_task", _ELICITATION.ask_form),
    (
        "session_features",
        "ExperimentalServerSessionFeatures.elicit_as_task",
        _ELICITATION.ask_form,
    ),
)
"""What asks from a task of mcp 1.x: module, function, and its wrapper."""
_REGISTRATION: Final = RegistrationHooks(FRAMEWORK)
_COMMON: Final = (
    _optional(BEARER, "RequireAuthMiddleware.__call__", _REFUSALS.call, ("scope",)),
    _optional(
        BEARER,
        "RequireAuthMiddleware._send_auth_error",
        _REFUSALS.send_error,
        ("error", "description"),
    ),
    _optional(
        "mcp.server.auth.handlers.register", "RegistrationHandler.handle", _REGISTRATION.handle
    ),
    _optional("mcp.server.session", "ServerSession.elicit_form", _ELICITATION.ask_form),
    _optional("mcp.server.session", "ServerSession.elicit_url", _ELICITATION.ask_url),
)
