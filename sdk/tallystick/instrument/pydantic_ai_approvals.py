"""What people decide in Pydantic AI: tools that wait for an approval.

A run ends with `DeferredToolRequests`, and the next one is given `DeferredToolResults`, in this process or in
another; later versions also ask a handler of the program while the run goes on.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from tallystick.capture.approvals import Answer
from tallystick.capture.call import ABSENT
from tallystick.instrument.agent_call import ToolUse
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_facts import plain
from tallystick.instrument.patch import Patch, argument
from tallystick.instrument.tool_approval import ToolApprovals, ToolQuestion, shown_call
from tallystick.instrument.tool_form import parsed

CHANNEL: Final = "pydantic_ai"
RESPONSE: Final = "response"
"""Kind of the message that holds what a model asks for."""


class ApprovalHooks:
    """The wrappers around what is deferred and what comes back."""

    def __init__(self, framework: Framework) -> None:
        self._approvals = ToolApprovals(framework, CHANNEL)
        self._framework = framework

    def patches(self, manager: str, *, has_handlers: bool) -> Sequence[Patch]:
        """Return what is hooked; `manager` is the module of the tool manager."""
        handlers = Patch(
            manager,
            "ToolManager.resolve_deferred_tool_calls",
            self._resolve,
            "approvals",
            ("requests",),
        )
        return (
            Patch(
                "pydantic_ai.tools",
                "DeferredToolRequests.__init__",
                self._deferred,
                "approvals",
                ("approvals",),
            ),
            Patch(
                "pydantic_ai._agent_graph",
                "UserPromptNode._handle_deferred_tool_results",
                self._resume,
                "approvals",
                ("deferred_tool_results", "messages"),
            ),
            *((handlers,) if has_handlers else ()),
        )

    def _deferred(
        self,
        wrapped: Callable[..., None],
        requests: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run the constructor of what a run ends with."""
        wrapped(*args, **kwargs)
        self._framework.safely(lambda: self._ask(requests.approvals), records=True)

    async def _resume(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        _: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run what goes on with the answers; those that it refuses are none."""
        node = await wrapped(*args, **kwargs)
        results = argument(0, "deferred_tool_results", args, kwargs)
        messages = argument(1, "messages", args, kwargs)
        self._framework.safely(lambda: self._answer(results, _asked(messages)), records=True)
        return node

    async def _resolve(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        _: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run what asks the program's handlers."""
        results = await wrapped(*args, **kwargs)
        requests = argument(0, "requests", args, kwargs)
        if results is not None:
            self._framework.safely(lambda: self._answer(results, requests.approvals), records=True)
        return results

    def _ask(self, parts: Sequence[Any]) -> None:
        for part in parts:
            self._approvals.requested(partial(_question, part))

    def _answer(self, results: Any, parts: Sequence[Any]) -> None:
        asked = {part.tool_call_id: part for part in parts}
        approvers = getattr(results, "answered_by", None) or {}
        for call_id, said in results.approvals.items():
            answer = _read(said, approvers.get(call_id))
            self._approvals.decided(partial(_question, asked[call_id]), answer)


def _asked(messages: Sequence[Any]) -> Sequence[Any]:
    """Return the calls that the model asked for last."""
    last = next(message for message in reversed(messages) if message.kind == RESPONSE)
    return [*last.tool_calls]


def _question(part: Any) -> ToolQuestion:
    arguments = plain(parsed(part.args))
    return ToolQuestion(
        tool=part.tool_name,
        names=(part.tool_call_id, part.tool_name, arguments),
        shown=shown_call(part.tool_name, arguments),
        use=ToolUse(call_id=part.tool_call_id),
    )


def _read(said: Any, approver: str | None) -> Answer:
    """Read an answer: a bool, `ToolApproved` with what is to be used instead, or `ToolDenied` with a reason."""
    if isinstance(said, bool):
        return Answer("approved" if said else "denied", approver=approver)
    if said.kind == "tool-denied":
        return Answer("denied", said.message, approver=approver)
    changed: Mapping[str, Any] | None = said.override_args
    content = ABSENT if changed is None else plain(changed)
    return Answer("approved" if changed is None else "modified", None, content, approver)
