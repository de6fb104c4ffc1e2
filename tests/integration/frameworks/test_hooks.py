"""Each hook into each framework: it goes in, comes out again, and is missed when its target is renamed."""

import json
from pathlib import Path

import pytest

from tests.integration.frameworks.environments import ENVIRONMENTS, start

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS))
def test_no_hook_stays_behind_and_none_is_missing_in_silence(
    environment: str, tmp_path: Path
) -> None:
    done = start(environment, ["-m", "tests.integration.frameworks.hooks"], tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == {}
    assert found["hooks"] >= 15
