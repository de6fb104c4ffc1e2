"""The JavaScript of the components, tested by Node's own test runner; and that it makes no markup."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tallystick_dashboard.text import safe
from tests.patience import PATIENCE_S
from tests.requirements import requirement

HERE = Path(__file__).resolve().parent
ASSETS = HERE.parents[2] / "dashboard" / "tallystick_dashboard" / "components" / "assets"
TESTS = sorted((HERE / "js").glob("*.test.mjs"))
EXAMPLES = json.loads((HERE / "inert_texts.json").read_text(encoding="utf-8"))
MARKUP = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment"
    r"|DOMParser|\beval\b|new Function|srcdoc|\bhref\b(?! = `/blob/)"
)


@requirement("dashboard.inert")
@pytest.mark.parametrize("file", TESTS, ids=lambda file: file.name)
def test_the_logic_of_the_components_holds(file: Path) -> None:
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(file)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE)


@requirement("dashboard.inert")
@pytest.mark.parametrize("file", sorted(ASSETS.glob("*.js")), ids=lambda file: file.name)
def test_no_component_reads_text_as_markup_or_as_code(file: Path) -> None:
    assert MARKUP.findall(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("file", sorted(ASSETS.iterdir()), ids=lambda file: file.name)
def test_no_asset_asks_another_host_for_anything(file: Path) -> None:
    found = re.findall(r"https?://[^\"'\s]+", file.read_text(encoding="utf-8"))
    assert [one for one in found if one != "http://www.w3.org/2000/svg"] == []


def test_the_assets_are_read_as_modules() -> None:
    assert json.loads((ASSETS / "package.json").read_text(encoding="utf-8"))["type"] == "module"


@requirement("dashboard.inert")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["what"])
def test_python_shows_each_text_as_javascript_does(example: dict[str, str]) -> None:
    assert safe(example["text"]) == example["shown"]
