"""What every hook into an agent framework shares: how a call is surrounded, and what it states."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tallystick import runtime
from tallystick.capture.call import Call, Ending
from tallystick.capture.context import agent, caller
from tallystick.capture.governance import decide
from tallystick.errors import RefusedError
from tallystick.instrument.agent_call import AgentCalls, ToolUse
from tallystick.instrument.audited import audited_tool
from tallystick.instrument.framework import Framework
from tallystick.instrument.functions import tool_call
from tallystick.instrument.tool_form import defined
from tests.recorded import Recording, disclosed
from tests.requirements import requirement

Reader = Callable[[], Recording]

pytestmark = pytest.mark.anyio


def use(**said: object) -> ToolUse:
    return ToolUse(arguments={"a": 1}, **said)  # type: ignore[arg-type]  # its fields


async def give() -> str:
    return "given"


async def test_a_call_states_what_the_framework_says(
    calls: AgentCalls, recording: Reader, running: runtime.Runtime
) -> None:
    definition = defined("look", "Look.", {"type": "object"}, {"readOnlyHint": True, "title": "x"})
    said = use(call_id="c1", agent_name="clerk", conversation_id="t", definition=definition)
    with caller(user_id="ada"), agent("office"):
        assert await calls.observe("look", lambda: said, give) == "given"
    [end] = recording().calls("look", observer="agent")  # read-only: no start
    assert end.statement["tool.call_id"] == "c1"
    assert end.statement["conversation.id"] == "t"
    assert (end.statement["agent.name"], end.statement["agent.parent_name"]) == ("clerk", "office")
    assert end.statement["agent.basis"] == "asserted"
    assert end.statement["tool.definition_digest"] == definition.digest
    assert disclosed(end)["principal.id"] == "ada"
    assert disclosed(end)["result"] == '"given"'


async def test_without_a_name_the_agent_is_the_one_that_the_program_names(
    calls: AgentCalls, recording: Reader, running: runtime.Runtime
) -> None:
    with agent("office", version="2"):
        calls.observe_here("look", use, lambda: 1)
        calls.observe_here("see", lambda: use(agent_name="office"), lambda: 2)
    for end in (
        recording().where(type="tool.completed", tool_name=name)[0] for name in ("look", "see")
    ):
        assert (end.statement["agent.name"], end.statement["agent.version"]) == ("office", "2")
        assert "agent.parent_name" not in end.statement


def test_the_function_behind_the_framework_adds_to_its_call(
    calls: AgentCalls, recording: Reader, running: runtime.Runtime
) -> None:
    @audited_tool(name="look")
    def look() -> int:
        raise LookupError("nothing there")

    def handled() -> str:
        try:
            return str(look())
        except LookupError:
            return "the model is told something else"

    assert calls.observe_here("look", use, handled).startswith("the model")
    [end] = recording().where(type="tool.completed", tool_name="look")
    assert (end.statement["observer"], end.statement["outcome"]) == ("agent", "failure")
    assert end.statement["error.type"] == "LookupError"


def test_a_call_inside_a_block_of_the_same_name_is_that_call(
    calls: AgentCalls, recording: Reader, running: runtime.Runtime
) -> None:
    with tool_call("look"):
        calls.observe_here("look", lambda: use(call_id="c1"), lambda: 1)
        calls.observe_here("look", lambda: use(call_id="c2"), lambda: 2)  # a second one is its own
    ends = recording().where(type="tool.completed", tool_name="look")
    assert [(end.statement["observer"], end.statement["tool.call_id"]) for end in ends] == [
        ("agent", "c2"),
        ("function", "c1"),
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError("no"), "failure"),
        (TimeoutError(), "timeout"),
        (KeyboardInterrupt(), "cancelled"),
        (SystemExit(3), "cancelled"),
    ],
)
def test_what_is_raised_passes_and_is_the_end(
    calls: AgentCalls,
    recording: Reader,
    running: runtime.Runtime,
    error: BaseException,
    outcome: str,
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        calls.observe_here("look", use, fail)
    assert caught.value is error
    [end] = recording().where(type="tool.completed")
    assert end.statement["outcome"] == outcome


@requirement("sdk.host-never-broken")
@pytest.mark.parametrize("broken", ["__init__", "announce", "end", "open_span", "add_facts"])
async def test_whatever_fails_in_a_hook_the_host_gets_its_result(
    calls: AgentCalls,
    framework: Framework,
    running: runtime.Runtime,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    with tool_call("outer"):
        monkeypatch.setattr(Call, broken, lambda *_: 1 / 0)
        assert await calls.observe("look", use, give) == "given"
        assert calls.observe_here("outer", use, lambda: 1) == 1
    assert "ZeroDivisionError" in framework.fault_note()


def test_what_cannot_be_read_of_a_call_costs_a_record_and_is_counted(
    calls: AgentCalls, framework: Framework, running: runtime.Runtime
) -> None:
    def read() -> ToolUse:
        raise AttributeError("moved in a new version")

    assert calls.observe_here("look", read, lambda: 1) == 1
    assert sum(running.recorder.lost.values()) == 1
    assert "1 errors in hooks" in framework.fault_note()


@requirement("sdk.required-or-refused")
async def test_a_required_tool_does_not_run_unless_its_record_is_durable(
    start: Callable[..., runtime.Runtime], calls: AgentCalls, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    start(required="look", spool_dir=tmp_path / "file" / "spool")
    ran: list[int] = []

    async def run() -> None:
        ran.append(1)

    with pytest.raises(RefusedError):
        await calls.observe("look", use, run)
    with pytest.raises(RefusedError):
        calls.observe_here("look", use, lambda: ran.append(1))
    with pytest.raises(RefusedError):
        calls.observe_here("look", lambda: 1 / 0, lambda: ran.append(1))  # type: ignore[arg-type,return-value]
    calls.observe_here("see", use, lambda: ran.append(2))
    assert ran == [2]


def test_a_result_that_says_that_it_failed_is_a_failure(
    framework: Framework, recording: Reader, running: runtime.Runtime
) -> None:
    calls = AgentCalls(framework, lambda result: Ending("failure", result, "tool_error", "said so"))
    assert calls.observe_here("look", use, lambda: 5) == 5
    [end] = recording().where(type="tool.completed")
    assert (end.statement["outcome"], end.statement["error.type"]) == ("failure", "tool_error")


def test_a_refusal_by_a_policy_inside_the_tool_makes_the_call_a_denied_one(
    calls: AgentCalls, recording: Reader, running: runtime.Runtime
) -> None:
    def guarded() -> None:
        decide("deny", policy_id="desk", policy_version="7", rule="may-look", reason="no")
        raise PermissionError("no")

    with pytest.raises(PermissionError):
        calls.observe_here("look", use, guarded)
    [end] = recording().where(type="tool.denied", tool_name="look")
    assert (end.statement["outcome"], end.statement["decision.rule"]) == ("denied", "may-look")


async def test_calls_side_by_side_are_each_their_own(
    calls: AgentCalls, recording: Reader, running: runtime.Runtime
) -> None:
    async def one(number: int) -> int:
        await asyncio.sleep(0)
        return number

    def task(number: int) -> Awaitable[int]:
        said = ToolUse(arguments={"number": number}, call_id=f"c{number}")
        return calls.observe("look", lambda: said, lambda: one(number))

    assert await asyncio.gather(*map(task, range(20))) == list(range(20))
    ends = recording().where(type="tool.completed", tool_name="look")
    said = {end.statement["tool.call_id"]: disclosed(end)["result"] for end in ends}
    assert said == {f"c{number}": str(number) for number in range(20)}
    assert all("action.parent_id" not in end.statement for end in ends)


def test_out_or_without_a_runtime_a_call_is_just_made(
    calls: AgentCalls, framework: Framework, start: Callable[..., runtime.Runtime], tmp_path: Path
) -> None:
    assert calls.observe_here("look", use, lambda: 1) == 1
    start()
    framework.uninstall()
    assert calls.observe_here("look", use, lambda: 1) == 1
    assert Recording(tmp_path).records == []


def test_equal_definitions_are_made_once() -> None:
    assert defined("a", "b", {"type": "object"}) is defined("a", "b", {"type": "object"})
    assert defined("a", "b").digest != defined("a", "c").digest


def test_a_schema_that_is_no_json_still_has_a_digest() -> None:
    odd = {"properties": {1: {"type": int, "default": {1.5, float("nan")}}}}
    assert len(defined("a", "b", odd).digest) == 64
