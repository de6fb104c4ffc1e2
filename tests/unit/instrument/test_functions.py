"""`tool_call` and `audited_tool`: everything callable is recorded, and nothing about it changes."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path

import pytest

from tallystick import runtime
from tallystick.capture.call import Call, Ending, Sighting, current_call, made_current
from tallystick.capture.governance import decide
from tallystick.errors import RefusedError
from tallystick.instrument import states
from tallystick.instrument.audited import audited_tool
from tallystick.instrument.functions import tool_call
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

Reader = Callable[[], Recording]


@audited_tool
def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


@audited_tool(name="look", read_only=True)
async def look_up(key: str, *, depth: int = 1) -> str:
    await asyncio.sleep(0)
    return f"{key}{depth}"


@audited_tool
def numbers(count: int) -> Generator[int, str, str]:
    for number in range(count):
        sent = yield number
        if sent:
            return sent
    return "end"


@audited_tool
async def letters(count: int) -> AsyncGenerator[str, None]:
    for number in range(count):
        yield "abc"[number]


class Shop:
    @audited_tool
    def sell(self, item: str) -> str:
        return item

    @classmethod
    @audited_tool
    def open(cls, hour: int) -> int:
        return hour


def test_a_function_is_recorded_with_arguments_and_result(recording: Reader) -> None:
    assert double(21) == 42
    started, done = recording().calls("double")
    assert (started.statement["type"], done.statement["type"]) == ("tool.started", "tool.completed")
    assert disclosed(started)["params"] == '{"number":21}'
    assert disclosed(done)["result"] == "42"
    assert done.statement["outcome"] == "success"
    assert done.statement["observer"] == "function"
    assert started.statement["action.id"] == done.statement["action.id"]
    assert len(done.statement["tool.definition_digest"]) == 64


def test_arguments_are_recorded_as_they_were_given(recording: Reader) -> None:
    @audited_tool
    def spoil(order: dict[str, list[int]]) -> None:
        order["items"].append(9)
        order["note"] = []

    spoil({"items": [1]})
    for record in recording().calls("spoil"):
        assert disclosed(record)["params"] == '{"order":{"items":[1]}}'


def test_a_read_only_function_has_one_record(recording: Reader) -> None:
    assert asyncio.run(look_up("k", depth=2)) == "k2"
    [done] = recording().calls("look")
    assert disclosed(done)["params"] == '{"key":"k","depth":2}'
    assert done.statement["tool.read_only"] is True


def test_methods_are_recorded_without_their_receiver(recording: Reader) -> None:
    assert (Shop().sell("tea"), Shop.open(9)) == ("tea", 9)
    sold, opened = recording().where(type="tool.started")
    assert disclosed(sold)["params"] == '{"item":"tea"}'
    assert disclosed(opened)["params"] == '{"hour":9}'


def test_the_decorator_may_stand_above_classmethod_and_staticmethod(recording: Reader) -> None:
    class Till:
        @audited_tool(name="opened")
        @classmethod
        def open(cls, hour: int) -> str:
            return f"{cls.__name__} {hour}"

        @audited_tool
        @staticmethod
        async def close(hour: int) -> int:
            return hour

    assert Till.open(8) == Till().open(8) == "Till 8"
    assert asyncio.run(Till.close(18)) == 18
    assert isinstance(vars(Till)["open"], classmethod)
    assert isinstance(vars(Till)["close"], staticmethod)
    ends = recording().where(type="tool.completed")
    assert [end.statement["tool.name"] for end in ends] == ["opened", "opened", "close"]
    assert disclosed(ends[0])["params"] == '{"hour":8}'


def test_a_generator_is_one_call_from_its_first_value_to_its_last(recording: Reader) -> None:
    values = numbers(3)
    assert [next(values), next(values)] == [0, 1]
    assert recording().where(type="tool.completed") == []
    assert current_call() is None
    assert list(values) == [2]
    done = recording().one(type="tool.completed")
    assert disclosed(done)["result"] == '{"count":3,"items":[0,1,2]}'


def test_a_generator_takes_what_is_sent_to_it_and_returns_its_value(recording: Reader) -> None:
    values = numbers(3)
    next(values)
    with pytest.raises(StopIteration) as stopped:
        values.send("enough")
    assert stopped.value.value == "enough"
    assert recording().one(type="tool.completed").statement["outcome"] == "success"


def test_a_generator_that_is_closed_early_is_cancelled(recording: Reader) -> None:
    values = numbers(3)
    next(values)
    values.close()
    assert recording().one(type="tool.completed").statement["outcome"] == "cancelled"


def test_an_async_generator_is_recorded(recording: Reader) -> None:
    async def collect() -> list[str]:
        return [letter async for letter in letters(3)]

    assert asyncio.run(collect()) == ["a", "b", "c"]
    done = recording().one(type="tool.completed")
    assert disclosed(done)["result"] == '{"count":3,"items":["a","b","c"]}'


def test_what_is_thrown_into_a_generator_arrives_in_it(recording: Reader) -> None:
    @audited_tool
    def patient() -> Generator[str, None, None]:
        try:
            yield "waiting"
        except KeyError:
            yield "caught"

    values = patient()
    next(values)
    assert values.throw(KeyError("x")) == "caught"
    assert list(values) == []
    assert recording().one(type="tool.completed").statement["outcome"] == "success"


@requirement("sdk.host-never-broken")
def test_an_exception_passes_as_it_is_and_is_recorded(recording: Reader) -> None:
    error = LookupError("nobody@example.com is unknown")

    @audited_tool
    def find() -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        find()
    assert caught.value is error
    done = recording().one(type="tool.completed")
    assert (done.statement["outcome"], done.statement["error.type"]) == ("failure", "LookupError")
    assert "nobody@example.com" not in done.body


def test_a_cancelled_coroutine_stays_cancelled(recording: Reader) -> None:
    @audited_tool
    async def forever() -> None:
        await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert recording().one(type="tool.completed").statement["outcome"] == "cancelled"


def test_a_timeout_is_told_from_other_failures(recording: Reader) -> None:
    with pytest.raises(TimeoutError), tool_call("slow"):
        raise TimeoutError("after 3 s")
    assert recording().one(type="tool.completed").statement["outcome"] == "timeout"


@pytest.mark.parametrize("function", [double, look_up, numbers, letters])
def test_name_signature_and_kind_of_a_function_stay(function: Callable[..., object]) -> None:
    original = inspect.unwrap(function)
    assert function.__name__ == original.__name__
    assert inspect.signature(function) == inspect.signature(original)
    for kind in ("iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction"):
        test = getattr(inspect, kind)
        assert test(function) == test(original)


def test_wrong_arguments_fail_as_they_would(recording: Reader) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrong'"):
        double(wrong=1)  # type: ignore[call-arg]
    assert recording().one(type="tool.completed").statement["error.type"] == "TypeError"


def test_without_a_runtime_a_function_is_just_called() -> None:
    assert runtime.current() is None
    assert double(2) == 4
    assert list(numbers(2)) == [0, 1]
    with tool_call("anything") as call:
        call.result(1)


@pytest.mark.anyio
async def test_a_block_is_recorded_in_async_with_too(recording: Reader) -> None:
    async with tool_call("refund", {"invoice": 17}, call_id="c-1", read_only=True) as call:
        call.result({"done": True})
    done = recording().one(tool_name="refund")
    assert disclosed(done)["result"] == '{"done":true}'
    assert done.statement["tool.call_id"] == "c-1"


def test_a_call_inside_a_call_states_which(recording: Reader) -> None:
    with tool_call("outer"), tool_call("inner"):
        pass
    outer = recording().where(type="tool.completed", tool_name="outer")[0].statement
    inner = recording().where(type="tool.completed", tool_name="inner")[0].statement
    assert inner["action.parent_id"] == outer["action.id"]
    assert inner["span.parent_id"] == outer["span.id"]
    assert inner["trace.id"] == outer["trace.id"]
    assert "action.parent_id" not in outer


def test_a_tool_that_calls_itself_makes_a_call_of_its_own(recording: Reader) -> None:
    @audited_tool
    def count(left: int) -> int:
        return count(left - 1) + 1 if left else 0

    assert count(2) == 2
    assert len(recording().where(type="tool.completed")) == 3


def test_the_function_behind_a_served_call_adds_to_that_call(
    running: runtime.Runtime, recording: Reader
) -> None:
    served = Call(running, Sighting("mcp_server", "tool", "double"))
    with made_current(served):
        assert double(1) == 2
        assert double(2) == 4
        served.end(Ending("success"))
    ends = recording().where(type="tool.completed")
    # the second one was called by the tool, not by the client
    assert [end.statement["observer"] for end in ends] == ["function", "mcp_server"]
    assert ends[0].statement["action.parent_id"] == served.action_id


def test_a_failure_after_a_refusal_is_a_denied_call(recording: Reader) -> None:
    @audited_tool
    def erase() -> None:
        decide("deny", policy_id="p", rule="may-erase")
        decide("allow", policy_id="q")
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        erase()
    done = recording().one(type="tool.denied")
    assert done.statement["outcome"] == "denied"
    assert done.statement["decision.policy_id"] == "p"


def test_a_refusal_in_shadow_mode_denies_nothing(recording: Reader) -> None:
    with tool_call("erase"):
        decide("deny", policy_id="p", enforced=False)
    done = recording().one(type="tool.completed")
    assert (done.statement["outcome"], done.statement["decision.effect"]) == ("success", "deny")
    assert done.statement["decision.enforced"] is False


@requirement("sdk.required-or-refused")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_required_function_that_cannot_be_recorded_does_not_run(
    start: Callable[..., runtime.Runtime], tmp_path: Path, *, is_async: bool
) -> None:
    (tmp_path / "file").touch()
    start(required="erase", spool_dir=tmp_path / "file" / "spool")
    ran = []

    async def in_async() -> None:
        async with tool_call("erase"):
            ran.append("async")

    def in_sync() -> None:
        with tool_call("erase"):
            ran.append("sync")

    with pytest.raises(RefusedError, match="was not run"):
        asyncio.run(in_async()) if is_async else in_sync()
    assert ran == []


@requirement("sdk.required-or-refused")
def test_a_required_function_does_not_run_after_a_fault_of_ours(
    start: Callable[..., runtime.Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(required="erase")
    monkeypatch.setattr(Call, "open_span", lambda *_: 1 / 0)
    ran = []
    with pytest.raises(RefusedError), tool_call("erase"):
        ran.append("erase")
    with tool_call("other"):
        ran.append("other")
    assert ran == ["other"]


@requirement("sdk.host-never-broken")
def test_a_fault_of_ours_is_counted_as_a_lost_record_and_the_function_runs(
    running: runtime.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Call, "open_span", lambda *_: 1 / 0)
    assert double(4) == 8
    assert running.recorder.lost == {"error in a hook": 1}
    assert "ZeroDivisionError at test_functions.py" in states()["functions"]
