"""Where a setting comes from: an option wins over the environment, that over the file, the file over the default.

The file is TOML with one key for each setting: that of `--config`, else that of TALLYSTICK_CONFIG, else
`server.toml` in the home, where there is one.
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.errors import ConfigError
from tallystick_ingest.settings.setting import PATH, Setting

FILE_NAME: Final = "server.toml"
FILE_OPTION: Final = "--config"
FILE_ENV: Final = "TALLYSTICK_CONFIG"
DEFAULT: Final = "default"
MAX_FILE_BYTES: Final = 1 << 20
"""Ours: all settings with long lists take less than a hundredth of it."""
_MAX_SHOWN: Final = 80
_SHOWN_INT_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class Settled:
    """The value of one setting, and what said so."""

    setting: Setting
    value: Any
    source: str
    """The option, the variable, the file, or `default`."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What is stated, before the defaults."""

    given: Mapping[str, str | None]
    """Name of the setting -> value of the option; None: not given."""
    environ: Mapping[str, str]
    file: Path | None
    """None: no file is read."""
    stated: Mapping[str, object]
    """What stands in the file."""

    def settle(self, setting: Setting) -> Settled:
        """Find the value that wins; raise ConfigError, with its source, for one that does not fit."""
        option, variable = self.given.get(setting.name), self.environ.get(setting.env)
        if option is not None:
            return _settled(setting, option, setting.option)
        if variable:
            return _settled(setting, variable, setting.env)
        if setting.name in self.stated:
            return _of_file(setting, self.stated[setting.name], f"{self.file}: {setting.name}")
        if setting.default is None:
            return Settled(setting, setting.kind.unset, DEFAULT)
        return _settled(setting, setting.default, DEFAULT)


def find_sources(
    settings: Sequence[Setting],
    given: Mapping[str, str | None],
    environ: Mapping[str, str],
    file: str | None = None,
) -> Sources:
    """Read the file, where there is one; raise ConfigError for one that cannot be understood whole."""
    by_name = {setting.name: setting for setting in settings}
    home = Sources(given, environ, None, {}).settle(by_name["home"])
    path, is_stated = _path_of(file, environ, home.value)
    stated = _read(path, is_stated=is_stated)
    if stated is None:
        return Sources(given, environ, None, {})
    for key in stated:
        if key not in by_name:
            raise ConfigError(f"{path}: {_shown(key)} is no setting{_near(key, list(by_name))}")
    if not is_stated and "home" in stated:
        told = _of_file(by_name["home"], stated["home"], f"{path}: home")
        if told.value != home.value:
            raise ConfigError(
                f"{told.source}: this file was found in the home {home.value} and cannot name "
                f"another one; remove the line, or name the file with {FILE_OPTION}"
            )
    return Sources(given, environ, path, stated)


def _path_of(file: str | None, environ: Mapping[str, str], home: Path) -> tuple[Path, bool]:
    """Return which file to read, and whether somebody named it: one that is named must be there."""
    text, source = (file, FILE_OPTION) if file is not None else (environ.get(FILE_ENV), FILE_ENV)
    if not text and source == FILE_ENV:
        return home / FILE_NAME, False
    try:
        path: Path = PATH.parse(text or "")
    except ValueError:
        raise ConfigError(f"{source}: expected a path, got {_shown(text)}") from None
    return path, True


def _read(path: Path, *, is_stated: bool) -> Mapping[str, object] | None:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if is_stated:
            raise ConfigError(f"{path}: there is no such file ({FILE_OPTION})") from None
        return None
    except OSError as error:
        raise ConfigError(
            f"{path}: the settings cannot be read: {error.strerror}; make the file readable"
        ) from None
    if len(data) > MAX_FILE_BYTES:
        raise ConfigError(f"{path}: expected at most {MAX_FILE_BYTES} bytes of settings, got more")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected UTF-8, got byte {error.start} that is none") from None
    except RecursionError:
        raise ConfigError(f"{path}: expected lists of texts, got lists in lists") from None
    except ValueError as error:
        raise ConfigError(f"{path}: expected TOML: {error}") from None


def _settled(setting: Setting, text: str, source: str) -> Settled:
    try:
        return Settled(setting, setting.kind.parse(text), source)
    except ValueError:
        raise _misfit(setting, text, source) from None


def _of_file(setting: Setting, value: object, source: str) -> Settled:
    """Take a value of the file only in the type that it is written in."""
    text = _text_of(setting, value)
    if text is None:
        raise _misfit(setting, value, source)
    try:
        return Settled(setting, setting.kind.parse(text), source)
    except ValueError:
        raise _misfit(setting, value, source) from None


def _text_of(setting: Setting, value: object) -> str | None:
    if type(value) not in setting.kind.written:
        return None
    if isinstance(value, int):
        return None if value.bit_length() > _SHOWN_INT_BITS else str(value)
    if isinstance(value, list):
        is_plain = all(isinstance(one, str) and "," not in one for one in value)
        return ",".join(value) if is_plain else None
    return str(value)


def _misfit(setting: Setting, value: object, source: str) -> ConfigError:
    return ConfigError(f"{source}: expected {setting.kind.expected}, got {_shown(value)}")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > _SHOWN_INT_BITS:
        return "a larger number"
    if isinstance(value, dict):
        return "a table: settings stand in none"
    if isinstance(value, str | int | float):
        return repr(value)[:_MAX_SHOWN]
    return "a list" if isinstance(value, list) else "a date or time"


def _near(key: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(key[:_MAX_SHOWN], names, 1)
    return f": did you mean {near[0]}?" if near else "; `tallystick config` prints all of them"
