"""Settings: one table, one frozen object, built once at the edge.

Each setting has a name in the environment, a key in ``config.toml`` of the home directory, a type, a
default and a sentence. An argument of `tallystick.instrument` wins over the environment, the environment
over the file, the file over the default. Nothing else in the SDK reads the environment.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.blob import MAX_BLOB_BYTES
from tallystick.errors import ConfigError

SYNC_MODES: Final = ("none", "group", "each")
WHEN_FULL: Final = ("drop", "block", "refuse")
MAX_VALUE_BYTES_LIMIT: Final = 500_000
"""Escaped twice, a value of this size still fits a disclosure line of 1,048,576 bytes."""
FILE_NAME: Final = "config.toml"
RULES_FILE_NAME: Final = "tallystick.toml"
_NEVER_SHOWN: Final = ("api_key", "endpoint")
"""Values that no message repeats: they may hold a secret."""
_WORDS: Final = {
    "1": True,
    "true": True,
    "yes": True,
    "on": True,
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting, checked. `SETTINGS` says what each means; `load_config` builds it."""

    home: Path
    endpoint: str | None
    api_key: str | None
    emitter_name: str | None
    service_name: str
    service_version: str | None
    environment: str | None
    agent_name: str | None
    spool_dir: Path
    sync: str
    spool_max_bytes: int
    spool_full: str
    spool_wait_ms: int
    required: tuple[str, ...]
    linger_ms: int
    batch: int
    heartbeat_s: int
    exit_flush_ms: int
    max_value_bytes: int
    max_blob_bytes: int
    rules: Path | None
    frameworks: tuple[str, ...]
    traces: bool
    receipts: bool
    disabled: bool

    def __repr__(self) -> str:
        """Show what is set, and never the API key."""
        key = "set" if self.api_key else "not set"
        return f"Config(home={str(self.home)!r}, endpoint={self.endpoint!r}, api_key: {key})"


Parse = Callable[[object], Any]
"""Reads a value from an argument, the environment or the file; raises ValueError with what it expected."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. `name` is the field of Config, the argument and the key of the file."""

    name: str
    parse: Parse
    default: object
    sentence: str
    fallback_env: str | None = None

    @property
    def env(self) -> str:
        """Name in the environment."""
        return f"TALLYSTICK_{self.name.upper()}"


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("text")


def _path(value: object) -> Path:
    if isinstance(value, str | os.PathLike) and str(value):
        return Path(value).expanduser()
    raise ValueError("a path")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    raise ValueError("true or false")


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("names separated by commas")


def _one_of(words: tuple[str, ...]) -> Parse:
    def parse(value: object) -> str:
        if value in words:
            return str(value)
        raise ValueError(" or ".join(words))

    return parse


def _endpoint(value: object) -> str:
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        if "@" in value:  # it would stand in every message about the service
            raise ValueError(
                "an address without a user and password; the key is a setting of its own"
            )
        return value.rstrip("/")
    raise ValueError("an address that begins with http:// or https://")


def _whole(low: int, high: int) -> Parse:
    def parse(value: object) -> int:
        try:
            number = (
                int(value)
                if isinstance(value, int | str) and not isinstance(value, bool)
                else low - 1
            )
        except ValueError:
            number = low - 1
        if low <= number <= high:
            return number
        raise ValueError(f"a whole number from {low} to {high}")

    return parse


SETTINGS: Final = (
    Setting("home", _path, "~/.tallystick", "Directory of keys, credentials and the spool (0700)."),
    Setting(
        "endpoint",
        _endpoint,
        None,
        "Address of the service; unset: that of credentials.json; none: spool only.",
    ),
    Setting("api_key", _text, None, "Key for the service; unset: that of credentials.json."),
    Setting(
        "emitter_name",
        _text,
        None,
        "Name of the identity key, used when it is made; unset: a random one.",
    ),
    Setting(
        "service_name", _text, "agent", "Name of this service in session.open.", "OTEL_SERVICE_NAME"
    ),
    Setting("service_version", _text, None, "Its version."),
    Setting("environment", _text, None, "Deployment environment, such as production."),
    Setting(
        "agent_name", _text, None, "Name of the agent, where no tallystick.agent() says another."
    ),
    Setting(
        "spool_dir", _path, None, "Directory of the spool; unset: spool in the home directory."
    ),
    Setting(
        "sync",
        _one_of(SYNC_MODES),
        "group",
        "none: records outlive the process; group: and, after a second, a power cut; each: at once.",
    ),
    Setting(
        "spool_max_bytes",
        _whole(16 * 1024**2, 2**50),
        2 * 1024**3,
        "Most bytes in the spool, of all processes that share it.",
    ),
    Setting(
        "spool_full",
        _one_of(WHEN_FULL),
        "drop",
        "When it is full and memory too: drop and count, block the caller, or refuse to run tools.",
    ),
    Setting(
        "spool_wait_ms",
        _whole(0, 600_000),
        1000,
        "With spool_full = block: longest wait of one record for room.",
    ),
    Setting(
        "required",
        _names,
        (),
        "Tools (shell patterns) that may not run unless their record is durable first.",
    ),
    Setting(
        "linger_ms", _whole(0, 1000), 50, "Longest time from a record to its seal, in milliseconds."
    ),
    Setting("batch", _whole(1, 4096), 512, "Most records under one seal."),
    Setting("heartbeat_s", _whole(1, 3600), 60, "Seconds between heartbeats."),
    Setting(
        "exit_flush_ms",
        _whole(0, 60_000),
        2000,
        "Longest wait for the service when the process exits.",
    ),
    Setting(
        "max_value_bytes",
        _whole(1024, MAX_VALUE_BYTES_LIMIT),
        262_144,
        "Arguments and results above this size are recorded as a preview, size and digest.",
    ),
    Setting(
        "max_blob_bytes",
        _whole(0, MAX_BLOB_BYTES),
        4 * 1024**2,
        "Of those, up to this size the whole is masked too, and kept as a blob; 0: no blobs.",
    ),
    Setting(
        "rules",
        _path,
        None,
        "File of masking rules; unset: tallystick.toml in the home directory, where there is one.",
    ),
    Setting(
        "frameworks", _names, ("auto",), "Frameworks to hook; auto: each that the program imports."
    ),
    Setting("traces", _flag, True, "Send spans of the calls to the endpoint."),
    Setting(
        "receipts",
        _flag,
        False,
        "Send a receipt with each MCP tool call, so that client and server record the same call provably.",
    ),
    Setting("disabled", _flag, False, "Record nothing at all."),
)
"""The table; docs/settings.md is made from it."""

