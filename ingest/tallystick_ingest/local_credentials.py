"""credentials.json: how programs of the same user on this machine find the service and its key."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from tallystick.credentials import (
    CREDENTIALS_FILE,
    Credentials,
    read_credentials,
    save_credentials,
)
from tallystick.errors import ConfigError
from tallystick_ingest.auth.api_keys import LOCAL_SCOPES, NewKey
from tallystick_ingest.enrolment import tenant_keys
from tallystick_ingest.service import Service

KEY_NAME: Final = "this machine"


def keep_credentials(service: Service, url: str) -> str:
    """Write the file where it is missing, bring it up to date where it is ours; say what was done.

    A file of another service, or with another log's keys, is left alone: the keys in it are somebody's
    anchor. Raises ConfigError when the file cannot be written.
    """
    path = service.config.core.home / CREDENTIALS_FILE
    held = read_credentials(path)
    ours = _ours(service, url)
    if held is not None and held.log_vkey and held.log_vkey != ours.log_vkey:
        return (
            f"{path} is of the log {held.tenant or 'of another service'} and stays as it is; "
            "move it away and start again, and programs here will find this service"
        )
    api_key = held.api_key if held is not None and service.ring.find(held.api_key) else ""
    try:
        if not api_key:
            _, api_key = service.create_api_key(NewKey(KEY_NAME, LOCAL_SCOPES))
        wanted = replace(ours, api_key=api_key)
        if held != wanted:
            save_credentials(path, wanted)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return _said(path)


def _ours(service: Service, url: str) -> Credentials:
    return Credentials(url=url, **tenant_keys(service.keys))


def _said(path: Path) -> str:
    return f"{path} (0600), found by `tallystick run` on this machine"
