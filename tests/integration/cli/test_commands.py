"""`tallystick`: finding commands, `keys` and `doctor`."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from tallystick import cli
from tallystick.cli import BUILT_IN, GROUP
from tallystick.credentials import Credentials, save_credentials
from tallystick.keys import load_emitter_key
from tallystick.masking.compiled import form
from tallystick.verify.policy import parse_policy
from tests.keys import key_pair
from tests.patience import PATIENCE_S

LOG, SERVICE = key_pair("log.example/tenant").key, key_pair("log.example/service").key


def tallystick(home: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tallystick.cli", *arguments],
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home), **environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def enrol(home: Path, url: str = "http://127.0.0.1:1") -> None:
    known = Credentials(url, "the-api-key", "tenant", LOG.vkey, SERVICE.vkey)
    save_credentials(home / "credentials.json", known)


class Healthy(BaseHTTPRequestHandler):
    """Says that all is well, to the one key."""

    def do_GET(self) -> None:
        is_known = self.headers["Authorization"] == "Bearer the-api-key"
        self.send_response(200 if is_known or self.path == "/healthz" else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Keep quiet."""


@pytest.fixture
def service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_help_names_every_command(tmp_path: Path) -> None:
    done = tallystick(tmp_path, "--help")
    assert done.returncode == 0
    for name in ("run", "doctor", "verify", "keys", "up", "accounts", "export", "actions", "trace"):
        assert f"  {name}" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("up",),
        ("accounts",),
        ("accounts", "add"),
        ("export",),
        ("actions",),
        ("trace",),
        ("verify",),
        ("run",),
        ("doctor",),
        ("keys",),
    ],
    ids=" ".join,
)
def test_every_command_explains_its_options(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = tallystick(tmp_path, *words, "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: tallystick {' '.join(words)}" in done.stdout


def test_help_says_of_every_command_what_it_does(tmp_path: Path) -> None:
    lines = [
        line for line in tallystick(tmp_path, "--help").stdout.splitlines() if line[:2] == "  "
    ]
    found = {line.split()[0] for line in lines}
    assert found == {*BUILT_IN, *(one.name for one in entry_points(group=GROUP))} > {"run", "up"}
    assert all(line.endswith(".") and len(line.split()) > 5 for line in lines)


def test_help_says_what_to_install_for_a_command_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = EntryPoint("up", "no_such_module_anywhere:up [server]", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda **_: [point])
    assert cli.main(["--help"]) == 0
    assert "Not installed here: pip install 'tallystick[server]'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "put -- and the command to run behind the options"),
        (["run", "python", "-V"], "put -- and the command to run behind the options"),
        (["run", "--fast", "--", "python"], "unrecognized arguments: --fast"),
        (["actions", "--outcome", "deneid"], "invalid choice: 'deneid'"),
        (["actions", "--type", "tool.dennied"], "invalid choice: 'tool.dennied'"),
        (["actions", "--limit", "0"], "expected a whole number from 1 to 1000, got '0'"),
        (["actions", "--limit", "1001"], "expected a whole number from 1 to 1000, got '1001'"),
        (["actions", "--from", "today", "--to", "yesterday"], "--from must lie before --to"),
        (["export", "--from", "1h", "--to", "2h", "--out", "a"], "--from must lie before --to"),
        (["trace", "4bf92f"], "expected 32 hex digits, got '4bf92f'"),
    ],
)
def test_wrong_use_is_said_and_asks_no_service(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    """A filter with a slip of the pen in it must not look like an empty list."""
    done = tallystick(tmp_path, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("usage: ") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_moment_that_is_none_is_named_by_its_option(tmp_path: Path, option: str) -> None:
    done = tallystick(tmp_path, "actions", option, "soon")
    assert done.returncode == 1
    assert done.stderr.startswith(f"tallystick: actions: {option}: this is no moment")


def test_an_export_leaves_a_file_that_is_there_as_it_is(tmp_path: Path) -> None:
    kept = tmp_path / "november.zip"
    kept.write_text("the only copy")
    done = tallystick(tmp_path, "export", "--from", "1h", "--out", str(kept))
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert kept.read_text() == "the only copy"


@pytest.mark.parametrize(
    "arguments", [["up", "--port", "0"], ["keys", "policy", "--output", "f/p"]]
)
def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, arguments: list[str]) -> None:
    home = tmp_path / "home"
    if arguments[0] == "up":
        home.write_text("no directory")
    else:
        enrol(home)
        arguments[-1] = str(home / "credentials.json" / "policy.txt")
    done = tallystick(home, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("tallystick: ")
    assert done.stderr.count("\n") == 1
    assert "cannot" in done.stderr


@pytest.mark.parametrize("arguments", [["up", "--port", "0"], ["verify", "--data", "home/data"]])
def test_a_directory_that_may_not_be_read_is_named_without_a_traceback(
    tmp_path: Path, arguments: list[str]
) -> None:
    """Root may read everything: what the system would answer is put in its place."""
    home = tmp_path / "home"
    (home / "data").mkdir(parents=True)
    (home / "server").mkdir()
    program = f"""
import pathlib, sys
from tallystick.cli import main
real = pathlib.Path.stat
def stat(path, **options):
    if path.name in ("server", "tallystick.duckdb"):
        raise PermissionError(13, "Permission denied", str(path))
    return real(path, **options)
pathlib.Path.stat = stat
sys.exit(main({arguments!r}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "Permission denied" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_named(tmp_path: Path) -> None:
    done = tallystick(tmp_path, "destroy")
    assert done.returncode == 2
    assert done.stderr == "tallystick: unknown command 'destroy'; `tallystick --help` lists them\n"


def test_a_missing_extra_is_one_line_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point = EntryPoint("up", "no_such_module_anywhere:up [server]", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda **_: [point])
    assert cli.main(["up"]) == 2
    said = capsys.readouterr().err
    expected = "up needs no_such_module_anywhere; install it with: pip install 'tallystick[server]'"
    assert said == f"tallystick: {expected}\n"


def test_a_missing_extra_that_a_command_imports_late_is_one_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "def up(arguments):\n    import no_such_module_anywhere\n"
    (tmp_path / "late_command.py").write_text(command, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("up", "late_command:up [server]", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda **_: [point])
    assert cli.main(["up"]) == 2
    said = capsys.readouterr().err
    expected = "up needs no_such_module_anywhere; install it with: pip install 'tallystick[server]'"
    assert said == f"tallystick: {expected}\n"


def test_a_module_of_ours_that_is_missing_is_a_fault_and_no_missing_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    point = EntryPoint("up", "tallystick.no_such_module:up [server]", cli.GROUP)
    monkeypatch.setattr(cli, "entry_points", lambda **_: [point])
    with pytest.raises(ModuleNotFoundError):
        cli.main(["up"])


def test_the_keys_of_a_new_machine_are_shown_without_making_any(tmp_path: Path) -> None:
    done = tallystick(tmp_path / "new", "keys")
    assert done.returncode == 0
    assert "none yet" in done.stdout
    assert not (tmp_path / "new").exists()


def test_the_policy_names_log_service_and_emitter(tmp_path: Path) -> None:
    enrol(tmp_path)
    own = load_emitter_key(tmp_path, "agents.example/one").key
    done = tallystick(tmp_path, "keys", "policy", TALLYSTICK_EMITTER_NAME="agents.example/one")
    policy = parse_policy(done.stdout)
    assert policy.log.vkey == LOG.vkey
    assert [key.vkey for key in policy.emitters] == [SERVICE.vkey, own.vkey]


def test_the_policy_can_be_written_to_a_file(tmp_path: Path) -> None:
    enrol(tmp_path)
    output = tmp_path / "policy.txt"
    done = tallystick(tmp_path, "keys", "policy", "--output", str(output))
    assert done.stdout == ""
    assert parse_policy(output.read_text(encoding="ascii")).log.vkey == LOG.vkey


def test_without_a_service_there_is_no_policy_and_the_way_to_one_is_said(tmp_path: Path) -> None:
    done = tallystick(tmp_path, "keys", "policy")
    assert done.returncode == 1
    assert "start `tallystick up` here" in done.stderr


def test_no_key_report_shows_a_secret(tmp_path: Path) -> None:
    enrol(tmp_path)
    load_emitter_key(tmp_path, None)
    done = tallystick(tmp_path, "keys", "show")
    assert "the-api-key" not in done.stdout
    assert LOG.vkey in done.stdout


def test_doctor_on_a_healthy_machine(tmp_path: Path, service: str) -> None:
    enrol(tmp_path, service)
    done = tallystick(tmp_path, "doctor")
    assert done.returncode == 0, done.stdout
    assert "active 2.3.0 (middleware, send_request)" in done.stdout
    assert "service" in done.stdout
    assert "accepted" in done.stdout
    assert "within 5 s" in done.stdout
    assert f"ok       masking      {form()}\n" in done.stdout
    assert not list(tmp_path.glob("spool/*.spool"))


def test_doctor_names_a_key_that_is_refused(tmp_path: Path, service: str) -> None:
    done = tallystick(
        tmp_path, "doctor", TALLYSTICK_ENDPOINT=service, TALLYSTICK_API_KEY="another-key"
    )
    assert done.returncode == 1
    assert "refused by the service: HTTP 401" in done.stdout
    assert "another-key" not in done.stdout


def test_doctor_names_a_service_that_does_not_answer(tmp_path: Path) -> None:
    done = tallystick(tmp_path, "doctor", TALLYSTICK_ENDPOINT="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "FAILED   service" in done.stdout


def test_doctor_names_a_hook_target_that_was_renamed(tmp_path: Path) -> None:
    lowlevel = tmp_path / "mcp" / "server" / "lowlevel"
    lowlevel.mkdir(parents=True)
    for package in (tmp_path / "mcp", tmp_path / "mcp" / "server", lowlevel):
        (package / "__init__.py").touch()
    (lowlevel / "server.py").write_text("class Host: ...\n", encoding="utf-8")
    done = tallystick(tmp_path / "home", "doctor", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "mcp.server.lowlevel.server.Server.__init__ does not exist" in done.stdout
    assert "module mcp.client.session" in done.stdout


def test_doctor_names_a_server_whose_middleware_list_is_gone(tmp_path: Path) -> None:
    lowlevel = tmp_path / "mcp" / "server" / "lowlevel"
    lowlevel.mkdir(parents=True)
    for package in (tmp_path / "mcp", tmp_path / "mcp" / "server", lowlevel):
        (package / "__init__.py").touch()
    source = "class Server:\n    def __init__(self, name): self.name = name\n"
    (lowlevel / "server.py").write_text(source, encoding="utf-8")
    done = tallystick(tmp_path / "home", "doctor", PYTHONPATH=str(tmp_path))
    assert "Server.__init__" in done.stdout
    assert done.returncode == 1


def test_doctor_counts_what_the_service_refused(tmp_path: Path) -> None:
    rejected = tmp_path / "spool" / "rejected"
    rejected.mkdir(parents=True)
    (rejected / f"{'a' * 32}.event.{'b' * 16}.statement_invalid.json").touch()
    done = tallystick(tmp_path, "doctor")
    assert done.returncode == 1
    assert "FAILED   rejected     1 records, statement_invalid" in done.stdout


def test_doctor_names_a_setting_that_does_not_fit(tmp_path: Path) -> None:
    done = tallystick(tmp_path, "doctor", TALLYSTICK_SYNC="often")
    assert done.returncode == 1
    assert "FAILED   settings" in done.stdout


def test_doctor_names_a_spool_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = tallystick(tmp_path, "doctor", TALLYSTICK_SPOOL_DIR=str(tmp_path / "file" / "spool"))
    assert done.returncode == 1
    assert "FAILED   spool" in done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["at its end", "with each line"])
@pytest.mark.parametrize("command", [["--help"], ["keys"]], ids=" ".join)
def test_a_reader_who_had_enough_is_no_fault(
    tmp_path: Path, command: list[str], unbuffered: str
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tallystick.cli", *command],
            env={
                "PATH": os.environ["PATH"],
                "TALLYSTICK_HOME": str(tmp_path),
                "PYTHONUNBUFFERED": unbuffered,
            },
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.stderr, done.returncode) == (b"", cli.OUTPUT_CLOSED)
