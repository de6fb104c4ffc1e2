"""The commands that keep a service from being lost: backup, restore."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from secrets import token_hex
from typing import Final

from tallystick.errors import ConfigError
from tallystick.private_file import make_files_private
from tallystick_ingest.cli.keeping import moved
from tallystick_ingest.cli.restoring import require_secrets
from tallystick_ingest.cli.settled import add_settings, loaded_settings

_SETTINGS: Final = ("home", "data", "secrets")


def backup(arguments: Sequence[str]) -> int:
    """Write a backup of the running service into a new directory; no value stands in it in clear."""
    parser = argparse.ArgumentParser(prog="tallystick backup", description=backup.__doc__)
    parser.add_argument("directory", type=Path, help="a directory that does not exist yet")
    parser.add_argument(
        "--keys",
        type=Path,
        help="also copy the subject keys, to be kept elsewhere; over an older copy",
    )
    add_settings(parser, _SETTINGS)
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_store.archive.subject_keys import (  # noqa: PLC0415
        SUBJECT_KEYS_NAME,
        SubjectKeys,
    )

    make_files_private()
    target = chosen.directory.absolute()
    core = loaded_settings(chosen).config.core
    if chosen.keys is not None:
        require_secrets(core)
    if target.exists():
        raise ConfigError(f"{target} exists already: name a directory that does not exist yet")
    made = Questions.of_this_machine().post("/api/v1/backup", {"name": f"taken-{token_hex(8)}"})
    moved(made["directory"], target)
    print(f"{target}: {made['entries']} entries; restore it with `tallystick restore {target}`")
    if made["blobs_left"]:
        print(f"  {made['blobs_left']} large values that no record names yet are not in it")
    if chosen.keys is None:
        print(
            f"  it cannot be read without {core.secrets / SUBJECT_KEYS_NAME}: copy that with --keys"
        )
    else:
        SubjectKeys(core.secrets / SUBJECT_KEYS_NAME).copy_to(chosen.keys.absolute())
        print(f"  subject keys: {chosen.keys}; keep the newest copy only, apart from the backup")
    return 0


def restore(arguments: Sequence[str]) -> int:
    """Put a backup back into an empty data directory, without what was erased since."""
    parser = argparse.ArgumentParser(prog="tallystick restore", description=restore.__doc__)
    parser.add_argument("backup", type=Path, help="the directory that `tallystick backup` wrote")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        action="append",
        default=[],
        help="a signed checkpoint of this log that was seen elsewhere; repeatable",
    )
    parser.add_argument(
        "--ledger",
        type=Path,
        action="append",
        default=[],
        help="a newer ledger of erasures (erasures.ndjson); repeatable",
    )
    parser.add_argument(
        "--as-evidence",
        action="store_true",
        help="restore a log that went on elsewhere: to be read, never to be signed again",
    )
    add_settings(parser, _SETTINGS)
    chosen = parser.parse_args(list(arguments))
    core = loaded_settings(chosen).config.core
    make_files_private()
    require_secrets(core)
    from tallystick_ingest.service_keys import load_service_keys  # noqa: PLC0415 - slow to import
    from tallystick_store.archive.subject_keys import SUBJECT_KEYS_NAME  # noqa: PLC0415
    from tallystick_store.governance.restore import Known  # noqa: PLC0415
    from tallystick_store.governance.restore import restore as put_back  # noqa: PLC0415

    key = load_service_keys(core.secrets, None).log.key
    known = Known(tuple(_note(path) for path in chosen.checkpoint), tuple(chosen.ledger))
    made = put_back(
        chosen.backup,
        core.data,
        key,
        core.secrets / SUBJECT_KEYS_NAME,
        known,
        as_evidence=chosen.as_evidence,
    )
    print(f"{core.data}: {made.backup.size} entries and {made.blobs} large values")
    if made.erasures:
        print(f"  {made.erasures} erasures are carried out when the service starts")
    if made.database.lost:
        print(f"  {len(made.database.lost)} records have no values: their subject keys are gone")
    if made.fork is not None:
        print(f"  nothing is signed any more: {made.fork}")
        print("  begin a new log with other directories: tallystick up --data NEW --secrets NEW")
    return 1 if made.database.lost else 0


def _note(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--checkpoint: {path} cannot be read: {error}") from None