BY_NAME: Final = {setting.name: setting for setting in SETTINGS}


def load_config(environ: Mapping[str, str] | None = None, /, **overrides: object) -> Config:
    """Build the settings. An override that is None counts as not given.

    Raises ConfigError for an unknown setting, a value that does not fit, or an unreadable file.
    """
    env = os.environ if environ is None else environ
    unknown = sorted(set(overrides) - set(BY_NAME))
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r}: expected one of {', '.join(BY_NAME)}")
    given = {name: value for name, value in overrides.items() if value is not None}
    home = _setting(BY_NAME["home"], given, env, {})
    stated = _file(home / FILE_NAME)
    values = {s.name: _setting(s, given, env, stated) for s in SETTINGS}
    values["spool_dir"] = values["spool_dir"] or home / "spool"
    values["rules"] = values["rules"] or _existing(home / RULES_FILE_NAME)
    return Config(**values)


def _existing(path: Path) -> Path | None:
    try:
        return path if path.exists() else None
    except OSError:  # the spool will say what is wrong with the home
        return None


def settings_table() -> str:
    """Return the table as Markdown."""
    head = "| Setting | Environment | Default | Meaning |\n|---|---|---|---|\n"
    rows = (f"| `{s.name}` | `{s.env}` | {_shown(s.default)} | {s.sentence} |\n" for s in SETTINGS)
    return head + "".join(rows)


def _shown(default: object) -> str:
    if default is None or default == ():
        return "unset"
    text = ",".join(default) if isinstance(default, tuple) else str(default).lower()
    return f"`{text}`"


def _file(path: Path) -> Mapping[str, object]:
    try:
        stated = tomllib.loads(path.read_text(encoding="utf-8"))
    except (
        FileNotFoundError,
        NotADirectoryError,
    ):  # the spool will say what is wrong with the home
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"cannot read the settings in {path}: {error}; correct or remove the file"
        ) from error
    unknown = sorted(set(stated) - (set(BY_NAME) - {"home"}))
    if unknown:
        known = ", ".join(name for name in BY_NAME if name != "home")
        raise ConfigError(f"unknown setting {unknown[0]!r} in {path}: expected one of {known}")
    return stated


def _setting(
    setting: Setting,
    given: Mapping[str, object],
    env: Mapping[str, str],
    stated: Mapping[str, object],
) -> Any:  # noqa: ANN401 - the type is that of the field
    for source, value in _candidates(setting, given, env, stated):
        try:
            return setting.parse(value)
        except ValueError as expected:
            shown = "another one" if setting.name in _NEVER_SHOWN else repr(value)[:80]
            raise ConfigError(f"{source}: expected {expected}, got {shown}") from None
    if isinstance(setting.default, str):
        return setting.parse(setting.default)
    return setting.default


def _candidates(
    setting: Setting,
    given: Mapping[str, object],
    env: Mapping[str, str],
    stated: Mapping[str, object],
) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    if setting.name in given:
        found.append((f"setting {setting.name}", given[setting.name]))
    if env.get(setting.env):
        found.append((f"environment variable {setting.env}", env[setting.env]))
    if setting.name in stated:
        found.append((f"{FILE_NAME}, key {setting.name}", stated[setting.name]))
    if setting.fallback_env and env.get(setting.fallback_env):
        found.append((f"environment variable {setting.fallback_env}", env[setting.fallback_env]))
    return found
