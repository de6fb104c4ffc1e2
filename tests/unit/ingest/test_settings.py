"""Settings: what wins over what, and what does not fit."""

from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest.settings import SETTINGS, load_service_config


def test_an_option_wins_over_the_environment_and_that_over_the_default(tmp_path: Path) -> None:
    environ = {
        "TALLYSTICK_HOME": str(tmp_path),
        "TALLYSTICK_PORT": "5000",
        "TALLYSTICK_HOST": "::1",
    }
    config = load_service_config({"port": "6000", "host": None}, environ)
    assert (config.core.port, config.core.host) == (6000, "::1")
    assert (config.core.data, config.core.secrets) == (tmp_path / "data", tmp_path / "server")
    assert load_service_config({}, {}).core.port == 4318


@pytest.mark.parametrize("value", ["x", "-1", "65536", "1.5", ""])
def test_a_setting_that_does_not_fit_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match="--port: expected a whole number from 0 to 65535"):
        load_service_config({"port": value}, {})


def test_a_wrong_variable_of_the_environment_is_named() -> None:
    with pytest.raises(ConfigError, match="TALLYSTICK_MAX_BODY_BYTES"):
        load_service_config({}, {"TALLYSTICK_MAX_BODY_BYTES": "12"})


def test_every_setting_has_a_name_and_a_sentence() -> None:
    assert len({one.env for one in SETTINGS}) == len(SETTINGS)
    assert all(one.env.startswith("TALLYSTICK_") for one in SETTINGS)
    assert all(one.sentence.endswith(".") for one in SETTINGS)
