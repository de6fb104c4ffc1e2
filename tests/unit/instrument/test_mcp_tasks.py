"""Tasks of mcp 1.x: to which call a question belongs, and when its late answer is recorded."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tallystick import runtime
from tallystick.capture.approvals import Question
from tallystick.capture.call import Call, Ending, Sighting, made_current
from tallystick.instrument import mcp_tasks
from tallystick.instrument.mcp_tasks import MAX_TASKS
from tests.recorded import Recording
from tests.requirements import requirement


class Session:
    """Stands for a session of mcp, which is only ever a key."""


def made(task_id: str) -> dict[str, Any]:
    return {"task": {"taskId": task_id, "status": "working"}}


def belongs_to(task_id: str) -> dict[str, Any]:
    return {"_meta": {mcp_tasks.RELATED: {"taskId": task_id}}}


def about(task_id: str, method: str = mcp_tasks.RESULT) -> Any:
    return SimpleNamespace(method=method, params=SimpleNamespace(taskId=task_id))


def served(running: runtime.Runtime, request_id: str = "7") -> Call:
    return Call(
        running,
        Sighting("mcp_server", "tool", "transfer", statement={"jsonrpc.request_id": request_id}),
    )


@requirement("sdk.elicitation-is-approval")
def test_a_question_belongs_to_the_call_that_its_context_outlived(running: runtime.Runtime) -> None:
    call = served(running)
    with made_current(call):
        assert mcp_tasks.outlived_call(None) is None  # the current call, which every record knows
        call.end(Ending("success"))
        assert mcp_tasks.outlived_call(None) is call
        assert mcp_tasks.outlived_call(7) is call
    assert mcp_tasks.outlived_call(None) is None


def test_a_question_for_another_request_does_not_belong_to_the_call_of_its_context(
    running: runtime.Runtime,
) -> None:
    call = served(running)
    with made_current(call):
        call.end(Ending("success"))
        assert mcp_tasks.outlived_call("8") is None


def test_a_question_of_a_server_does_not_belong_to_an_agents_call(running: runtime.Runtime) -> None:
    call = Call(running, Sighting("agent", "tool", "transfer"))
    with made_current(call):
        call.end(Ending("success"))
        assert mcp_tasks.outlived_call(None) is None


def test_a_question_that_names_a_task_finds_its_call_in_the_same_session_alone(
    running: runtime.Runtime,
) -> None:
    here, elsewhere, call = Session(), Session(), served(running)
    mcp_tasks.note_call(here, call, made("t-1"))
    assert mcp_tasks.call_of(here, belongs_to("t-1")) is call
    assert mcp_tasks.call_of(here, belongs_to("t-2")) is None
    assert mcp_tasks.call_of(elsewhere, belongs_to("t-1")) is None
    for shapeless in ({}, {"_meta": 1}, {"_meta": {mcp_tasks.RELATED: {"taskId": [1]}}}, None):
        assert mcp_tasks.call_of(here, shapeless) is None


def test_a_server_cannot_make_a_client_remember_tasks_without_end(running: runtime.Runtime) -> None:
    session, call = Session(), served(running)
    for number in range(MAX_TASKS + 1):
        mcp_tasks.note_call(session, call, made(f"t-{number}"))
    assert mcp_tasks.call_of(session, belongs_to("t-0")) is None
    assert mcp_tasks.call_of(session, belongs_to(f"t-{MAX_TASKS}")) is call


def test_a_result_that_is_no_task_is_not_remembered(running: runtime.Runtime) -> None:
    session, call = Session(), served(running)
    results: list[object] = [{"content": []}, {"task": "t-1"}, {"task": {"taskId": 1}}, None, []]
    for result in results:
        mcp_tasks.note_call(session, call, result)
    assert mcp_tasks.call_of(session, belongs_to("1")) is None


@requirement("sdk.elicitation-is-approval")
def test_an_answer_that_is_a_task_is_recorded_when_it_is_fetched_and_once(
    running: runtime.Runtime, recording: Callable[[], Recording]
) -> None:
    session = Session()
    asked = {"message": "Go?"}
    assert not mcp_tasks.is_put_off(session, Question("a"), asked, {"action": "accept"})
    assert mcp_tasks.is_put_off(session, Question("a"), asked, made("t-1"))
    assert mcp_tasks.is_asked_for(session, about("t-1"))
    assert not mcp_tasks.is_asked_for(session, about("t-2"))
    assert not mcp_tasks.is_asked_for(session, about("t-1", "tasks/get"))
    mcp_tasks.record_late_answer(session, about("t-1"), {"action": "accept", "content": {}})
    mcp_tasks.record_late_answer(session, about("t-1"), {"action": "decline"})
    running.shutdown()
    decided = recording().one(type="approval.decided")
    assert decided.statement["approval.decision"] == "approved"


def test_a_question_whose_task_could_not_be_cancelled_is_still_open(
    running: runtime.Runtime, recording: Callable[[], Recording]
) -> None:
    session, cancel = Session(), about("t-1", mcp_tasks.CANCEL)
    mcp_tasks.is_put_off(session, Question("a"), {"message": "Go?"}, made("t-1"))
    mcp_tasks.record_late_answer(session, cancel, {"code": -32601, "message": "not supported"})
    assert mcp_tasks.is_asked_for(session, about("t-1"))
    mcp_tasks.record_late_answer(session, cancel, {"taskId": "t-1", "status": "cancelled"})
    running.shutdown()
    decided = recording().one(type="approval.decided")
    assert decided.statement["approval.decision"] == "cancelled"
