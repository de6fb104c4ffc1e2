"""Settings: one table, four sources in one order, and an error that names the source."""

from dataclasses import fields
from pathlib import Path

import pytest

from tallystick.config import SETTINGS, Config, load_config, settings_table
from tallystick.errors import ConfigError


def config(tmp_path: Path, environ: dict[str, str] | None = None, /, **overrides: object) -> Config:
    return load_config({"TALLYSTICK_HOME": str(tmp_path), **(environ or {})}, **overrides)


def test_table_and_object_have_the_same_settings() -> None:
    assert [setting.name for setting in SETTINGS] == [field.name for field in fields(Config)]


def test_every_setting_is_documented() -> None:
    table = settings_table()
    for setting in SETTINGS:
        assert f"| `{setting.name}` | `TALLYSTICK_{setting.name.upper()}` |" in table
        assert setting.sentence.endswith(".")


def test_the_page_of_settings_is_the_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "settings.md"
    assert settings_table() in page.read_text(encoding="utf-8")


def test_a_rules_file_in_the_home_directory_counts_where_no_other_is_named(tmp_path: Path) -> None:
    assert config(tmp_path).rules is None
    (tmp_path / "tallystick.toml").write_text("")
    assert config(tmp_path).rules == tmp_path / "tallystick.toml"
    assert config(tmp_path, {"TALLYSTICK_RULES": "/etc/rules.toml"}).rules == Path(
        "/etc/rules.toml"
    )


def test_defaults_are_those_of_the_contract(tmp_path: Path) -> None:
    found = config(tmp_path)
    assert (found.linger_ms, found.batch, found.heartbeat_s) == (50, 512, 60)
    assert found.max_value_bytes == 262_144
    assert found.spool_dir == tmp_path / "spool"
    assert (found.endpoint, found.api_key, found.sync) == (None, None, "group")
    assert (found.spool_full, found.spool_max_bytes) == ("drop", 2 * 1024**3)
    assert (found.frameworks, found.traces, found.disabled) == (("auto",), True, False)


def test_argument_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    assert config(tmp_path).service_name == "agent"
    (tmp_path / "config.toml").write_text('service_name = "file"\nrequired = ["pay*", "x"]\n')
    assert config(tmp_path).service_name == "file"
    assert config(tmp_path).required == ("pay*", "x")
    environ = {"TALLYSTICK_SERVICE_NAME": "env"}
    assert config(tmp_path, environ).service_name == "env"
    assert config(tmp_path, environ, service_name="argument").service_name == "argument"
    assert config(tmp_path, environ, service_name=None).service_name == "env"


def test_opentelemetry_s_name_of_the_service_is_heard_last(tmp_path: Path) -> None:
    environ = {"OTEL_SERVICE_NAME": "otel"}
    assert config(tmp_path, environ).service_name == "otel"
    assert config(tmp_path, {**environ, "TALLYSTICK_SERVICE_NAME": "ours"}).service_name == "ours"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("disabled", "yes", True),
        ("traces", "0", False),
        ("required", "pay*, refund ,", ("pay*", "refund")),
        ("endpoint", "https://log.example/", "https://log.example"),
        ("sync", "each", "each"),
        ("batch", "7", 7),
        ("spool_dir", "/var/spool/x", Path("/var/spool/x")),
    ],
)
def test_the_environment_is_read_by_type(
    tmp_path: Path, name: str, text: str, value: object
) -> None:
    assert getattr(config(tmp_path, {f"TALLYSTICK_{name.upper()}": text}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("disabled", "perhaps", "true or false"),
        ("endpoint", "localhost:4318", "begins with http"),
        ("endpoint", "http://ada:secret@localhost:4318", "without a user and password"),
        ("batch", "0", "from 1 to 4096"),
        ("batch", "many", "from 1 to 4096"),
        ("max_value_bytes", "600000", "from 1024 to 500000"),
        ("sync", "often", "none or group or each"),
        ("spool_full", "wait", "drop or block or refuse"),
        ("spool_max_bytes", "1000", "from 16777216 to"),
    ],
)
def test_a_value_that_does_not_fit_names_its_source_and_what_was_expected(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    variable = f"TALLYSTICK_{name.upper()}"
    with pytest.raises(
        ConfigError, match=f"environment variable {variable}: expected .*{expected}"
    ):
        config(tmp_path, {variable: text})
    with pytest.raises(ConfigError, match=f"setting {name}: "):
        config(tmp_path, **{name: text})
    (tmp_path / "config.toml").write_text(f'{name} = "{text}"\n')
    with pytest.raises(ConfigError, match=rf"config\.toml, key {name}: "):
        config(tmp_path)


def test_a_message_repeats_no_address_and_so_no_password_in_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        config(tmp_path, {"TALLYSTICK_ENDPOINT": "ada:xylophone@localhost:4318"})
    assert "xylophone" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"), [("batch", True), ("home", 7), ("required", [1]), ("agent_name", "  ")]
)
def test_a_value_of_another_type_is_refused(tmp_path: Path, name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"setting {name}"):
        config(tmp_path, **{name: value})


def test_an_unknown_setting_is_an_error_everywhere(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown setting 'endpiont'"):
        config(tmp_path, endpiont="x")
    (tmp_path / "config.toml").write_text('endpiont = "x"\n')
    with pytest.raises(ConfigError, match=r"unknown setting 'endpiont' in .*config\.toml"):
        config(tmp_path)


@pytest.mark.parametrize("content", [b"not toml", b"\xff"])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.toml").write_bytes(content)
    with pytest.raises(ConfigError, match="correct or remove"):
        config(tmp_path)


def test_the_file_cannot_move_the_home_that_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('home = "/elsewhere"\n')
    with pytest.raises(ConfigError, match="unknown setting 'home'"):
        config(tmp_path)


def test_an_api_key_is_never_shown(tmp_path: Path) -> None:
    found = config(tmp_path, {"TALLYSTICK_API_KEY": "ts_secret"})
    assert found.api_key == "ts_secret"
    assert "ts_secret" not in repr(found)
    with pytest.raises(ConfigError) as caught:
        config(tmp_path, api_key=12345678)
    assert "12345678" not in str(caught.value)
