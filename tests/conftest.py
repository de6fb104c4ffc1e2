"""What every test shares: the event loop, and the closing line about third-party vectors."""

import pytest

from tests import vectors


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
