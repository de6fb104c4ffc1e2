"""`tallystick verify`: what the arguments name, and which exit code comes back."""

import json
from pathlib import Path

import pytest

from tallystick.verify import cli
from tallystick.verify.policy import MAX_POLICY_BYTES, print_policy
from tallystick.verify.standalone import USAGE_ERROR, package_main
from tests.builder import Log, fill, sample_log
from tests.store_log import StoreLog


@pytest.fixture(scope="module")
def log() -> Log:
    return sample_log()


@pytest.fixture
def package(log: Log, tmp_path: Path) -> str:
    path = tmp_path / "package.zip"
    path.write_bytes(log.package())
    return str(path)


@pytest.fixture
def policy(log: Log, tmp_path: Path) -> str:
    path = tmp_path / "policy"
    path.write_text(print_policy(log.policy()), encoding="utf-8")
    return str(path)


def test_a_package_is_verified_under_a_policy(
    package: str, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([package, "--policy", policy]) == 0
    assert "verdict 0: verified under the trust policy" in capsys.readouterr().out
    assert package_main([package, "--policy", policy, "--every-seal", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["steps"][5]["checked"] == {
        "seals": 10,
        "signatures": 10,
    }


def test_without_a_policy_the_verdict_is_two(
    package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([package]) == 2
    assert cli.main([package, "--trust-package-keys"]) == 2
    assert "taken from what is being checked" in capsys.readouterr().out


def test_a_data_directory_is_verified(
    tmp_path: Path, policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = StoreLog(tmp_path / "data")
    fill(log).publish()
    log.store.close()
    assert cli.main(["--data", str(tmp_path / "data"), "--policy", policy]) == 0
    assert "rows of events" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["no.zip"], ["--data", "no"], ["--url", "ftp://no"]])
def test_what_cannot_be_opened_is_wrong(
    arguments: list[str], policy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*arguments, "--policy", policy]) == 1
    out = capsys.readouterr().out
    assert " 1  files         1 wrong" in out
    assert "not reached" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"log x", "line 1"),
        (b"#" * (MAX_POLICY_BYTES + 1), "is above"),
    ],
)
def test_a_policy_that_cannot_be_read_is_wrong(
    package: str,
    tmp_path: Path,
    text: bytes | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "other"
    if text is not None:
        path.write_bytes(text)
    assert cli.main([package, "--policy", str(path)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["a.zip", "--data", "b"], ["a.zip", "--unknown"], ["--jobs", "x", "a.zip"]]
)
def test_a_wrong_command_line_is_no_verdict(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == USAGE_ERROR
    assert "tallystick verify: " in capsys.readouterr().err


def test_a_data_directory_needs_the_store(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "SOURCE_GROUP", "tallystick.no_such_group")
    assert cli.main(["--data", "somewhere"]) == 1
    assert "pip install 'tallystick[server]'" in capsys.readouterr().out


def test_a_damaged_credentials_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TALLYSTICK_HOME", str(tmp_path))
    (tmp_path / "credentials.json").write_text("{", encoding="utf-8")
    assert cli.main(["--url", "http://127.0.0.1:9"]) == 1
    assert "no API key could be read" in capsys.readouterr().out
