"""`tallystick run`: the program is itself in every respect, and recorded."""

import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tallystick.launch import BOOTSTRAP, recorded
from tests.patience import PATIENCE_S
from tests.recorded import Recording
from tests.requirements import requirement

TALLYSTICK = [sys.executable, "-m", "tallystick.cli"]
CALL = """
import sys, tallystick
with tallystick.tool_call("greet", {"who": "Bob"}) as call:
    call.result("hello")
print(sys.argv[1:])
"""

pytestmark = pytest.mark.e2e


def run(home: Path, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TALLYSTICK, "run", *command],
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home), **environ},
        input="typed\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@requirement("sdk.host-never-broken")
def test_output_arguments_and_input_are_the_programs_own(tmp_path: Path) -> None:
    done = run(tmp_path, "--", sys.executable, "-c", CALL + "print(input())", "--", "-x", "a b")
    assert done.stdout == "['--', '-x', 'a b']\ntyped\n"
    assert done.stderr == ""
    assert done.returncode == 0
    recording = Recording(tmp_path)
    assert recording.types() == ["session.open", "tool.started", "tool.completed", "session.close"]


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_code_is_the_programs_own(code: int, tmp_path: Path) -> None:
    assert run(tmp_path, "--", sys.executable, "-c", f"raise SystemExit({code})").returncode == code


def test_a_signal_reaches_the_program_itself(tmp_path: Path) -> None:
    program = "import signal, sys\nprint('up', flush=True)\nsignal.sigwait([signal.SIGUSR1])\n"
    block = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
    with subprocess.Popen(
        [*TALLYSTICK, "run", "--", sys.executable, "-c", block + program],
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.send_signal(signal.SIGUSR1)
        assert process.wait(PATIENCE_S) == 0


def test_the_name_of_the_service_can_be_given(tmp_path: Path) -> None:
    run(tmp_path, "--service-name", "greeter", "--", sys.executable, "-c", CALL)
    assert Recording(tmp_path).one(type="session.open").statement["service.name"] == "greeter"


def test_a_sitecustomize_of_the_environment_is_still_loaded(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.theirs = 'loaded'\n", "utf-8")
    program = "import sys, tallystick.runtime as r; print(sys.theirs, r.current() is not None)"
    done = run(tmp_path / "home", "--", sys.executable, "-c", program, PYTHONPATH=str(tmp_path))
    assert done.stdout == "loaded True\n"


def test_run_inside_run_changes_nothing_more(tmp_path: Path) -> None:
    inner = [*TALLYSTICK, "run", "--", sys.executable, "-c", CALL]
    done = run(tmp_path, "--", *inner)
    assert done.stdout == "[]\n"
    assert len(Recording(tmp_path).where(type="tool.completed")) == 1


def test_a_python_without_tallystick_says_so_and_runs(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    done = run(tmp_path / "home", "--", str(python), "-c", "print('ran')")
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    assert f"NOT RECORDED: {python} cannot import tallystick" in done.stderr
    assert f"{python} -m pip install tallystick" in done.stderr


def test_a_setting_that_does_not_fit_is_said_and_the_program_runs(tmp_path: Path) -> None:
    done = run(tmp_path, "--", sys.executable, "-c", "print('ran')", TALLYSTICK_SYNC="often")
    assert (done.stdout, done.returncode) == ("ran\n", 0)
    assert "NOT RECORDED: ConfigError: environment variable TALLYSTICK_SYNC" in done.stderr


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "--", "no-such-command-anywhere")
    assert done.returncode == 127
    assert done.stderr.startswith("tallystick run: no-such-command-anywhere: command not found")


def test_a_file_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nothing")
    broken.chmod(0o755)
    assert run(tmp_path, "--", str(broken)).returncode == 126


@pytest.mark.parametrize("arguments", [[], ["--"], [sys.executable, "-c", "1"]])
def test_without_a_command_behind_two_dashes_the_usage_is_printed(
    arguments: list[str], tmp_path: Path
) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert "-- COMMAND" in done.stderr
    assert done.stdout == ""


def test_a_command_beside_our_python_is_found_without_path(tmp_path: Path) -> None:
    done = run(tmp_path, "--", "mcp-server-time", "--help", PATH="/nowhere")
    assert done.returncode == 0
    assert "--local-timezone" in done.stdout


def test_the_bootstrap_stands_first_and_once() -> None:
    environ = recorded(recorded({"PYTHONPATH": "/a:/b"}))
    assert environ["PYTHONPATH"] == f"{BOOTSTRAP}:/a:/b"
