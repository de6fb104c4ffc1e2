"""The entry points of `opentelemetry-instrument`: one for each framework, each for itself."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tallystick import runtime
from tallystick.instrument import (
    KNOWN,
    NOT_INSTRUMENTED,
    OPENTELEMETRYS_LIST,
    is_on_opentelemetrys_list,
    states,
    uninstall,
)

POINTS = {
    point.name.removeprefix("tallystick_"): point
    for point in entry_points(group="opentelemetry_instrumentor")
    if point.name.startswith("tallystick_")
}


def test_each_framework_has_an_entry_point() -> None:
    assert sorted(POINTS) == sorted(KNOWN)


@pytest.mark.parametrize("name", sorted(POINTS))
def test_an_entry_point_hooks_its_framework_alone_and_takes_it_out_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLYSTICK_HOME", str(tmp_path))
    instrumentor = POINTS[name].load()()
    try:
        instrumentor.instrument(skip_dep_check=True)
        hooked = [one for one in KNOWN if states()[one] != NOT_INSTRUMENTED]
        assert hooked == [name]
        instrumentor.uninstrument()
        assert states()[name] == NOT_INSTRUMENTED
    finally:
        uninstall()
        running = runtime.current()
        if running is not None:
            running.shutdown()


@pytest.mark.parametrize(
    ("listed", "is_left_out"),
    [
        ("", False),
        ("requests, tallystick_mcp", True),
        ("*", True),
        ("requests , *", True),
        ("tallystick_mc,mcp", False),
    ],
)
def test_opentelemetrys_list_names_frameworks_one_by_one_or_all(
    listed: str, is_left_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(OPENTELEMETRYS_LIST, listed)
    assert is_on_opentelemetrys_list("mcp") is is_left_out
