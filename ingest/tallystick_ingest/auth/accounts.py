"""Accounts: people with a name, a password and a role, kept in one file of the secrets directory.

`tallystick accounts` writes the file; a running service looks at it before each use, so that an account
that was removed is gone at once.
"""

import fcntl
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tallystick.errors import ConfigError
from tallystick.private_file import replace_private_file
from tallystick_ingest.auth.api_keys import Scope
from tallystick_ingest.auth.passwords import COST, Cost, PasswordHash, hash_password
from tallystick_ingest.auth.reaches import reach_of, shown_reach
from tallystick_ingest.auth.roles import ROLES, SCOPES_OF_ROLE, Role
from tallystick_ingest.own_secrets import ACCOUNTS_FILE, own_secrets
from tallystick_store.reach import OPEN, Reach

MAX_ACCOUNT_NAME_CHARS: Final = 64

_LOCK_FILE: Final = "accounts.lock"
_ID_BYTES: Final = 4
_INDENT: Final = 2


@dataclass(frozen=True, slots=True)
class Account:
    """One account. `id` stands in the log; the name does so in an erasable line alone."""

    id: str
    name: str
    role: Role
    password: PasswordHash
    created_us: int
    reach: Reach = OPEN

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What the role may do."""
        return SCOPES_OF_ROLE[self.role]


class AccountBook:
    """The accounts in one directory. Safe to use from several threads and processes."""

    def __init__(self, directory: Path, clock_us: Callable[[], int], cost: Cost = COST) -> None:
        """Read the accounts; raise ConfigError when the file is not ours."""
        self._directory = directory
        self._path = directory / ACCOUNTS_FILE
        self._clock_us = clock_us
        self.cost = cost
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] | None = None
        self._accounts: tuple[Account, ...] = ()
        self._look()

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Every account as the file holds it now, in the order in which they were made.

        Raises ConfigError when the file was damaged meanwhile.
        """
        with self._lock:
            self._look()
            return self._accounts

    def named(self, name: str) -> Account | None:
        """Return the account of this name."""
        return next((one for one in self.accounts if one.name == name), None)

    def with_id(self, id_: str) -> Account | None:
        """Return the account of this id; None once it was removed."""
        return next((one for one in self.accounts if one.id == id_), None)

    def add(self, name: str, role: str, password: str, reach: Reach = OPEN) -> Account:
        """Make an account; durable when this returns.

        Raises ConfigError for a name that is taken or cannot be one, an unknown role and a password
        that may not be one; OSError when the file cannot be written.
        """
        _require_name(name)
        known = next((one for one in ROLES if one == role), None)
        if known is None:
            raise ConfigError(f"a role is one of {', '.join(ROLES)}, got {role[:32]!r}")
        hashed = hash_password(password, self.cost)
        with self._changing() as accounts:
            if any(one.name == name for one in accounts):
                raise ConfigError(
                    f"there is an account {name!r} already: remove it first, or take another name"
                )
            account = Account(_new_id(accounts), name, known, hashed, self._clock_us(), reach)
            accounts.append(account)
        return account

    def remove(self, name: str) -> None:
        """Remove an account, and its sessions with it; ConfigError when there is none."""
        with self._changing() as accounts:
            kept = [one for one in accounts if one.name != name]
            if len(kept) == len(accounts):
                names = ", ".join(one.name for one in accounts) or "none"
                raise ConfigError(f"there is no account {name[:64]!r}: there are {names}")
            accounts[:] = kept

    @contextmanager
    def _changing(self) -> Iterator[list[Account]]:
        """Give the accounts to change, alone among all processes, and write them."""
        own_secrets(self._directory)
        descriptor = os.open(self._directory / _LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            accounts = list(self.accounts)
            yield accounts
            replace_private_file(self._path, _print(accounts))
        finally:
            os.close(descriptor)

    def _look(self) -> None:
        """Read the file again when it is another one than before."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen, self._accounts = None, ()
            return
        except OSError as error:
            raise ConfigError(f"cannot read {self._path}: {error.strerror}") from error
        seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        if seen != self._seen:
            self._accounts = _read(self._path)
            self._seen = seen


def _require_name(name: str) -> None:
    if not name.strip() or len(name) > MAX_ACCOUNT_NAME_CHARS or not name.isprintable():
        raise ConfigError(
            f"an account's name has 1 to {MAX_ACCOUNT_NAME_CHARS} printable characters, "
            f"got {len(name)}"
        )


def _new_id(accounts: list[Account]) -> str:
    taken = {one.id for one in accounts}
    while (fresh := f"account-{secrets.token_hex(_ID_BYTES)}") in taken:
        continue
    return fresh


def _print(accounts: list[Account]) -> bytes:
    stated = {"accounts": [{**asdict(one), "reach": shown_reach(one.reach)} for one in accounts]}
    return json.dumps(stated, indent=_INDENT).encode() + b"\n"


def _read(path: Path) -> tuple[Account, ...]:
    try:
        return tuple(map(_account, json.loads(path.read_bytes())["accounts"]))
    except (OSError, ValueError, KeyError, TypeError, ConfigError) as error:
        raise ConfigError(
            f"{path} does not hold accounts ({type(error).__name__}): restore it from a copy, or "
            "move it away and add the accounts again"
        ) from error


def _account(stated: Any) -> Account:  # noqa: ANN401 - JSON
    kept = stated["password"]
    password = PasswordHash(str(kept["salt"]), str(kept["hash"]), Cost(**kept["cost"]))
    reach = reach_of(stated["reach"])
    account = Account(**{**stated, "password": password, "reach": reach})
    if account.role not in ROLES or not isinstance(account.name, str):
        raise ValueError("role")
    return account
