"""`caller()` and `agent()`: assertions that hold inside, follow tasks, and end."""

import asyncio
import contextvars
from collections.abc import Callable

import pytest
from opentelemetry import baggage

from tallystick import runtime
from tallystick.capture.context import agent, caller, current_agent, current_caller, stated_identity
from tallystick.instrument.functions import tool_call
from tests.recorded import Recording, disclosed
from tests.requirements import requirement


@requirement("record.three-identities")
def test_caller_and_agent_are_asserted_and_end_with_their_block() -> None:
    with caller(user_id="ada", client_id="web", issuer="https://login", roles=["clerk"]):
        with agent("billing", id="b-1", version="3"):
            stated = stated_identity()
            assert (stated.principal.id, stated.principal.basis) == ("ada", "asserted")
            assert (stated.client.id, stated.client.basis) == ("web", "asserted")
            assert stated.agent is not None
            assert (stated.agent.id, stated.agent.basis) == ("b-1", "asserted")
            assert stated.roles == ("clerk",)
        assert current_agent() is None
    assert current_caller() is None


def test_an_agent_inside_an_agent_has_it_as_parent() -> None:
    with agent("planner"), agent("researcher"):
        inner = current_agent()
    assert inner is not None
    assert (inner.name, inner.parent_name) == ("researcher", "planner")


def test_a_chain_of_actors_can_be_stated(
    recording: Callable[[], Recording],
) -> None:
    with caller(user_id="ada", on_behalf_of=["agent:one", "app:two"]), tool_call("x"):
        pass
    done = recording().one(type="tool.completed")
    assert done.statement["delegation.depth"] == 2
    assert disclosed(done)["delegation"] == '[{"sub":"agent:one"},{"sub":"app:two"}]'


def test_the_context_follows_tasks_and_leaves_others_alone() -> None:
    async def who() -> str | None:
        await asyncio.sleep(0)
        said = current_caller()
        return said.principal.id if said else None

    async def one(name: str) -> str | None:
        async with caller(user_id=name):
            return await asyncio.create_task(who())

    async def main() -> list[str | None]:
        return list(await asyncio.gather(one("ada"), one("bob"), who()))

    assert asyncio.run(main()) == ["ada", "bob", None]


def test_an_error_inside_passes_and_ends_the_block() -> None:
    with pytest.raises(KeyError), caller(user_id="ada"), agent("a"):
        raise KeyError("x")
    assert (current_caller(), current_agent()) == (None, None)


def test_the_configured_agent_holds_where_nobody_says_another(
    start: Callable[..., runtime.Runtime],
) -> None:
    start(agent_name="from-settings")
    assert (found := current_agent()) is not None
    assert found.name == "from-settings"
    with agent("said"):
        assert (found := current_agent()) is not None
        assert found.name == "said"


@pytest.mark.usefixtures("running")
def test_identity_never_gets_into_baggage() -> None:
    with caller(user_id="ada"), agent("a"), tool_call("x"):
        assert baggage.get_all() == {}


def test_the_calls_of_one_run_of_an_agent_share_a_trace(
    recording: Callable[[], Recording],
) -> None:
    with agent("a"):
        with tool_call("one"):
            pass
        with tool_call("two"):
            pass
    with tool_call("other"):
        pass
    one, two, other = (r.statement for r in recording().where(type="tool.completed"))
    assert one["trace.id"] == two["trace.id"] != other["trace.id"]
    assert one["span.parent_id"] == two["span.parent_id"]


def test_a_block_that_is_left_from_another_context_breaks_nothing() -> None:
    said = caller(user_id="ada")
    contextvars.copy_context().run(said.__enter__)
    said.__exit__(None, None, None)
    assert current_caller() is None
