"""The entry points of `opentelemetry-instrument`: one for each framework, each for itself."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tallystick import runtime
from tallystick.instrument import KNOWN, NOT_INSTRUMENTED, states, uninstall

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
