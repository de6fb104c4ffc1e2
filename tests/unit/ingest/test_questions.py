"""Whom the command line asks, and with which credential."""

import json
from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest.auth.gate import OPERATOR_FILE
from tallystick_ingest.questions import Questions
from tests.requirements import requirement

HERE = "http://127.0.0.1:4318"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the home of a service that runs at HERE, with its operator's token."""
    for name in ("ENDPOINT", "API_KEY"):
        monkeypatch.delenv(f"TALLYSTICK_{name}", raising=False)
    (tmp_path / "credentials.json").write_text(json.dumps({"url": HERE, "api_key": "machine"}))
    (tmp_path / OPERATOR_FILE).write_text("operator\n")
    return tmp_path


@requirement("auth.keys")
def test_the_operators_token_goes_to_the_service_of_this_machine(home: Path) -> None:
    target = Questions.of_operator(home, home).target
    assert (target.endpoint, target.api_key) == (HERE, "operator")


@requirement("auth.keys")
@pytest.mark.parametrize(
    "endpoint",
    ["http://vm:43281", "https://audit.example", "http://127.0.0.1:4319", "http://192.0.2.7:4318"],
)
def test_the_operators_token_goes_to_no_other_address(
    home: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("TALLYSTICK_ENDPOINT", endpoint)
    with pytest.raises(ConfigError, match=f"{endpoint} is not.*set TALLYSTICK_API_KEY"):
        Questions.of_operator(home, home)
    monkeypatch.setenv("TALLYSTICK_API_KEY", "of that service")
    target = Questions.of_operator(home, home).target
    assert (target.endpoint, target.api_key) == (endpoint, "of that service")


@requirement("auth.keys")
@pytest.mark.parametrize(
    "url", ["http://vm:4318", "http://192.0.2.7:4318", "http://[2001:db8::7]:4318"]
)
def test_credentials_of_a_service_elsewhere_draw_no_operators_token(home: Path, url: str) -> None:
    (home / "credentials.json").write_text(json.dumps({"url": url, "api_key": "machine"}))
    with pytest.raises(ConfigError, match="goes to no other"):
        Questions.of_operator(home, home)
