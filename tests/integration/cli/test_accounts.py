"""`tallystick accounts`: beside a running service and without one, at a terminal and without one."""

import json
import os
import pty
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.passwords import is_password
from tallystick_ingest.own_secrets import ACCOUNTS_FILE
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.sending import JSON
from tests.serving import TALLYSTICK, Service

pytestmark = pytest.mark.e2e

WORDS = "four words make one"


def run(home: Path, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [TALLYSTICK, "accounts", *arguments],
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        **{"stdin": subprocess.DEVNULL, **options},
    )


def password_of(output: str) -> str:
    [password] = re.findall(r"^password  (\S+)$", output, re.MULTILINE)
    return str(password)


@requirement("auth.accounts")
def test_an_account_that_is_added_beside_a_running_service_logs_in_and_is_removed(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    made = run(service.home, "add", "ada", "--role", "auditor")
    assert made.returncode == 0, made.stderr
    body = json.dumps({"name": "ada", "password": password_of(made.stdout)}).encode()
    answer = service.ask("POST", "/api/v1/login", body, {"Content-Type": JSON})
    assert answer.json["role"] == "auditor"
    headers = {"Authorization": f"Bearer {answer.json['session']}"}
    listed = run(service.home, "list").stdout
    assert listed.split() == ["ada", "auditor", answer.json["id"], "everything"]
    assert run(service.home, "remove", "ada").returncode == 0
    assert service.ask("GET", "/api/v1/me", headers=headers).status == 401
    assert "no accounts" in run(service.home, "list").stdout
    file = service.home / "server" / ACCOUNTS_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_accounts_may_be_made_before_the_service_is_started_first(
    make_service: Callable[..., Service],
) -> None:
    service = make_service()
    service.root.mkdir()
    assert run(service.home, "add", "ada", "--role", "viewer").returncode == 0
    assert stat.S_IMODE((service.home / "server").stat().st_mode) == 0o700
    service.start()
    assert "admin link" in service.output
    assert AccountBook(service.home / "server", lambda: 0).named("ada") is not None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "ada"], 2, "--role"),
        (["add", "ada", "--role", "root"], 2, "viewer"),
        (["add", "", "--role", "viewer"], 1, "printable"),
        (["add", "a\x1b[2J", "--role", "viewer"], 1, "printable"),
        (["remove", "nobody"], 1, "there is no account"),
        ([], 2, "add"),
    ],
)
def test_wrong_use_is_said_and_changes_nothing(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    found = run(tmp_path / "home", *arguments)
    assert (found.returncode, said in found.stderr) == (code, True), found.stderr
    assert "Traceback" not in found.stderr
    assert "\x1b" not in found.stderr
    assert not (tmp_path / "home" / "server" / ACCOUNTS_FILE).exists()


def test_a_taken_name_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, "add", "ada", "--role", "viewer").returncode == 0
    again = run(tmp_path, "add", "ada", "--role", "admin")
    assert (again.returncode, "already" in again.stderr) == (1, True)


def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    found = run(tmp_path / "file", "add", "ada", "--role", "viewer")
    assert (found.returncode, "Traceback" in found.stderr) == (1, False), found.stderr


@pytest.mark.parametrize(
    ("typed", "code"), [([WORDS, WORDS], 0), ([WORDS, "another"], 1), (["short", ""], 1)]
)
def test_at_a_terminal_the_password_is_asked_twice_and_not_shown(
    tmp_path: Path, typed: list[str], code: int
) -> None:
    terminal, side = pty.openpty()
    command = [TALLYSTICK, "accounts", "add", "ada", "--role", "viewer"]
    with subprocess.Popen(
        command,
        env={"PATH": os.environ["PATH"], "TALLYSTICK_HOME": str(tmp_path)},
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    ) as process:
        os.close(side)
        shown = b""
        for prompt, line in zip((b"Password: ", b"Once more: "), typed, strict=True):
            while prompt not in shown and process.poll() is None:
                shown += read(terminal)
            if process.poll() is None:
                os.write(terminal, line.encode() + b"\n")
        while chunk := read(terminal):
            shown += chunk
        assert process.wait(PATIENCE_S) == code, shown
    os.close(terminal)
    assert WORDS.encode() not in shown
    account = AccountBook(tmp_path / "server", lambda: 0).named("ada")
    assert (account is not None) is (code == 0)
    assert account is None or is_password(WORDS, account.password)


def read(terminal: int) -> bytes:
    """Read what a program shows; nothing once it has ended."""
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
