"""Masking compiled and in Python: the same source, the same bytes, and the tests of the one hold for the other."""

import gzip
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bench.foreign import load
from hatch_build import PACKAGES, SETTING, CompileHook, compile_in
from tests.patience import PATIENCE_S
from tests.requirements import requirement

ROOT = Path(__file__).resolve().parents[3]
MODULES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "hatch"
]["build"]["targets"]["wheel"]["hooks"]["custom"]["compiled"]
OWN_TESTS = (
    "tests/unit/masking",
    "tests/property/masking",
    "tests/unit/ingest/test_foreign.py",
    "tests/unit/recording/test_payload.py",
)
HEADER = Path(sysconfig.get_path("include"), "Python.h")
COMPILER = str(sysconfig.get_config_var("CC") or "cc").split()[0]
QUICKLY = "0"
"""The compiler's level: what is compiled does the same at each."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed"),
    pytest.mark.skipif(not HEADER.exists(), reason=f"{HEADER} is not installed"),
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with our packages, compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    made = compile_in(folder, ROOT, MODULES, optimised=QUICKLY)
    assert len(made) == len(MODULES) + 1
    return folder


def python(packages: Path | None, *arguments: str) -> str:
    """Run Python with these packages before the installed ones, and return what it printed."""
    inherited = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=inherited if packages is None else {**inherited, "PYTHONPATH": str(packages)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-8000:]}{done.stderr[-2000:]}"
    return done.stdout


@requirement("mask.either-form")
def test_every_module_that_is_named_is_imported_compiled(packages: Path) -> None:
    names = [module.removesuffix(".py").replace("/", ".") for module in MODULES]
    source = (
        "import importlib, sys; [print(importlib.import_module(n).__file__) for n in sys.argv[1:]]"
    )
    found = python(packages, "-c", source, *names).split()
    assert [Path(one).name.partition(".")[0] for one in found] == [Path(m).stem for m in MODULES]
    assert all(one.startswith(str(packages)) and not one.endswith(".py") for one in found)


@requirement("mask.either-form")
def test_compiled_masking_needs_nothing_of_the_compiler(packages: Path) -> None:
    source = (
        "import sys; sys.modules |= dict.fromkeys(['mypy', 'mypyc', 'mypy_extensions', 'librt']);"
        "import tallystick_ingest.foreign; from tallystick.masking.compiled import form; print(form())"
    )
    assert python(packages, "-c", source) == "compiled\n"


@requirement("mask.either-form")
def test_both_forms_make_the_same_bytes_of_the_same_spans(packages: Path, tmp_path: Path) -> None:
    names = []
    for number, body in enumerate(load(2).bodies):
        names.append(str(tmp_path / f"{number}.pb"))
        Path(names[-1]).write_bytes(gzip.decompress(body))
    program = ("-m", "tests.integration.compiled.digests", *names)
    in_python, compiled = python(None, *program).split(), python(packages, *program).split()
    assert in_python[:-1] == ["in", "Python"]
    assert compiled[:-1] == ["compiled"]
    assert in_python[-1] == compiled[-1]


@requirement("mask.either-form")
def test_what_holds_for_masking_holds_for_the_compiled_form(packages: Path) -> None:
    said = python(packages, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *OWN_TESTS)
    assert " passed" in said.splitlines()[-1]
    assert " failed" not in said


def hook(target: str = "wheel", compiled: tuple[str, ...] = ()) -> CompileHook:
    nothing: Any = None
    return CompileHook(str(ROOT), {"compiled": compiled}, nothing, nothing, str(ROOT), target)


def test_what_is_named_to_be_compiled_is_there() -> None:
    parents = [ROOT / Path(package).parent for package in PACKAGES]
    missing = [one for one in MODULES if not any((above / one).is_file() for above in parents)]
    assert missing == []


def test_a_wheel_is_pure_unless_the_environment_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    data: dict[str, Any] = {"force_include": {}}
    for setting in ("", "0"):
        monkeypatch.setenv(SETTING, setting)
        hook().initialize("standard", data)
        assert hook().dependencies() == []
    assert data == {"force_include": {}}


def test_neither_an_editable_install_nor_an_archive_of_sources_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SETTING, "1")
    data: dict[str, Any] = {"force_include": {}}
    hook().initialize("editable", data)
    hook("sdist").initialize("standard", data)
    assert data == {"force_include": {}}
    assert hook("sdist").dependencies() == []


def test_a_compiled_wheel_is_for_this_platform_and_holds_what_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(SETTING, "1")
    data: dict[str, Any] = {"force_include": {}}
    one = hook(compiled=("tallystick/masking/around.py",))
    one.initialize("standard", data)
    made = {Path(path): place for path, place in data.pop("force_include").items()}
    assert data == {"pure_python": False, "infer_tag": True}
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    assert f"tallystick/masking/around{suffix}" in made.values()
    assert all(path.is_file() for path in made)
    one.finalize("standard", data, "")
    assert not any(path.exists() for path in made)
    assert hook().dependencies() != []
