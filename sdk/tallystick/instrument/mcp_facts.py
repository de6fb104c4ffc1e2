"""What a JSON-RPC message of MCP says, in the fields of a record: the same for both sides and all versions."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from tallystick.capture.call import ABSENT, Ending, Observer, Sighting
from tallystick.capture.definition import ToolDefinition
from tallystick.capture.identity import Identity, text
from tallystick.errors import RefusedError
from tallystick.profile import JsonValue

Target = Literal["tool", "resource", "prompt"]

TARGETS: Final[Mapping[str, Target]] = {
    "tools/call": "tool",
    "resources/read": "resource",
    "prompts/get": "prompt",
}
"""Methods that are recorded. Listing, pinging and the handshake are not."""
LIST_TOOLS: Final = "tools/list"
INITIALIZE: Final = "initialize"
INPUT_REQUIRED: Final = "input_required"

INTERNAL_ERROR: Final = -32603
TIMEOUT_CODES: Final = frozenset({-32001, 408})
"""What the client of mcp 2.x and 1.x raises when its own read timeout has passed."""
INVALID_PARAMS: Final = "-32602"


def sighting(
    observer: Observer,
    method: str,
    params: Mapping[str, Any],
    statement: Mapping[str, JsonValue | None],
    identity: Identity,
    definition: ToolDefinition | None = None,
) -> Sighting:
    """Make a sighting of a request. `params` are as on the wire; statement fields that are None are left out."""
    target = TARGETS[method]
    stated = {"mcp.method": method} | {k: v for k, v in statement.items() if v not in (None, "")}
    if target == "resource":
        uri = text(params.get("uri"))
        return Sighting(observer, target, "", ABSENT, stated, {"resource.uri": uri}, identity)
    arguments = params.get("arguments", ABSENT)
    name = text(params.get("name"))
    return Sighting(observer, target, name, plain(arguments), stated, {}, identity, definition)


def wire(value: Any) -> Any:
    """Return the JSON form of a message or a part of one."""
    dump = getattr(value, "model_dump", None)
    return dump(by_alias=True, mode="json", exclude_none=True) if dump is not None else value


def plain(value: Any) -> Any:
    """Copy the containers of a JSON value, so that a tool cannot change what is recorded of it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def ending(result: Any) -> Ending:
    """Say how a request ended from its result."""
    sent = wire(result)
    if isinstance(sent, Mapping) and sent.get("isError") is True:
        return Ending("failure", sent, "tool_error", _first_text(sent))
    if isinstance(sent, Mapping) and sent.get("resultType") == INPUT_REQUIRED:
        return Ending("unknown", sent)  # the tool has asked, and nobody knows yet how it ends
    return Ending("success", {} if sent is None else sent)


def error_ending(error: BaseException) -> Ending:
    """Say how a request ended from what was raised."""
    if isinstance(error, RefusedError) or isinstance(error.__cause__, RefusedError):
        return Ending("denied", error_type="RefusedError", error_message=str(error))
    if not isinstance(error, Exception):
        return cancelled(error)
    data = getattr(error, "error", None)
    code = getattr(data, "code", None)
    if isinstance(code, int):
        ended = protocol_ending(code, str(error))
        hidden = cause_of(error.__context__) if error.__context__ is not None else None
        return replace(ended, error_type=hidden[0], error_message=hidden[1]) if hidden else ended
    if type(error).__name__ == "ValidationError":  # mcp answers it with the code alone
        return Ending("failure", error_type=INVALID_PARAMS, error_message=str(error))
    return Ending("failure", error_type=type(error).__qualname__, error_message=str(error))


def protocol_ending(code: int, message: str) -> Ending:
    """Say how a request ended from a JSON-RPC error."""
    outcome: Literal["timeout", "failure"] = "timeout" if code in TIMEOUT_CODES else "failure"
    return Ending(outcome, error_type=str(code), error_message=message)


def cancelled(error: BaseException | None = None) -> Ending:
    """Say that nobody waited for the end: a cancelled task, or a process that was told to stop."""
    is_cancellation = (
        error is None
        or isinstance(error, asyncio.CancelledError)
        or type(error).__name__ == "Cancelled"  # trio's
    )
    return Ending("cancelled", error_type=None if is_cancellation else type(error).__qualname__)


def cause_of(error: BaseException) -> tuple[str, str] | None:
    """Return type and text of what really went wrong in a tool, below the wrappers of mcp.

    None where there is nothing below: the wrapper's own text is all that there is.
    """
    if type(error).__name__ not in _WRAPPERS:
        return None
    below = error.__cause__
    if below is None:
        return ("tool_error", str(error)) if type(error).__name__ == "ToolError" else None
    while type(below).__name__ in _WRAPPERS and below.__cause__ is not None:
        below = below.__cause__
    if type(below).__name__ == "ToolError":
        return ("tool_error", str(below))
    if type(below).__name__ == "ValidationError" and type(error).__name__ == "ToolError":
        return ("invalid_arguments", str(below))
    return (type(below).__qualname__, str(below))


_WRAPPERS: Final = frozenset(
    {"ToolError", "UnexpectedToolError", "ResourceError", "UnexpectedResourceError", "MCPError"}
)


def refusal_text(tool: str) -> str:
    """Say to a caller that a required tool did not run, and nothing about this machine."""
    return (
        f"the tool {tool!r} was not run: its call must be recorded durably first, and could not be;"
        " the operator of the server finds the reason with `tallystick doctor`"
    )


def _first_text(sent: Mapping[str, Any]) -> str | None:
    for part in sent.get("content") or ():
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            return str(part["text"])
    return None
