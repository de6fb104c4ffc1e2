"""What people decide in the OpenAI Agents SDK: tools that wait for an approval.

A run stops with `interruptions`, and `state.approve()` or `state.reject()` answers each, in this process or in
another that restores the state. The program's own callbacks (`on_approval`, and `on_approval_request` of
hosted MCP tools) ask and answer while the run goes on.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from tallystick.capture.approvals import Answer
from tallystick.instrument.agent_call import ToolUse
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_facts import plain
from tallystick.instrument.patch import Patch, argument
from tallystick.instrument.tool_approval import ToolApprovals, ToolQuestion, shown_call
from tallystick.instrument.tool_form import parsed

CHANNEL: Final = "openai_agents"
INTERRUPTION: Final = "NextStepInterruption"
_CONTEXT: Final = "agents.run_context"
_GIVEN: Final = ("arguments", "action", "actions", "operation", "input")
"""Where the kinds of calls say what they would do."""


class ApprovalHooks:
    """The wrappers around what interrupts a run and what answers."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._approvals = ToolApprovals(framework, CHANNEL)

    def patches(self) -> Sequence[Patch]:
        """Return what is hooked."""
        return (
            Patch(
                "agents.run_internal.run_steps",
                "SingleStepResult.__init__",
                self._stepped,
                "approvals",
                ("next_step",),
            ),
            self._answering("approve_tool", "approved", "always_approve"),
            self._answering("reject_tool", "denied", "always_reject"),
            Patch(
                "agents.run_internal.tool_actions",
                "resolve_approval_status",
                self._resolve,
                "approvals",
                ("on_approval",),
            ),
            Patch(
                "agents.run_internal.tool_planning",
                "execute_mcp_approval_requests",
                self._ask_for_hosted,
                "approvals",
                ("agent", "approval_requests"),
            ),
        )

    def realtime_patch(self, module: str) -> Patch:
        """Return what is hooked in realtime sessions, which few programs have."""
        target = "RealtimeSession._maybe_request_tool_approval"
        expected = ("tool_call", "function_tool", "agent")
        return Patch(module, target, self._ask_live, target, expected, is_needed=False)

    async def _ask_live(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        session: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run what lets a session's tool run, refuses it, or leaves it (None) until somebody answers."""
        said = await wrapped(*args, **kwargs)
        if said is None:
            read = partial(_live, argument(0, "tool_call", args, kwargs), kwargs)
            self._framework.safely(lambda: self._ask_pending(session, read), records=True)
        return said

    def _ask_pending(self, session: Any, read: Callable[[], ToolQuestion]) -> None:
        question = read()
        if question.use.call_id in session._pending_tool_calls:  # noqa: SLF001 - else the session has ended
            self._approvals.requested(lambda: question)

    def _stepped(
        self,
        wrapped: Callable[..., None],
        step: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Run the constructor of a turn's result, which says why the run stops."""
        wrapped(*args, **kwargs)
        self._framework.safely(lambda: self._ask(_interruptions(step)), records=True)

    def _answering(self, method: str, decision: str, always: str) -> Patch:
        """Watch the method by which every approval, or every refusal, of a run is stated."""

        def answer(
            wrapped: Callable[..., None], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
        ) -> None:
            wrapped(*args, **kwargs)
            said = Answer(decision, kwargs.get("rejection_message"))
            item = argument(0, "approval_item", args, kwargs)
            is_standing = bool(argument(1, always, args, kwargs))
            self._approvals.decided(partial(_question, item), said, is_standing=is_standing)

        expected = ("approval_item", always)
        target = f"RunContextWrapper.{method}"
        return Patch(_CONTEXT, target, answer, "approvals", expected)

    async def _resolve(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        _: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run what asks the program's callback about an action, and record that it is asked."""
        callback = kwargs.get("on_approval")
        if callback is None:
            return await wrapped(*args, **kwargs)

        def ask(context: Any, item: Any) -> Any:
            self._ask([item])
            return callback(context, item)

        return await wrapped(*args, **{**kwargs, "on_approval": ask})

    async def _ask_for_hosted(
        self,
        wrapped: Callable[..., Awaitable[Any]],
        _: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Run what asks the program's callbacks about tools of hosted MCP servers, and record both."""
        reads = self._framework.safely(lambda: _hosted_questions(kwargs), records=True) or {}
        for read in reads.values():
            self._approvals.requested(read)
        responses = await wrapped(*args, **kwargs)
        self._framework.safely(lambda: self._answer_hosted(reads, responses), records=True)
        return responses

    def _answer_hosted(
        self, reads: Mapping[str, Callable[[], ToolQuestion]], responses: Iterable[Any]
    ) -> None:
        for response in responses:
            said = _parts(response.raw_item)
            read = reads.get(str(said.get("approval_request_id")))
            if read is not None:
                decision = "approved" if said.get("approve") else "denied"
                self._approvals.decided(read, Answer(decision, said.get("reason")))

    def _ask(self, items: Iterable[Any]) -> None:
        for item in items:
            self._approvals.requested(partial(_question, item))


def _question(item: Any) -> ToolQuestion:
    """Read a `ToolApprovalItem`."""
    return _asked(item.name or "unknown_tool", item.raw_item, getattr(item, "agent", None))


def _interruptions(step: Any) -> Iterable[Any]:
    """Return what a person is to decide before a run can go on."""
    is_left = type(step.next_step).__name__ == INTERRUPTION
    items: Iterable[Any] = step.next_step.interruptions if is_left else ()
    return items


def _hosted_questions(given: Mapping[str, Any]) -> Mapping[str, Callable[[], ToolQuestion]]:
    """Return the questions about tools of hosted MCP servers by the ids of their requests."""
    requests = [run.request_item for run in given["approval_requests"]]
    return {str(_parts(raw)["id"]): partial(_hosted, given["agent"], raw) for raw in requests}


def _live(asked: Any, given: Mapping[str, Any]) -> ToolQuestion:
    """Read the call of a realtime session."""
    return _asked(given["function_tool"].name, asked, given["agent"])


def _hosted(agent: Any, raw: Any) -> ToolQuestion:
    """Read a request of a hosted MCP server."""
    return _asked(str(_parts(raw).get("name")), raw, agent)


def _asked(tool: str, raw: Any, agent: Any) -> ToolQuestion:
    parts = _parts(raw)
    given = next((parts[name] for name in _GIVEN if parts.get(name) is not None), None)
    call_id = parts.get("call_id") or parts.get("id")
    arguments = plain(parsed(given))
    return ToolQuestion(
        tool=tool,
        names=(call_id, tool, given if isinstance(given, str) else None),
        shown=shown_call(tool, arguments),
        use=ToolUse(call_id=call_id, agent_name=getattr(agent, "name", None)),
    )


def _parts(raw: Any) -> Mapping[str, Any]:
    """Return the members of an object of the API, or of its JSON."""
    return raw if isinstance(raw, Mapping) else vars(raw)
