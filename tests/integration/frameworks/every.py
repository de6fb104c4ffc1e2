"""The tests that the program of every framework passes: a test module names its own in a subclass."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from tests.integration.frameworks import claims
from tests.integration.frameworks.claims import Ends
from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import Run
from tests.requirements import requirement


def running(program: str, environments: tuple[str, ...]) -> Callable[..., Any]:
    """Return the fixture `found`: the program, recorded, in each of its environments."""

    @pytest.fixture(params=environments, name="found")
    def found(request: pytest.FixtureRequest, recorded: Runs) -> Run:
        return recorded(request.param, program)

    return found


class EveryFramework:
    """What holds whichever the framework is."""

    program: ClassVar[str]
    steps: ClassVar[int]
    """Steps that the program reports."""
    ends: ClassVar[Ends]
    leaves_cancelled: ClassVar[frozenset[str]] = frozenset()
    """Environments in which a cancelled tool ends with the event loop, after all others."""

    @requirement("sdk.host-never-broken")
    def test_a_program_sees_the_same_with_and_without_recording(
        self, found: Run, plain: Runs
    ) -> None:
        claims.assert_unchanged(found, plain(found.environment, self.program), self.steps)

    @requirement("sdk.every-call-recorded", "sdk.started-before")
    def test_each_call_is_one_action_with_a_beginning_and_an_end(self, found: Run) -> None:
        is_late = found.environment in self.leaves_cancelled
        late = [end for end in self.ends if is_late and end[1] == "cancelled"]
        claims.assert_whole(found, [*(e for e in self.ends if e not in late), *late])

    @requirement("tooldef.first-use", "tooldef.in-force")
    def test_each_definition_is_recorded_once_and_before_the_first_call_under_it(
        self, found: Run
    ) -> None:
        claims.assert_defined(found)

    @requirement("mask.before-writing")
    def test_no_address_is_in_any_record(self, found: Run) -> None:
        claims.assert_masked(found)


class WithRemoteTool(EveryFramework):
    """What holds where one of its tools calls an MCP server."""

    call_id: ClassVar[str | None] = "call-0"
    """The id that the model gave to that call, None where the framework does not tell."""

    def test_a_tool_that_calls_an_mcp_server_is_one_call_from_this_side(self, found: Run) -> None:
        claims.assert_joined(found, self.call_id)
