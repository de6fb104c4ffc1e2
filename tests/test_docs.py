"""What the documents say exists: links, make targets, commands, and code that compiles."""

import re
import tomllib
from pathlib import Path

import pytest

from tallystick.testing import FakeClock
from tallystick_ingest.service import Service
from tallystick_ingest.settings import AREAS, load_service_config
from tallystick_ingest.settings.setting import Setting

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
OWN_COMMANDS = {"run", "doctor", "verify", "keys", "mask"}
"""Commands of the SDK itself; the server's are entry points."""

TABLE_HEAD = "| Option | Environment | Default | Meaning |\n|---|---|---|---|\n"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(text: str, language: str) -> list[str]:
    """Give the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def links(text: str) -> list[str]:
    """Give the targets of relative links, without fragments."""
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link.partition("#")[0] for link in found if "://" not in link and link[0] != "#"]


def words_after(program: str, text: str) -> set[str]:
    """Give the words that follow a program's name in shell blocks and in inline code."""
    code = [*blocks(text, "sh"), *re.findall(r"`([^`\n]+)`", text)]
    found = (re.findall(rf"^{program} ([a-z][a-z-]*)", part, flags=re.MULTILINE) for part in code)
    return {word for words in found for word in words}


def row(setting: Setting) -> str:
    """Give a setting's row in the table of its area."""
    default = "unset" if setting.default is None else f"`{setting.default}`"
    return f"| `{setting.option}` | `{setting.env}` | {default} | {setting.sentence} |\n"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [link for link in links(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert words_after("make", page.read_text("utf-8")) - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_exists(page: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    commands = OWN_COMMANDS | set(project["entry-points"]["tallystick.commands"])
    assert words_after("tallystick", page.read_text("utf-8")) - commands == set()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_python_block_compiles(page: Path) -> None:
    for block in blocks(page.read_text("utf-8"), "python"):
        compile(block, name(page), "exec")


def test_the_readme_starts_with_the_two_commands_and_the_one_line() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert {"demo", "test"} <= words_after("make", text)
    assert {"up", "run", "verify", "export", "actions", "trace"} <= words_after("tallystick", text)
    assert "tallystick.instrument()" in blocks(text, "python")[0]


def test_every_setting_of_the_service_stands_on_its_page() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    for heading, settings in [(area.heading, area.settings) for area in AREAS]:
        rows = "".join(row(setting) for setting in settings)
        assert (f"### {heading}\n\n{TABLE_HEAD}{rows}\n" in page) == bool(settings), heading


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    assert sorted(links(index)) == sorted(
        page.name for page in ROOT.glob("docs/adr/*.md") if page.name != "README.md"
    )


def test_a_dead_link_and_an_unknown_word_are_seen() -> None:
    assert links("[a](b.md#c) [d](#e) [f](g/)") == ["b.md", "g/"]
    assert words_after("make", "```sh\nmake all  # x\n```\n`make nothing`") == {"all", "nothing"}


def test_every_metric_stands_on_its_page_and_no_other(tmp_path: Path) -> None:
    service = Service.open(load_service_config({"home": str(tmp_path)}, {}), FakeClock())
    service.housekeep()
    service.metrics.note_request("http", "/v1/logs", 200, 0.1)
    names = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in service.metrics.registry.collect()
    }
    service.close("the test is over")
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(tallystick_\w+)` \|", page, re.MULTILINE))
    ours = {name for name in names if name.startswith("tallystick_")}
    assert listed - ours <= {"tallystick_verification_time_seconds"}  # there after a verification
    assert ours - listed == set()
    in_rules = set(re.findall(r"\btallystick_\w+", "".join(blocks(page, "yaml")))) - {"tallystick"}
    assert in_rules <= listed
