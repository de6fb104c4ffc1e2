"""Settings: what wins over what, and what does not fit."""

import re
from pathlib import Path

import pytest

from tallystick.errors import ConfigError
from tallystick_ingest.settings import AREAS, SETTINGS, load_service_config, load_settings
from tallystick_ingest.settings.setting import ORIGINS, Setting, one_of
from tallystick_ingest.settings.sources import MAX_FILE_BYTES, Sources
from tallystick_ingest.settings.told import settings_lines
from tests.requirements import requirement


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


# --- the file ---------------------------------------------------------------------------------


def written(tmp_path: Path, text: str | bytes) -> str:
    """Write a file of settings and return its path."""
    path = tmp_path / "server.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def refused(tmp_path: Path, text: str | bytes) -> str:
    """Return what is said of a file that cannot be understood."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_settings({}, {"TALLYSTICK_HOME": str(tmp_path)}, path)
    said = str(error.value)
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    return said.removeprefix(f"{path}: ")


@requirement("operations.settings")
def test_the_file_wins_over_the_default_and_the_environment_over_the_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        'port = 1\nhost = "::1"\nmax_records = 7\ngrpc_port = "off"\ndashboard_port = 0\n'
        'cors_origins = ["https://a.example", "https://b.example"]\n',
    )
    environ = {"TALLYSTICK_HOME": str(tmp_path), "TALLYSTICK_PORT": "2", "TALLYSTICK_HOST": ""}
    loaded = load_settings({"port": "3"}, environ, path)
    config = loaded.config
    assert (config.core.port, config.core.host, config.core.grpc_port) == (3, "::1", None)
    assert (config.otlp.max_records, config.dashboard.port) == (7, 0)
    assert config.otlp.cors_origins == ("https://a.example", "https://b.example")
    sources = {name: one.source for name, one in loaded.settled.items()}
    assert (sources["port"], sources["home"]) == ("--port", "TALLYSTICK_HOME")
    assert (sources["host"], sources["max_objects"]) == (f"{path}: host", "default")
    assert load_settings({}, environ, path).settled["port"].source == "TALLYSTICK_PORT"


def test_the_file_of_the_home_is_found_and_another_one_is_named(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other.toml"
    home.mkdir()
    environ = {"TALLYSTICK_HOME": str(home)}
    assert load_settings({}, environ).file is None
    (home / "server.toml").write_text("port = 1\n")
    other.write_text(f'port = 2\nhome = "{tmp_path}"\n')
    assert load_settings({}, environ).config.core.port == 1
    named = load_settings({}, {"TALLYSTICK_CONFIG": str(other)}).config.core
    assert (named.port, named.data) == (2, tmp_path / "data")
    both = {**environ, "TALLYSTICK_CONFIG": str(other)}
    assert load_settings({}, both, str(home / "server.toml")).config.core.port == 1


def test_the_file_of_the_home_cannot_name_another_home(tmp_path: Path) -> None:
    environ = {"TALLYSTICK_HOME": str(tmp_path)}
    (tmp_path / "server.toml").write_text(f'home = "{tmp_path}"\n')
    assert load_settings({}, environ).config.core.home == tmp_path
    (tmp_path / "server.toml").write_text('home = "/elsewhere"\n')
    with pytest.raises(ConfigError, match=r"server.toml: home: .* cannot name another one"):
        load_settings({}, environ)


@requirement("operations.settings")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1", "'prot' is no setting: did you mean port?"),
        ("[otlp]\nmax_records = 1", "'otlp' is no setting; `tallystick config` prints all"),
        ('"a\\nb" = 1', "'a\\\\nb' is no setting"),
        ('port = "4318"', "port: expected a whole number from 0 to 65535, got '4318'"),
        ("port = true", "port: expected a whole number from 0 to 65535, got true"),
        ("port = 1.5", "port: expected a whole number from 0 to 65535, got 1.5"),
        ("port = -1", "port: expected a whole number from 0 to 65535, got -1"),
        ("port = nan", "port: expected a whole number from 0 to 65535, got nan"),
        (f"port = {'9' * 300}", "port: expected a whole number .*, got a larger number"),
        (f"port = 0x{'f' * 9000}", "port: expected a whole number .*, got a larger number"),
        (f"port = {'9' * 9000}", "expected TOML: "),
        ("port = 2026-11-23", "port: expected a whole number .*, got a date or time"),
        ("port = [1]", "port: expected a whole number from 0 to 65535, got a list"),
        ("port = {}", "port: expected a whole number .*, got a table: settings stand in none"),
        ("host = 5", "host: expected text, got 5"),
        ('host = ""', "host: expected text, got ''"),
        ('host = "a\\nb"', "host: expected text, got 'a\\\\nb'"),
        ('data = ""', "data: expected a path, got ''"),
        ('data = "a\\u0000b"', "data: expected a path, got "),
        ('data = "~nobody-of-that-name/x"', "data: expected a path, got "),
        ("cors_origins = [1]", "cors_origins: expected origins such as .*, got a list"),
        ('cors_origins = ["https://a.example,"]', "cors_origins: expected origins .*, got a list"),
        ('cors_origins = ["ftp://a"]', "cors_origins: expected origins .*, got a list"),
        ('dashboard_port = "on"', "dashboard_port: expected a whole number .*, or off, got 'on'"),
        ("\nport =", r"expected TOML: Invalid value"),
        ("port = 1\nport = 2\n\n", r"expected TOML: .*line 2"),
        ("[" * 100_000, "expected "),
        ("x = " + "[" * 100_000, "expected lists of texts, got lists in lists"),
        (b"host = '\xff'", "expected UTF-8, got byte 8 that is none"),
        (b"#" * (MAX_FILE_BYTES + 1), "expected at most 1048576 bytes of settings, got more"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert re.match(said, refused(tmp_path, text))


@pytest.mark.parametrize("stated", ["missing.toml", ".", "server.toml/x"])
def test_a_named_file_that_cannot_be_read_is_an_error(tmp_path: Path, stated: str) -> None:
    written(tmp_path, "")
    path = tmp_path / stated
    for given in ({"file": str(path)}, {"environ": {"TALLYSTICK_CONFIG": str(path)}}):
        with pytest.raises(ConfigError, match=rf"^{tmp_path}.*: (there is no such|the settings)"):
            load_settings({}, **{"environ": {}, **given})  # type: ignore[arg-type]  # both fit
    with pytest.raises(ConfigError, match="--config: expected a path, got ''"):
        load_settings({}, {}, "")


@requirement("operations.settings")
def test_what_is_printed_is_a_file_that_gives_the_same_settings(tmp_path: Path) -> None:
    environ = {"TALLYSTICK_HOME": str(tmp_path), "TALLYSTICK_NAME": 'a "b" \\ \u00e9'}
    first = load_settings({"grpc_port": "off", "dashboard_hosts": "a,b"}, environ)
    lines = list(settings_lines(first))
    again = load_settings(
        {}, {"TALLYSTICK_HOME": str(tmp_path)}, written(tmp_path, "\n".join(lines))
    )
    assert again.config == first.config
    assert next(one for one in lines if one.startswith("grpc_port")).endswith("# --grpc-port")
    assert {f"# {area.heading}" for area in AREAS if area.settings} <= set(lines)
    assert any(
        line.startswith("max_records = 7 ") and line.endswith("# file")
        for line in settings_lines(load_settings({}, {}, written(tmp_path, "max_records = 7")))
    )


def test_each_setting_has_its_place_and_a_default_that_fits() -> None:
    config = load_service_config({}, {"TALLYSTICK_HOME": "/nowhere"})
    for area in AREAS:
        held = getattr(config, area.attribute)
        assert [one.attribute or one.name for one in area.settings] == list(held.__slots__)


def test_kinds_say_what_they_expect() -> None:
    words = Setting("word", one_of("off", "local", "all"), "off", "Words.")
    assert Sources({"word": " ALL "}, {}, None, {}).settle(words).value == "all"
    with pytest.raises(ConfigError, match="--word: expected off, local or all, got 'none'"):
        Sources({"word": "none"}, {}, None, {}).settle(words)
    assert ORIGINS.parse("https://A.example") == ("https://a.example",)
