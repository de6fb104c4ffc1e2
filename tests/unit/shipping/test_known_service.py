"""What stands in every record because of the service and the settings: here, the masking policy."""

from pathlib import Path

import pytest

from tallystick.config import load_config
from tallystick.errors import ConfigError
from tallystick.masking import default_policy
from tallystick.masking.rulesfile import parse_policy
from tallystick.shipping.known_service import KnownService
from tallystick.testing import FakeClock

RULES = '[masking.modes]\nip = "redact"\n'


def known(home: Path, **settings: object) -> KnownService:
    return KnownService(load_config({"TALLYSTICK_HOME": str(home)}, **settings), FakeClock(), print)


def test_records_are_masked_by_the_rules_of_the_file(tmp_path: Path) -> None:
    assert known(tmp_path).printer.masking.policy_digest == default_policy().digest
    (tmp_path / "tallystick.toml").write_text(RULES)
    assert known(tmp_path).printer.masking.policy_digest == parse_policy(RULES).digest


def test_a_rules_file_that_does_not_fit_stops_the_start_and_is_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "tallystick.toml").write_text("[masking.modes]\nip = 'drop'\n")
    with pytest.raises(
        ConfigError, match=r"tallystick.toml, line 2: masking.modes.ip: expected one of"
    ):
        known(tmp_path)
    with pytest.raises(ConfigError, match="cannot read the masking rules"):
        known(tmp_path, rules=tmp_path / "none.toml")
