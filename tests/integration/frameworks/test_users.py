"""The user in a framework's own context: stated by each call, asserted, and never over what the program says."""

import pytest

from tests.integration.frameworks import claims
from tests.integration.frameworks.conftest import Runs
from tests.integration.frameworks.environments import Run
from tests.recorded import disclosed
from tests.requirements import requirement

PROGRAM = "users_desk"
USERS = ["ada", "7", None, "grace", "ada", "ada", "ada", "ada", "ada", None]
"""Of each step of the program."""

pytestmark = pytest.mark.e2e


@pytest.fixture(params=("old", "new"))
def found(request: pytest.FixtureRequest, recorded: Runs) -> Run:
    return recorded(request.param, PROGRAM)


@requirement("sdk.framework-user")
def test_the_user_of_each_framework_is_stated_as_asserted(found: Run) -> None:
    ends = found.ends("write", type="tool.completed")
    assert [disclosed(end).get("principal.id") for end in ends] == USERS
    for end, user in zip(ends, USERS, strict=True):
        stated = end.statement
        method = "context" if user == "grace" else "framework" if user else None
        assert stated.get("principal.auth_method") == method
        assert stated["principal.basis"] == ("asserted" if user else "unknown")
        assert ("principal.ref" in stated) == (user is not None)


@requirement("sdk.host-never-broken")
def test_a_program_sees_the_same_with_and_without_recording(found: Run, plain: Runs) -> None:
    claims.assert_unchanged(found, plain(found.environment, PROGRAM), len(USERS))
    assert found.recording.lost() == 0
