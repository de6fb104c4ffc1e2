"""`tallystick doctor` beside the frameworks: what is active, what was renamed, what is left out."""

from pathlib import Path

import pytest

from tests.integration.frameworks.environments import start
from tests.integration.frameworks.targets import TARGETS

ENVIRONMENT = "mcp1"
"""Where no more than one environment is needed."""

pytestmark = pytest.mark.e2e


def lines(stdout: str) -> dict[str, str]:
    """Give the grade and the text of each subject."""
    found = (line.split(maxsplit=2) for line in stdout.splitlines())
    return {subject: f"{grade} {text}" for grade, subject, text in found}


@pytest.mark.parametrize("environment", sorted(TARGETS))
def test_each_framework_is_active(environment: str, tmp_path: Path) -> None:
    done = start(environment, ["-m", "tallystick.cli", "doctor"], tmp_path)
    found = lines(done.stdout)
    assert {name: found[name][:9] for name in TARGETS[environment]} == dict.fromkeys(
        TARGETS[environment], "ok active"
    )
    assert done.returncode == 0
    assert all("without" not in found[name] for name in TARGETS[environment])


@pytest.mark.parametrize("environment", sorted(TARGETS))
def test_a_hook_whose_target_was_renamed_has_failed_and_the_target_is_named(
    environment: str, tmp_path: Path
) -> None:
    targets = TARGETS[environment]
    command = ["-m", "tests.integration.frameworks.renamed", *targets.values()]
    done = start(environment, command, tmp_path)
    found = lines(done.stdout)
    for name, target in targets.items():
        place = target.replace(":", ".")
        assert found[name].startswith("FAILED FAILED: "), found[name]
        assert f"{place} does not exist" in found[name]
    assert done.returncode == 1


def test_a_framework_that_the_settings_leave_out_is_named_and_not_imported(tmp_path: Path) -> None:
    command = ["-X", "importtime", "-m", "tallystick.cli", "doctor"]
    done = start(ENVIRONMENT, command, tmp_path, TALLYSTICK_FRAMEWORKS="mcp")
    found = lines(done.stdout)
    assert found["mcp"].startswith("ok active")
    assert found["crewai"] == "ok skipped: the setting frameworks leaves it out"
    assert " mcp.server" in done.stderr
    assert " crewai" not in done.stderr


def test_a_setting_that_names_no_framework_has_failed(tmp_path: Path) -> None:
    command = ["-m", "tallystick.cli", "doctor"]
    done = start(ENVIRONMENT, command, tmp_path, TALLYSTICK_FRAMEWORKS="langchian")
    assert done.returncode == 1
    assert lines(done.stdout)["settings"].startswith("FAILED unknown framework 'langchian'")


def test_a_hook_that_opentelemetry_leaves_out_is_a_warning(tmp_path: Path) -> None:
    command = ["-m", "tallystick.cli", "doctor"]
    disabled = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests, tallystick_crewai"}
    done = start(ENVIRONMENT, command, tmp_path, **disabled)
    warnings = [line for line in done.stdout.splitlines() if line.startswith("warning")]
    assert [line.split()[1] for line in warnings] == ["crewai"]
    assert "left out below opentelemetry-instrument" in warnings[0]


def test_recording_that_is_disabled_is_a_warning(tmp_path: Path) -> None:
    done = start(ENVIRONMENT, ["-m", "tallystick.cli", "doctor"], tmp_path, TALLYSTICK_DISABLED="1")
    assert lines(done.stdout)["settings"].startswith("warning nothing is recorded")
