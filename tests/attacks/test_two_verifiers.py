"""verify.py, alone in an empty Python, says of every mutated package what the full verifier says."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tallystick.verify.bundle import bundle
from tallystick.verify.policy import print_policy
from tallystick.verify.standalone import package_main
from tests.builder import Log, sample_log
from tests.mutations import mutated
from tests.requirements import requirement

MUTANTS = 60
"""Of each of two packages."""

DRIVER = """
import contextlib, io, json, runpy, sys
main = runpy.run_path(sys.argv[1])["package_main"]
assert not {name.partition(".")[0] for name in sys.modules} & {"tallystick", "orjson", "cryptography"}
for package in sys.argv[3:]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main([package, "--policy", sys.argv[2], "--json"])
    print(json.dumps([code, out.getvalue()]))
"""


@pytest.fixture(scope="module")
def log() -> Log:
    return sample_log()


@pytest.fixture(scope="module")
def folder(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    (folder / "verify.py").write_text(bundle(), encoding="utf-8")
    (folder / "policy").write_text(print_policy(log.policy()), encoding="utf-8")
    return folder


def alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python isolated, without site packages, with nothing in its environment."""
    command = [sys.executable, "-I", "-S", *arguments]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=False)


def verdict(text: str) -> dict[str, Any]:
    """Read a report; how a JSON parser words its complaint is its own affair."""
    value: dict[str, Any] = json.loads(re.sub(r"not JSON: [^\"\\]*", "not JSON", text))
    return value


@requirement("package.two-verifiers-agree")
def test_both_verifiers_agree_on_every_mutated_package(
    log: Log, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = []
    for kind, package in (("whole", log.package()), ("part", log.package(12, 27))):
        for number in range(MUTANTS):
            names.append(f"{kind}-{number}.zip")
            (folder / names[-1]).write_bytes(mutated(package, number, log.key))
    run = alone(folder, "-c", DRIVER, "verify.py", "policy", *names)
    assert run.stderr == ""
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    codes = []
    for name, (code, text) in zip(names, answers, strict=True):
        codes.append(code)
        arguments = [str(folder / name), "--policy", str(folder / "policy"), "--json"]
        assert package_main(arguments) == code, name
        assert verdict(capsys.readouterr().out) == verdict(text), name
    assert codes.count(1) > 0.8 * len(codes), "hardly any mutation was one"


@requirement("package.two-verifiers-agree")
@pytest.mark.parametrize("trust", [[], ["--policy", "policy"], ["--trust-package-keys"]])
def test_a_clean_package_gets_the_same_verdict_from_verify_py_as_a_script(
    log: Log, folder: Path, trust: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "clean.zip").write_bytes(log.package())
    run = alone(folder, "verify.py", "clean.zip", *trust)
    full = [str(folder / word) if word == "policy" else word for word in trust]
    assert package_main([str(folder / "clean.zip"), *full]) == run.returncode
    assert capsys.readouterr().out == run.stdout
    assert run.returncode == (0 if "--policy" in trust else 2)
    assert run.stderr == ""


def test_the_verify_py_of_a_package_is_the_one_that_is_tested_here(log: Log, folder: Path) -> None:
    package = folder / "own.zip"
    package.write_bytes(log.package(3, 20))
    run = alone(
        folder, "-c", "import zipfile; zipfile.ZipFile('own.zip').extract('verify.py', 'own')"
    )
    assert run.returncode == 0
    run = alone(folder, "own/verify.py", "own.zip", "--policy", "policy", "--jobs", "2")
    assert (run.returncode, run.stderr) == (0, "")
