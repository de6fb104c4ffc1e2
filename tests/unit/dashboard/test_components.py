"""The components are found by Streamlit from the wheel and from the editable install alike."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from streamlit.testing.v1 import AppTest

from tallystick_dashboard import components
from tests.patience import PATIENCE_S

ROOT = Path(__file__).resolve().parents[3]
ASSETS = components.ROOT / components.ASSETS

PROGRAM = """
import json, sys
from streamlit.testing.v1 import AppTest

app = AppTest.from_string('''
from tallystick_dashboard import components
components.panel([], "p")
components.stages("call", "of", [], "s")
components.waterfall({}, "w")
''').run(timeout=600)
from tallystick_dashboard import components
print(json.dumps({
    "errors": [one.message for one in app.exception],
    "drawn": [one.proto.component_name for one in app.get("bidi_component")],
    "root": str(components.ROOT),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    place = tmp_path_factory.mktemp("wheel")
    [built] = WheelBuilder(str(ROOT)).build(directory=str(place), versions=["standard"])
    return zipfile.ZipFile(built)


def test_the_wheel_ships_every_asset(wheel: zipfile.ZipFile) -> None:
    shipped = {name.rpartition("/")[2] for name in wheel.namelist() if "/assets/" in name}
    assert shipped == {file.name for file in ASSETS.iterdir()}
    assert {f"{name}.{ending}" for name in components.NAMES for ending in ("js", "css")} <= shipped


def test_an_installed_wheel_draws_its_components(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["errors"] == []
    assert told["drawn"] == ["tallystick.panel", "tallystick.stages", "tallystick.waterfall"]
    assert Path(told["root"]).is_relative_to(tmp_path)


def test_the_editable_install_draws_its_components() -> None:
    def script() -> None:
        from tallystick_dashboard import components

        components.stages("call", "of", [], "s")

    app = AppTest.from_function(script).run(timeout=PATIENCE_S)
    assert not app.exception
    [drawn] = app.get("bidi_component")
    assert drawn.proto.component_name == "tallystick.stages"
