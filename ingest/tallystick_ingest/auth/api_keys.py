"""API keys: 256 random bits, of which only the SHA-256 is kept, with the scopes that each one has.

A key is shown once, when it is made. Its id names the sender in the log and says nothing of the key.
"""

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from tallystick.errors import ConfigError
from tallystick.private_file import replace_private_file

Scope = Literal[
    "ingest",
    "enroll",
    "read",
    "payload",
    "reveal",
    "export",
    "metrics",
    "sql",
    "retain",
    "delete.request",
    "delete.confirm",
    "keys",
    "admin",
]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
LOCAL_SCOPES: Final[tuple[Scope, ...]] = (
    *("ingest", "enroll", "read", "payload", "reveal", "export", "metrics", "sql"),
)
"""What the key of the same machine may do: send and read, and neither administer nor delete."""

KEY_PREFIX: Final = "tallystick_"
MAX_NAME_CHARS: Final = 64
_ID_BYTES: Final = 4
_SECRET_BYTES: Final = 32
_INDENT: Final = 2
_SHOWN_CHARS: Final = 32


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key. `id` stands in the log; `sha256` is hex, of the key's whole text."""

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created_us: int


class KeyRing:
    """The keys of one service, kept in one file. Safe to use from several threads."""

    def __init__(self, path: Path, clock_us: Callable[[], int]) -> None:
        """Read the keys in `path`; raise ConfigError when the file is not ours."""
        self._path = path
        self._clock_us = clock_us
        self._lock = threading.Lock()
        self._keys = _read(path)

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """Every key, in the order in which they were made."""
        return self._keys

    def create(self, name: str, scopes: Iterable[str]) -> tuple[ApiKey, str]:
        """Make a key and write the file before returning it; the text is never shown again.

        Raises ConfigError for a scope that does not exist, no scope, and a name that is too long;
        OSError when the file cannot be written.
        """
        wanted = _checked_scopes(scopes)
        if not name.strip() or len(name) > MAX_NAME_CHARS or not name.isprintable():
            raise ConfigError(
                f"a key's name has 1 to {MAX_NAME_CHARS} printable characters, got {len(name)}"
            )
        text = KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        with self._lock:
            key = ApiKey(self._new_id(), name, _sha256(text), wanted, self._clock_us())
            kept = (*self._keys, key)
            replace_private_file(self._path, _print(kept))
            self._keys = kept
        return key, text

    def find(self, text: str) -> ApiKey | None:
        """Return the key with this text, None for none; takes as long for each as for another."""
        digest = _sha256(text)
        found: ApiKey | None = None
        for key in self._keys:
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def is_known(self, text: str) -> bool:
        """Whether a key was given out here; it may be worth nothing by now."""
        return self.find(text) is not None

    def _new_id(self) -> str:
        taken = {key.id for key in self._keys}
        while (fresh := f"key-{secrets.token_hex(_ID_BYTES)}") in taken:
            continue
        return fresh


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        shown = ", ".join(repr(scope[:_SHOWN_CHARS]) for scope in unknown[:1]) or "none"
        raise ConfigError(f"scopes are one or more of {', '.join(SCOPES)}, got {shown}")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _print(keys: tuple[ApiKey, ...]) -> bytes:
    return json.dumps({"keys": [asdict(key) for key in keys]}, indent=_INDENT).encode() + b"\n"


def _read(path: Path) -> tuple[ApiKey, ...]:
    try:
        return tuple(
            ApiKey(**{**entry, "scopes": tuple(entry["scopes"])})
            for entry in json.loads(path.read_bytes())["keys"]
        )
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} does not hold API keys ({type(error).__name__}): restore it from a copy, or "
            "move it away and start the service to make new keys"
        ) from error
