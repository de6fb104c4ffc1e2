"""What every test shares: the event loop, how hypothesis draws, and the closing line about third-party vectors."""

import pytest
from hypothesis import HealthCheck, settings

from tests import vectors

ANY_PACE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
"""Other work shares the machine: how long an example takes says nothing of what is tested."""
settings.register_profile("same-each-time", ANY_PACE, derandomize=True)
settings.register_profile("search", ANY_PACE)
settings.load_profile("same-each-time")


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests (`@pytest.mark.anyio`) on asyncio alone, as the product does."""
    return "asyncio"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many third-party vectors were read; .ci/run refuses a run that read none."""
    counted = sum(
        int(str(value))
        for report in terminalreporter.stats.get("passed", [])
        for name, value in report.user_properties
        if name == vectors.PROPERTY
    )
    terminalreporter.write_line(vectors.summary(counted))
