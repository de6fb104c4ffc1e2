"""Tasks of mcp 1.x (protocol 2025-11-25): a call whose work goes on, and a question whose answer comes later.

A request that is made a task is answered at once with the task's id; what comes of it is fetched by
`tasks/result`. What is asked meanwhile names the task that it belongs to, and so finds the call.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from tallystick.capture.approvals import Question, record_answer
from tallystick.capture.call import Call, call_around
from tallystick.capture.identity import text
from tallystick.instrument import mcp_facts
from tallystick.instrument.mcp_question import answer_of

Value = TypeVar("Value")

RESULT: Final = "tasks/result"
CANCEL: Final = "tasks/cancel"
RELATED: Final = "io.modelcontextprotocol/related-task"
"""Member of `_meta` that names the task to which a request belongs."""
MAX_TASKS: Final = 64
"""Tasks of a session that are remembered; the oldest are forgotten first."""

_calls: Final[WeakKeyDictionary[object, OrderedDict[str, Call]]] = WeakKeyDictionary()
"""Client session -> id of a task at the server -> the call that was made it."""
_asked: Final[WeakKeyDictionary[object, OrderedDict[str, tuple[Question, object]]]] = (
    WeakKeyDictionary()
)
"""Client session -> id of a task at the client -> the question that was made it, with its params."""


def outlived_call(related_request_id: object) -> Call | None:
    """Return the server's call that is over and in whose context a question is asked.

    None in the context of another request than the question says that it is related to.
    """
    call = call_around()
    if call is None or not call.is_over or call.sighting.observer != "mcp_server":
        return None
    served = call.sighting.statement.get("jsonrpc.request_id")
    return call if related_request_id is None or text(related_request_id) == served else None


def note_call(session: object, call: Call, result: object) -> None:
    """Remember a client's call whose result says that it was made a task."""
    task = _member(result, "task") if isinstance(result, Mapping) else getattr(result, "task", None)
    task_id = _made({"task": mcp_facts.wire(task)}) if task is not None else None
    if task_id is not None:
        _remember(_calls.setdefault(session, OrderedDict()), task_id, call)


def call_of(session: object, params: object) -> Call | None:
    """Return the client's call to whose task a request of the server belongs."""
    meta = _member(mcp_facts.wire(params), "_meta")
    task_id = _member(_member(meta, RELATED), "taskId")
    made = _calls.get(session)
    return made.get(task_id) if made is not None and isinstance(task_id, str) else None


def is_put_off(session: object, question: Question, params: object, response: object) -> bool:
    """Say whether the answer to a question is a task, and remember the question then."""
    task_id = _made(mcp_facts.wire(response))
    if task_id is None:
        return False
    _remember(_asked.setdefault(session, OrderedDict()), task_id, (question, params))
    return True


def is_asked_for(session: object, request: Any) -> bool:
    """Say whether a request of the server fetches or cancels the answer to a question."""
    is_about_task = getattr(request, "method", None) in (RESULT, CANCEL)
    return is_about_task and _task_id(request) in _asked.get(session, {})


def record_late_answer(session: object, request: Any, response: object) -> None:
    """Record the answer to a question that was made a task, as it is sent; once."""
    sent = mcp_facts.wire(response)
    if request.method == CANCEL and _member(sent, "code") is not None:
        return  # the person is still asked
    found = _asked[session].pop(_task_id(request), None)
    if found is not None:
        question, params = found
        record_answer(question, answer_of(sent, mcp_facts.wire(params)))


def _task_id(request: Any) -> str:
    return text(request.params.taskId)


def _made(sent: object) -> str | None:
    """Return the id of the task that a result says its request was made; None for any other result."""
    task_id = _member(_member(sent, "task"), "taskId")
    return task_id if isinstance(task_id, str) else None


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _remember(table: OrderedDict[str, Value], task_id: str, value: Value) -> None:
    table[task_id] = value
    while len(table) > MAX_TASKS:
        table.popitem(last=False)
