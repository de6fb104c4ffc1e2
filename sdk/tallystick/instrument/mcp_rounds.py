"""Calls of MCP in several rounds: a result that asks (`input_required`), and the request that answers it.

Each round is a request of its own and recorded as one; what the person was asked and answered are an
approval that joins them. Its id is a keyed digest of what both requests carry (the opaque `requestState`,
the question's key, the method and its arguments), so that the client, and a server that keeps nothing
between the rounds, come to the same one; a request that was changed after the answer comes to another.
"""

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext

from tallystick import runtime
from tallystick.capture.approvals import Question, record_answer, record_request
from tallystick.capture.call import ABSENT, Call, Observer
from tallystick.capture.identity import text
from tallystick.errors import RecordError
from tallystick.instrument import mcp_facts, mcp_question
from tallystick.instrument.framework import Framework
from tallystick.recording import payload

MAX_QUESTIONS: Final = 16
"""Questions and answers that are recorded of one message."""
MAX_REMEMBERED: Final = 256
"""Rounds whose answer this process waits for; an older one is still recorded, without its question."""


@dataclass(frozen=True, slots=True)
class Round:
    """One question of one round. `request` is the object that the client's program will be handed."""

    question: Question
    asked: object
    request: object


_open: Final[OrderedDict[tuple[Observer, str], Round]] = OrderedDict()
"""(side, approval id) -> the round that waits for its answer."""
_states: Final[OrderedDict[str, SpanContext]] = OrderedDict()
"""State that a client holds -> the span of the call that it continues."""
_waiting: Final[WeakKeyDictionary[object, list[Call]]] = WeakKeyDictionary()
"""Client session -> its calls in progress."""
_lock: Final = threading.Lock()


async def in_rounds(
    framework: Framework,
    call: Call,
    message: tuple[object, str, Any],
    proceed: Callable[[], Awaitable[Any]],
) -> Any:
    """Let one request run, and record the answers that it carries and the questions of its result.

    `message` is the client session (None on a server), the method and the params.
    """
    session, method, params = message
    if _member(params, "inputResponses", "input_responses"):
        framework.safely(lambda: _record_answers(call, method, params), records=True)
    with _in_progress(session, call):
        result = await proceed()
    if _member(result, "resultType", "result_type") == mcp_facts.INPUT_REQUIRED:
        framework.safely(lambda: _record_questions(call, method, params, result), records=True)
    return result


def waiting_call(session: object) -> Call | None:
    """Return the call of a client session that is in progress, None unless it is the only one."""
    calls = _waiting.get(session, [])
    return calls[0] if len(calls) == 1 else None


def take_asked(session: object, request: object) -> Question | None:  # noqa: ARG001 - a request is one session's
    """Return the question, recorded already, that a client's program is handed, and no second time."""
    with _lock:
        for key, one in _open.items():
            if one.request is request:
                del _open[key]
                return one.question
    return None


def trace_above(params: object) -> Context | None:
    """Return the trace that a request with a state continues, unless the program has a span of its own."""
    state = _member(params, "requestState", "request_state")
    if not isinstance(state, str) or trace.get_current_span().get_span_context().is_valid:
        return None
    above = _states.get(state)
    return None if above is None else trace.set_span_in_context(NonRecordingSpan(above), Context())


def _record_questions(call: Call, method: str, params: Any, result: Any) -> None:
    call.add_facts({"mcp.result_type": mcp_facts.INPUT_REQUIRED})
    given, sent = mcp_facts.wire(params) or {}, mcp_facts.wire(result)
    state, observer = sent.get("requestState"), call.sighting.observer
    if isinstance(state, str) and observer == "mcp_client" and call.span is not None:
        _remember(_states, state, call.span.span.get_span_context())
    for key, request in _first(sent.get("inputRequests")):
        if not isinstance(request, Mapping) or request.get("method") != mcp_question.METHOD:
            continue
        asked = request.get("params") or {}
        id_ = _approval_id(state, key, method, given)
        question = mcp_question.question_of(id_, asked, observer, call)
        handed = (_member(result, "inputRequests", "input_requests") or {}).get(key)
        _remember(_open, (observer, id_), Round(question, asked, handed))
        record_request(question)


def _record_answers(call: Call, method: str, params: Any) -> None:
    given, observer = mcp_facts.wire(params), call.sighting.observer
    for key, answer in _first(given.get("inputResponses")):
        if not isinstance(answer, Mapping) or "action" not in answer:
            continue  # a sampled message or a list of roots
        id_ = _approval_id(given.get("requestState"), key, method, given)
        with _lock:
            asked = _open.pop((observer, id_), None)
        if asked is None and observer == "mcp_client":
            continue  # recorded when the client's program answered
        shown = asked.question.presented if asked is not None else ABSENT
        question = Question(id_, shown, observer=observer, call=call)
        if asked is not None:
            question = replace(asked.question, call=call)
        record_answer(question, mcp_question.answer_of(answer, asked.asked if asked else None))


def _approval_id(state: object, key: object, method: str, params: Mapping[str, Any]) -> str:
    running = runtime.current()
    named = params.get("name", params.get("uri"))
    measured = payload.measure([state, key, method, named, params.get("arguments")])
    if running is None or measured is None:
        raise RecordError("a question of a call's result has no id: nothing is recorded any more")
    return running.recorder.digest("approval", measured.canonical)


@contextmanager
def _in_progress(session: object, call: Call) -> Iterator[None]:
    if session is None:
        yield
        return
    calls = _waiting.setdefault(session, [])
    calls.append(call)
    try:
        yield
    finally:
        calls.remove(call)


def _remember(table: OrderedDict[Any, Any], key: object, value: object) -> None:
    with _lock:
        table[key] = value
        while len(table) > MAX_REMEMBERED:
            table.popitem(last=False)


def _member(message: Any, wire_name: str, name: str) -> Any:
    """Return a member of a message, whether it is JSON or a model."""
    if isinstance(message, Mapping):
        return message.get(wire_name)
    return getattr(message, name, None)


def _first(questions: object) -> list[tuple[str, Any]]:
    if not isinstance(questions, Mapping):
        return []
    return [(text(key), value) for key, value in list(questions.items())[:MAX_QUESTIONS]]
