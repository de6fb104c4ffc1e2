"""Agents of LangGraph that hand over by the tools of langgraph-supervisor, at its newest version."""

import pytest

from tests.integration.frameworks import claims
from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import Run

PROGRAM = "langgraph_supervisor_desk"
ENDS = [("transfer_to_clerk", "success"), ("write", "success")] * 2

pytestmark = pytest.mark.e2e


@pytest.fixture
def found(recorded: Runs) -> Run:
    return recorded("new", PROGRAM)


def test_a_hand_over_names_both_agents_beside_the_call_that_it_is(found: Run) -> None:
    handoffs = found.recording.where(type="agent.handoff")
    assert len(handoffs) == 2
    for handoff, call in zip(
        handoffs, found.ends("transfer_to_clerk", type="tool.completed"), strict=True
    ):
        stated = handoff.statement
        assert (stated["agent.name"], stated["agent.parent_name"]) == ("clerk", "boss")
        assert (stated["tool.name"], stated["outcome"]) == ("transfer_to_clerk", "success")
        assert stated["tool.call_id"] == call.statement["tool.call_id"]
    assert {end.statement["agent.name"] for end in found.ends("write")} == {"clerk"}


def test_a_program_sees_the_same_and_each_call_is_one_action(found: Run, plain: Runs) -> None:
    claims.assert_unchanged(found, plain("new", PROGRAM), 2)
    claims.assert_whole(found, ENDS)
    claims.assert_masked(found)
