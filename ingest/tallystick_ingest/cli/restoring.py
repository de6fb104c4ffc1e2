"""The commands on a stopped service's directories: rebuild."""

import argparse
from collections.abc import Sequence
from typing import Final

from tallystick.errors import ConfigError
from tallystick.private_file import make_files_private
from tallystick_ingest.cli.settled import add_settings, loaded_settings
from tallystick_ingest.settings.core import CoreSettings

_SETTINGS: Final = ("home", "data", "secrets")
_SHOWN: Final = 20


def rebuild(arguments: Sequence[str]) -> int:
    """Make the database of a stopped service anew from its archive and journal."""
    parser = argparse.ArgumentParser(prog="tallystick rebuild", description=rebuild.__doc__)
    add_settings(parser, _SETTINGS)
    core = loaded_settings(parser.parse_args(list(arguments))).config.core
    make_files_private()
    require_secrets(core)
    from tallystick_ingest.service_keys import load_service_keys  # noqa: PLC0415 - slow to import
    from tallystick_store.archive.database import rebuild_database  # noqa: PLC0415
    from tallystick_store.archive.subject_keys import SUBJECT_KEYS_NAME  # noqa: PLC0415

    keys = load_service_keys(core.secrets, None)
    made = rebuild_database(core.data, keys.log.key, core.secrets / SUBJECT_KEYS_NAME)
    print(
        f"{core.data}: {made.size} entries, from {made.parts} parts of the archive and {made.groups} groups"
        " of the journal; the tree is that of the newest checkpoint"
    )
    for notice in made.notices:
        print(f"  note: {notice}")
    if made.lost:
        shown = ", ".join(map(str, made.lost[:_SHOWN]))
        print(
            f"  {len(made.lost)} records have no values: their subject keys are gone, and no erasure"
            f" says why; log index {shown}{', ...' if len(made.lost) > _SHOWN else ''}"
        )
    if made.replaced is not None:
        print(f"  the old database stands in {made.replaced}; remove it when nobody needs it")
    return 1 if made.lost else 0


def require_secrets(core: CoreSettings) -> None:
    """Raise ConfigError where the secrets are not there; a command like these makes none."""
    if not (core.secrets / "name").is_file():
        raise ConfigError(f"{core.secrets} holds no secrets of a service: name it with --secrets")
