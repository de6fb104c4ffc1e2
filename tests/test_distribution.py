"""What is handed out: the locks, the extras and the commands of the one distribution."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.requirements import requirement

ROOT = Path(__file__).resolve().parent.parent
LOCKS = (
    "bootstrap.lock",
    "compile.lock",
    "requirements.lock",
    "requirements-agents-new.lock",
    "requirements-agents-old.lock",
    "requirements-exporters-mid.lock",
    "requirements-exporters-old.lock",
    "requirements-frameworks-new.lock",
    "requirements-frameworks-old.lock",
    "requirements-mcp1.lock",
    "requirements-mlflow.lock",
    "requirements-peers.lock",
    "requirements-phoenix.lock",
    "requirements-scale.lock",
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {"server", "dashboard", "grpc", "report", "scale", "demo"}
PIN = re.compile(r"[a-z0-9.-]+==[^\s;]+( +; [^@]+?)?( +--hash=sha256:[0-9a-f]{64})+\s*")
COMMANDS = {"up", "snapshot", "export", "actions", "trace"}


def pins(lock: str) -> list[str]:
    """Give each pin of a lock as one line: name, version, marker, hashes."""
    text = "".join(line for line in lock.splitlines(keepends=True) if not line.startswith("#"))
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def named(lock: str) -> set[str]:
    """Give the packages that a lock pins."""
    return {line.partition("==")[0] for line in pins((ROOT / lock).read_text(encoding="utf-8"))}


@requirement("project.locks")
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_every_package_by_version_and_hash_alone(name: str) -> None:
    lines = pins((ROOT / name).read_text(encoding="utf-8"))
    assert [line[:60] for line in lines if not PIN.fullmatch(line)] == []
    assert len(lines) > 0


@requirement("project.locks")
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r".*(?:https?:|file:|ssh:|--(?:extra-)?index|find-links).*", text) == []


@pytest.mark.parametrize(
    "line",
    [
        "requests==2.32.0",
        "requests @ https://example.org/x.whl --hash=sha256:" + "0" * 64,
        "requests>=2 --hash=sha256:" + "0" * 64,
    ],
)
def test_a_pin_without_hash_or_version_is_seen(line: str) -> None:
    assert PIN.fullmatch(line) is None


def test_the_distribution_offers_its_extras_and_commands() -> None:
    assert set(PROJECT["optional-dependencies"]) == EXTRAS
    assert set(PROJECT["entry-points"]["tallystick.commands"]) >= COMMANDS


def test_each_command_names_the_extra_that_it_needs() -> None:
    for target in PROJECT["entry-points"]["tallystick.commands"].values():
        [extra] = re.findall(r"\[(\w+)\]$", target)
        assert extra in EXTRAS


def test_what_the_bench_compares_with_is_no_dependency() -> None:
    main = named("requirements.lock")
    for lock, compared in {
        "peers": {"openinference-instrumentation-mcp", "opentelemetry-instrumentation-mcp"},
        "phoenix": {"arize-phoenix"},
        "mlflow": {"mlflow"},
    }.items():
        assert compared <= named(f"requirements-{lock}.lock")
        assert not compared & main


def test_the_two_environments_hold_the_two_lines_of_the_mcp_package() -> None:
    main = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    old = pins((ROOT / "requirements-mcp1.lock").read_text(encoding="utf-8"))
    assert any(line.startswith("mcp==2.") for line in main)
    assert any(line.startswith("mcp==1.30.") for line in old)
