"""What people decide in LangGraph: `interrupt()` where the call of a tool is what is interrupted.

That is an interrupt inside of a tool, or one whose value names calls: of `HumanInTheLoopMiddleware` in each of its
modes, or a `HumanInterrupt`. The node is left, and runs again with the answer, perhaps in another process.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Final
from weakref import WeakKeyDictionary

from tallystick.capture.approvals import Answer
from tallystick.capture.call import Call, current_call
from tallystick.instrument import interrupt_answers, langchain_config
from tallystick.instrument.agent_call import ToolUse
from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import Patch, argument
from tallystick.instrument.tool_approval import ToolApprovals, ToolQuestion, shown_call

CHANNEL: Final = "langgraph.interrupt"
TYPES: Final = "langgraph.types"
FUNCTION: Final = "interrupt"
LEAVES: Final = "GraphInterrupt"
"""What is raised to leave the graph until there is an answer."""
_SCRATCHPAD: Final = "__pregel_scratchpad"
_TASK: Final = "checkpoint_ns"
"""Members of a task's configuration; the namespace holds the task's id, the same in each of its runs."""


class InterruptHooks:
    """The wrapper around `interrupt`, under each name by which a loaded module has it."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._approvals = ToolApprovals(framework, CHANNEL)
        self._met: WeakKeyDictionary[object, dict[str | None, int]] = WeakKeyDictionary()
        """Something of one run of a task -> how many interrupts each call of a tool has met in it."""

    def patches(self, *, is_needed: bool) -> Sequence[Patch]:
        """Return what is hooked. A module that took the function by name before now is a place of its own."""
        places = dict.fromkeys([(TYPES, FUNCTION), *_taken()])
        return [
            Patch(module, name, self._interrupt, "interrupts", ("value",), is_needed)
            for module, name in places
        ]

    def _interrupt(
        self, wrapped: Callable[..., Any], _: object, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run `interrupt`, which leaves the graph, or returns what a person answered."""
        value = argument(0, "value", args, kwargs)
        try:
            said = wrapped(*args, **kwargs)
        except BaseException as error:
            if type(error).__name__ == LEAVES:
                self._framework.safely(lambda: self._ask(value), records=True)
            raise
        self._framework.safely(lambda: self._answer(value, said), records=True)
        return said

    def _ask(self, value: object) -> None:
        for question in self._questions(value):
            self._approvals.requested(partial(_same, question))

    def _answer(self, value: object, said: object) -> None:
        questions = self._questions(value)
        answers: Sequence[Answer] = interrupt_answers.answers_in(said, len(questions))
        for question, answer in zip(questions, answers, strict=False):
            self._approvals.decided(partial(_same, question), answer)

    def _questions(self, value: object) -> Sequence[ToolQuestion]:
        """Return what a person is asked by a value; nothing where no tool waits for the answer."""
        config = sys.modules["langgraph.config"].get_config()
        call, asked = current_call(), interrupt_answers.asked_in(value)
        call_id = asked[0].call_id if asked else _call_id(call)
        names = (config["configurable"].get(_TASK), call_id, self._position(config, call_id))
        if asked:
            said = langchain_config.said_in(config)
            return [_named(one, said, (*names, place)) for place, one in enumerate(asked)]
        return [] if call is None else [_inside(call, value, names)]

    def _position(self, config: Mapping[str, Any], call_id: str | None) -> int:
        """Count the interrupts of one call in one run of its task: they come in the same order in each."""
        run = config["configurable"][_SCRATCHPAD].get_null_resume  # made for this run alone
        met = self._met.setdefault(run, {})
        met[call_id] = met.get(call_id, -1) + 1
        return met[call_id]


def _call_id(call: Call | None) -> str | None:
    found = call.sighting.statement.get("tool.call_id") if call is not None else None
    return found if isinstance(found, str) else None


def _named(
    asked: interrupt_answers.Asked, said: Mapping[str, Any], names: tuple[object, ...]
) -> ToolQuestion:
    use = ToolUse(
        call_id=asked.call_id,
        agent_name=langchain_config.agent_name(said),
        conversation_id=langchain_config.conversation_id(said),
        user_id=langchain_config.user_id(said),
    )
    shown = shown_call(asked.tool, asked.arguments, description=asked.description)
    return ToolQuestion(asked.tool, names, shown, use)


def _inside(call: Call, value: object, names: tuple[object, ...]) -> ToolQuestion:
    """Return what a tool asks while it runs: the value is all that is shown."""
    sighting = call.sighting
    thread = sighting.statement.get("conversation.id")
    use = ToolUse(
        call_id=_call_id(call),
        conversation_id=thread if isinstance(thread, str) else None,
        identity=sighting.identity,
    )
    return ToolQuestion(sighting.name, names, value, use, call)


def _same(question: ToolQuestion) -> ToolQuestion:
    return question


def _taken() -> Sequence[tuple[str, str]]:
    """Return the names by which loaded modules have the function, where they took it before it was hooked."""
    types = sys.modules.get(TYPES)
    function = getattr(types, FUNCTION, None)
    if function is None:
        return []
    modules: list[tuple[str, object]] = list(sys.modules.items())
    return [
        (module, name)
        for module, loaded in modules
        if isinstance(loaded, ModuleType)  # a program may put anything there
        for name, value in list(vars(loaded).items())
        if value is function
    ]
