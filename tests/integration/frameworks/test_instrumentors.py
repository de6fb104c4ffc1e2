"""`opentelemetry-instrument` with each framework: it hooks them all, one can be left out, none is imported."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement as Needed
from packaging.utils import canonicalize_name

from tallystick.instrument import KNOWN
from tests.integration.frameworks.environments import python, start
from tests.integration.frameworks.targets import PAIRS, TARGETS
from tests.requirements import requirement

OPENTELEMETRY = "opentelemetry-instrument"
LIST = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
USED_IF_PRESENT = "bcrypt"
"""`cryptography` imports it where another package brought it."""

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Seen:
    """What tests.integration.frameworks.instrumented printed."""

    at_start: dict[str, str]
    loaded: dict[str, str]
    hooked: dict[str, bool]
    frameworks: dict[str, str]
    without: dict[str, dict[str, Any]]


Look = Callable[[str, str], Seen]


def look(environment: str, way: str, home: Path, *frameworks: str, **more: str) -> Seen:
    program = ["-W", "ignore", "-m", "tests.integration.frameworks.instrumented"]
    program += [f"{name}={TARGETS[environment][name]}" for name in frameworks]
    interpreter = str(python(environment))
    before = {
        OPENTELEMETRY: [str(python(environment).parent / OPENTELEMETRY), interpreter],
        "tallystick run": ["-m", "tallystick.cli", "run", "--", interpreter],
        "plain": [],
    }
    done = start(environment, [*before[way], *program], home, **more)
    assert done.returncode == 0, done.stderr
    assert "NOT RECORDED" not in done.stderr
    return Seen(**json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def all_of(tmp_path_factory: pytest.TempPathFactory) -> Look:
    """Give what a program sees that imports every framework of an environment, started in a way."""
    return cache(
        lambda environment, way: look(
            environment, way, tmp_path_factory.mktemp("home"), *TARGETS[environment]
        )
    )


@cache
def ours(environment: str) -> frozenset[str]:
    """Return the files of what an installation of the SDK alone brings, and of OpenTelemetry."""
    [site] = python(environment).parent.parent.glob("lib/python3*/site-packages")
    installed = {
        str(canonicalize_name(one.metadata["Name"])): one
        for one in metadata.distributions(path=[str(site)])
    }
    roots = [
        "tallystick",
        USED_IF_PRESENT,
        *(n for n in installed if n.startswith("opentelemetry-")),
    ]
    found = {name for root in roots for name in closure(installed, root)}
    files = (file for name in found for file in installed[name].files or ())
    return frozenset(str(site / file) for file in files)


def closure(
    installed: dict[str, metadata.Distribution], name: str, seen: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Give a distribution and all that it cannot do without, as far as it is installed."""
    if name not in installed or name in seen:
        return
    yield name
    for needed in map(Needed, installed[name].requires or ()):
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield from closure(installed, canonicalize_name(needed.name), seen | {name})


def foreign(environment: str, loaded: dict[str, str], without_us: dict[str, str]) -> list[str]:
    """Return the modules that we alone had loaded and that are neither ours nor of what we need.

    Parts of a package that the program loads itself count only of a framework that is hooked: others load parts
    of theirs as it happens.
    """
    known = ours(environment)
    frameworks = {package(target) for target in TARGETS[environment].values()}
    own = {package(name) for name in without_us} - frameworks
    return [
        name
        for name, file in loaded.items()
        if name not in without_us and package(name) not in own
        if "site-packages" in file and file not in known
    ]


def package(module: str) -> str:
    return module.partition(".")[0]


def brief(frameworks: dict[str, str]) -> dict[str, str]:
    """Leave off what is hooked of each: it stands in the order of the program's imports."""
    return {name: state.partition(" (")[0] for name, state in frameworks.items()}


def test_each_framework_is_tried_at_two_versions_or_more() -> None:
    tried = [framework for _, framework in PAIRS]
    assert {name: tried.count(name) >= 2 for name in KNOWN} == dict.fromkeys(KNOWN, True)


@pytest.mark.parametrize(("environment", "framework"), PAIRS)
def test_opentelemetry_instrument_hooks_it(environment: str, framework: str, all_of: Look) -> None:
    found = all_of(environment, OPENTELEMETRY)
    assert found.frameworks[framework].startswith("active ")
    assert found.hooked[framework]
    assert not all_of(environment, "plain").hooked[framework]


@pytest.mark.parametrize(("environment", "framework"), PAIRS)
def test_it_alone_is_left_out_where_opentelemetry_is_told_so(
    environment: str, framework: str, all_of: Look
) -> None:
    found = all_of(environment, OPENTELEMETRY)
    without = found.without[framework]
    assert without["hooked"] == {**found.hooked, framework: False}
    left_out = f"skipped: {LIST} names it"
    assert brief(without["frameworks"]) == {**brief(found.frameworks), framework: left_out}


def test_what_opentelemetry_is_told_at_the_start_of_a_process_holds(tmp_path: Path) -> None:
    found = look("new", OPENTELEMETRY, tmp_path, "mcp", **{LIST: "tallystick_mcp"})
    assert found.hooked == {"mcp": False}
    assert found.frameworks["mcp"] == f"skipped: {LIST} names it"


@requirement("sdk.light")
@pytest.mark.parametrize("environment", sorted(TARGETS))
def test_nothing_is_imported_that_the_program_does_not_import(
    environment: str, all_of: Look
) -> None:
    found, plain = all_of(environment, OPENTELEMETRY), all_of(environment, "plain")
    assert "tallystick.instrument.mcp" in found.at_start
    assert "tallystick.instrument.mcp" not in plain.loaded
    assert foreign(environment, found.at_start, plain.at_start) == []
    assert foreign(environment, found.loaded, plain.loaded) == []
    assert len(foreign(environment, found.loaded, plain.at_start)) > 100


@requirement("sdk.light")
@pytest.mark.parametrize("environment", sorted(TARGETS))
def test_tallystick_run_imports_nothing_either(
    environment: str, tmp_path: Path, all_of: Look
) -> None:
    found, plain = look(environment, "tallystick run", tmp_path), all_of(environment, "plain")
    assert "tallystick.instrument.mcp" in found.at_start
    assert foreign(environment, found.at_start, plain.at_start) == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"TALLYSTICK_FRAMEWORKS": "fastmcp"}, "skipped: the setting frameworks leaves it out"),
        ({"TALLYSTICK_DISABLED": "1"}, None),
    ],
)
def test_our_own_settings_hold_below_opentelemetry_instrument(
    settings: dict[str, str], said: str | None, tmp_path: Path
) -> None:
    found = look("new", OPENTELEMETRY, tmp_path, "mcp", **settings)
    assert found.hooked == {"mcp": False}
    assert found.frameworks.get("mcp") == said
