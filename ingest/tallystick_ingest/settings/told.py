"""The settings in force, as a file of settings with the source of each behind it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tallystick_ingest.settings import AREAS, Loaded
from tallystick_ingest.settings.setting import Setting

_VALUE_COLUMNS: Final = 40


def settings_lines(loaded: Loaded) -> Iterator[str]:
    """Give the lines; what is unset is a comment."""
    yield f"# file: {loaded.file or 'none'}"
    for one in AREAS:
        if one.settings:
            yield ""
            yield f"# {one.heading}"
        held = getattr(loaded.config, one.attribute)
        for setting in one.settings:
            yield _line(setting, getattr(held, setting.attribute or setting.name), loaded)


def _line(setting: Setting, value: object, loaded: Loaded) -> str:
    source = loaded.settled[setting.name].source
    if loaded.file is not None and source.startswith(f"{loaded.file}: "):
        source = "file"
    written = _written(setting, value)
    if written is None:
        return f"# {setting.name} is unset"
    return f"{f'{setting.name} = {written}'.ljust(_VALUE_COLUMNS)}  # {source}"


def _written(setting: Setting, value: object) -> str | None:
    """Return a value as TOML."""
    if value is None:
        return '"off"' if setting.default is not None else None
    if isinstance(value, int):
        return str(value).lower()
    if isinstance(value, tuple):
        return json.dumps(list(value), ensure_ascii=False)
    assert isinstance(value, str | Path)  # noqa: S101 - there are no other kinds
    return json.dumps(str(value), ensure_ascii=False)
