"""Approvals that an agent framework asks for before it runs a tool: one request, and one answer to it.

A framework shows the same question many times: it hands a state on, restores one, runs a step again. Here it
is recorded once while it waits, and so is its answer. The id is a keyed digest of what names the question
in the framework, so that another process, which restores the state and goes on, comes to the same one.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from tallystick import runtime
from tallystick.capture.approvals import Answer, Question, record_answer, record_request
from tallystick.capture.call import Call
from tallystick.capture.context import stated_identity
from tallystick.capture.identity import text
from tallystick.errors import RecordError
from tallystick.instrument.agent_call import OBSERVER, ToolUse
from tallystick.instrument.framework import Framework
from tallystick.profile import JsonValue
from tallystick.recording import payload

Value = TypeVar("Value")
MAX_REMEMBERED: Final = 1024
"""Questions, and answers, that a process knows again; an older one that is shown again is recorded again."""


@dataclass(frozen=True, slots=True)
class ToolQuestion:
    """What a person is asked: whether this call of `tool` may run.

    `names` are JSON values that tell this question from every other one, in each process that sees it.
    """

    tool: str
    names: tuple[object, ...]
    shown: object
    use: ToolUse
    call: Call | None = None
    """The call in progress that waits for the answer, where there is one."""


def shown_call(tool: str, arguments: object, **more: object) -> Mapping[str, object]:
    """Return what a person is shown of a call that waits; what is None is not shown."""
    said = {name: value for name, value in more.items() if value is not None}
    return {"tool": tool, "arguments": arguments, **said}


class ToolApprovals:
    """The approvals of one framework. Its faults are counted and never reach the host."""

    def __init__(self, framework: Framework, channel: str) -> None:
        """Record what `framework` asks; `channel` says in each record how it does."""
        self._framework = framework
        self._channel = channel
        self._open: OrderedDict[str, None] = OrderedDict()
        self._decided: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def requested(self, read: Callable[[], ToolQuestion]) -> None:
        """Record that somebody is asked what `read` gives, unless the same question waits already."""

        def record() -> None:
            question = self._question(read(), "human")
            if self._is_new(question.id):
                record_request(question)

        self._safely(record)

    def decided(
        self, read: Callable[[], ToolQuestion], answer: Answer, *, is_standing: bool = False
    ) -> None:
        """Record an answer, unless it was already; `is_standing`: it holds for later calls, too.

        Who answers is what `caller()` says here: the user of the run is whom the tool works for.
        """

        def record() -> None:
            question = self._question(read(), "standing" if is_standing else "human")
            if self._is_news(question.id, answer.decision):
                record_answer(question, replace(answer, who=stated_identity()))

        self._safely(record)

    def _safely(self, record: Callable[[], None]) -> None:
        if self._framework.is_on and runtime.current() is not None:
            self._framework.safely(record, records=True)

    def _question(self, asked: ToolQuestion, mode: str) -> Question:
        running = runtime.current()
        measured = payload.measure([self._framework.name, *asked.names])
        if running is None or measured is None:
            raise RecordError("what names an approval in its framework cannot be read as JSON")
        return Question(
            id=running.recorder.digest("approval", measured.canonical),
            presented=asked.shown,
            mode=mode,
            channel=self._channel,
            observer=OBSERVER,
            call=asked.call,
            asker=asked.use.acting(),
            statement=_stated(asked),
        )

    def _is_new(self, id_: str) -> bool:
        with self._lock:
            is_new = id_ not in self._open
            _remember(self._open, id_, None)
            self._decided.pop(id_, None)  # a framework that gives the same id again asks again
            return is_new

    def _is_news(self, id_: str, decision: str) -> bool:
        with self._lock:
            is_news = self._decided.get(id_) != decision
            _remember(self._decided, id_, decision)
            self._open.pop(id_, None)
            return is_news


def _stated(asked: ToolQuestion) -> dict[str, JsonValue]:
    return {"tool.name": text(asked.tool), **asked.use.statement()}


def _remember(table: OrderedDict[str, Value], key: str, value: Value) -> None:
    table[key] = value
    table.move_to_end(key)
    while len(table) > MAX_REMEMBERED:
        table.popitem(last=False)
