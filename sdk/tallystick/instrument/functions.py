"""A call of a function: `tool_call` around a block of code.

It is recorded as the observer `function`. Inside an MCP server's call of the same name it adds to that
call instead of making one of its own. Without a running runtime it does nothing.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from tallystick import runtime
from tallystick.capture.call import ABSENT, Call, Ending, Sighting, made_current, same_call
from tallystick.capture.context import stated_identity
from tallystick.capture.definition import ToolDefinition
from tallystick.errors import RefusedError
from tallystick.instrument.endings import ended_well, ended_with
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_facts import plain
from tallystick.instrument.observe import announced, announced_here, refuse_unseen
from tallystick.instrument.tool_form import offered
from tallystick.instrument.used_definitions import opened
from tallystick.profile import JsonValue
from tallystick.tracing import spans

FUNCTIONS: Final = Framework("functions", "tallystick", lambda _: ())
"""Counts the faults of these hooks like those of a framework."""
FUNCTIONS.is_on = True


class ToolCall:
    """One call in progress: `with tool_call(...) as call`, or `async with`. Made for one use."""

    def __init__(self, sighting: Callable[[], Sighting], name: str) -> None:
        self._sighting = sighting
        self._name = name
        self._call: Call | None = None
        self._shared: Call | None = None
        self._result: object = ABSENT
        self._stack = ExitStack()

    def result(self, value: object) -> None:
        """State what the call returned; recorded, masked, when the call ends."""
        self._result = value

    def __enter__(self) -> Self:
        """Begin. Raises RefusedError when the tool is required and cannot be recorded."""
        self.begin()
        self._stack.enter_context(self.active())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(error)
        self._stack.close()

    async def __aenter__(self) -> Self:
        """Begin; the wait for the disk, for a required tool, is off the event loop."""
        await self.begin_async()
        self._stack.enter_context(self.active())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def begin(self) -> None:
        """Record the start where one is due, on this thread."""
        call = self._opened()
        if call is not None:
            try:
                announced_here(FUNCTIONS, call)
            except RefusedError as refusal:
                self.end(refusal)
                raise

    async def begin_async(self) -> None:
        """Record the start where one is due, off the event loop if that takes an fsync."""
        call = self._opened()
        if call is not None:
            try:
                await announced(FUNCTIONS, call)
            except BaseException as error:
                self.end(error)
                raise

    def active(self) -> ExitStack:
        """Make the call and its span current inside `with`."""
        stack = ExitStack()
        if self._call is not None:
            stack.enter_context(made_current(self._call))
            stack.enter_context(spans.activated(self._call.span))
        return stack

    def end(self, error: BaseException | None) -> None:
        """Record how the call ended: by `error`, else well."""
        call, shared = self._call, self._shared
        if call is not None:
            FUNCTIONS.safely(lambda: call.end(self._ending(error)), records=True)
        elif shared is not None and isinstance(error, Exception) and not shared.has_cause:
            shared.add_cause(type(error).__qualname__, str(error))

    def _ending(self, error: BaseException | None) -> Ending:
        return ended_well(self._result) if error is None else ended_with(error, self._result)

    def _opened(self) -> Call | None:
        if runtime.current() is None:
            return None
        self._shared = same_call("function", self._name)
        if self._shared is None:
            self._call = FUNCTIONS.safely(lambda: opened(FUNCTIONS, self._sighting()), records=True)
            if self._call is None:
                refuse_unseen(FUNCTIONS, self._name)
        return self._call


@dataclass(frozen=True, slots=True)
class Tool:
    """What is known of an audited function before it is called."""

    name: str
    definition: ToolDefinition | None
    call_id: str | None = None
    address: str | None = None
    """Module and qualified name, which tell the function from others of its name."""

    def call(self, arguments: Callable[[], Mapping[str, object]]) -> ToolCall:
        """Make a call; `arguments` is asked only if the call is recorded."""

        def sighting() -> Sighting:
            stated: dict[str, JsonValue] = {"tool.call_id": self.call_id} if self.call_id else {}
            return Sighting(
                observer="function",
                target="tool",
                name=self.name,
                params=plain(dict(arguments())),
                statement=stated,
                identity=stated_identity(),
                definition=self.definition,
                address=self.address,
            )

        return ToolCall(sighting, self.name)


def tool_call(
    name: str,
    args: Mapping[str, object] | None = None,
    *,
    call_id: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
    definition: Mapping[str, object] | None = None,
) -> ToolCall:
    """Record the block inside `with` (or `async with`) as one call of the tool `name`.

    `definition` is what the model is shown of the tool, in the form of MCP: `description`, `inputSchema`, perhaps
    `title`, `outputSchema` and `annotations`; the other arguments count before what it says. It is recorded when
    it is first used, and each call states its digest; keep it the same object, or make it anew, as you like.

    The outcome is that of the block: an exception makes it a failure, and passes. Unless `read_only` is
    True, `tool.started` is recorded before the block runs. Raises RefusedError, instead of running the
    block, for a tool that the setting `required` names and that cannot be recorded durably.
    """
    claimed = hints(read_only, destructive)
    known = FUNCTIONS.safely(lambda: _definition(name, definition, claimed))
    return Tool(name, known, call_id).call(lambda: args or {})


def _definition(
    name: str, said: Mapping[str, object] | None, claimed: Mapping[str, JsonValue] | None
) -> ToolDefinition | None:
    if said is None and claimed is None:
        return None
    shown = dict(said or {})
    annotations = shown.get("annotations")
    stated = annotations if isinstance(annotations, Mapping) else {}
    return offered({**shown, "name": name, "annotations": {**stated, **(claimed or {})} or None})


def hints(read_only: bool | None, destructive: bool | None) -> dict[str, JsonValue] | None:
    """Return what is claimed of a tool as annotations of MCP; None when nothing is."""
    claims = {"readOnlyHint": read_only, "destructiveHint": destructive}
    return {claim: value for claim, value in claims.items() if value is not None} or None
