"""Each program is run once for each environment and test file: with recording, and without."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.integration.frameworks.environments import Run, run, run_plain

Runs = Callable[[str, str], Run]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Give the run of a program in an environment, recorded."""
    return cache(lambda environment, program: run(environment, program, _home(tmp_path_factory)))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Give the run of a program that nothing records."""
    return cache(
        lambda environment, program: run_plain(environment, program, _home(tmp_path_factory))
    )


def _home(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("home")
