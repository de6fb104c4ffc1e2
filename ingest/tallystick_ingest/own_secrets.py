"""The directory of a service's secrets: for its user alone, made so, closed with a word, or refused."""

import logging
from pathlib import Path
from typing import Final

from tallystick.errors import ConfigError, StoreError
from tallystick_store.own_directory import own_directory

NAME_FILE: Final = "name"
"""Holds the name of the log; the last secret that a first start makes."""
ACCOUNTS_FILE: Final = "accounts.json"
"""May stand there before the first start."""
_log = logging.getLogger("tallystick.secrets")


def own_secrets(directory: Path) -> None:
    """Make the directory (0700), or close it where it is ours or empty.

    Raises ConfigError for one that others may enter and that holds other things, and OSError.
    """
    try:
        said = own_directory(directory, (NAME_FILE, ACCOUNTS_FILE))
    except StoreError as error:
        raise ConfigError(f"the secrets: {error}") from None
    if said is not None:
        _log.warning("%s; whoever could write there could have replaced a key", said)
