"""API keys: 256 random bits, of which only the SHA-256 is kept, with what each one may do and until when.

A key is shown once, when it is made. Its id names the sender in the log and says nothing of the key. One
that was revoked stays listed, and opens nothing from the moment on at which `revoke` returns.
"""

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from tallystick.errors import ConfigError
from tallystick.private_file import replace_private_file
from tallystick_ingest.auth.limits import AS_SET, CallerLimits
from tallystick_ingest.auth.reaches import reach_of, shown_reach
from tallystick_store.reach import OPEN, Reach

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
MAX_KEYS: Final = 10_000
"""Revoked ones included: the file is written whole at each change."""
_ID_BYTES: Final = 4
_SECRET_BYTES: Final = 32
_INDENT: Final = 2
_SHOWN_CHARS: Final = 32
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key. `id` stands in the log; `sha256` is hex, of the key's whole text."""

    id: str
    name: str
    sha256: str
    scopes: tuple[str, ...]
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    used_on: str | None = None
    """The day, in UTC, on which it was last used: 2026-11-23."""
    reach: Reach = OPEN
    limits: CallerLimits = AS_SET

    def has_expired(self, now_us: int) -> bool:
        """Whether its time is over."""
        return self.expires_us is not None and now_us >= self.expires_us


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a key is to be."""

    name: str
    scopes: tuple[str, ...]
    reach: Reach = OPEN
    expires_us: int | None = None
    limits: CallerLimits = AS_SET


class KeyRing:
    """The keys of one service, kept in one file. Safe to use from several threads."""

    def __init__(self, path: Path, clock_us: Callable[[], int]) -> None:
        """Read the keys in `path`; raise ConfigError when the file is not ours."""
        self._path = path
        self._clock_us = clock_us
        self._lock = threading.Lock()
        self._used: dict[str, str] = {}
        self._hold(_read(path))

    @property
    def keys(self) -> tuple[ApiKey, ...]:
        """Every key, in the order in which they were made, with the day on which it was last used."""
        used = dict(self._used)
        return tuple(
            replace(key, used_on=used.get(key.id, key.used_on)) for key in self._by_digest.values()
        )

    def create(self, name: str, scopes: Iterable[str]) -> tuple[ApiKey, str]:
        """Make a key of the whole reach that does not expire, see `add`."""
        return self.add(NewKey(name, tuple(scopes)))

    def add(self, wanted: NewKey) -> tuple[ApiKey, str]:
        """Make a key and write the file before returning it; the text is never shown again.

        Raises ConfigError for a scope that does not exist, no scope, a name that is too long, a time that
        is over and a ring that is full; OSError when the file cannot be written.
        """
        now_us = self._clock_us()
        scopes = checked_scopes(wanted.scopes)
        _require_name(wanted.name)
        if wanted.expires_us is not None and wanted.expires_us <= now_us:
            raise ConfigError("a key expires in the future: this time is over")
        text = KEY_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        with self._lock:
            if len(self._by_digest) >= MAX_KEYS:
                raise ConfigError(f"there are {MAX_KEYS} keys, which is the most that are kept")
            key = ApiKey(
                *(self._new_id(), wanted.name, _sha256(text), scopes, now_us),
                expires_us=wanted.expires_us,
                reach=wanted.reach,
                limits=wanted.limits,
            )
            self._write((*self.keys, key))
        return key, text

    def discard(self, id_: str) -> None:
        """Forget a key that was made and told to nobody, durably. Raises OSError."""
        with self._lock:
            self._write(tuple(key for key in self.keys if key.id != id_))

    def revoke(self, id_: str) -> ApiKey | None:
        """Revoke a key, durably; from then on nobody is let in by it. None when there is no such key.

        A key that was revoked before stays as it is. Raises OSError.
        """
        return self._change(id_, lambda key: replace(key, revoked_us=self._clock_us()))

    def limit(self, id_: str, limits: CallerLimits) -> ApiKey | None:
        """Give a key other limits, durably; as `revoke` otherwise."""
        return self._change(id_, lambda key: replace(key, limits=limits))

    def _change(self, id_: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        with self._lock:
            found = next((key for key in self.keys if key.id == id_), None)
            if found is None or found.revoked_us is not None:
                return found
            changed = change(found)
            self._write(tuple(changed if key.id == id_ else key for key in self.keys))
        return changed

    def find(self, text: str) -> ApiKey | None:
        """Return the key with this text, None for none and for one that was revoked.

        Found by its digest: how long that takes tells nothing about the text. The caller looks whether it
        has expired.
        """
        key = self._by_digest.get(_sha256(text))
        if key is None or key.revoked_us is not None:
            return None
        day = _day(self._clock_us())
        if self._used.get(key.id, key.used_on) != day:
            self._used[key.id] = day
        return key

    def keep_used(self) -> None:
        """Write down on which day each key was last used, where that is new. Raises OSError."""
        if not self._used:
            return
        with self._lock:
            self._write(self.keys)

    def _write(self, keys: tuple[ApiKey, ...]) -> None:
        replace_private_file(self._path, _print(keys))
        self._hold(keys)

    def _hold(self, keys: tuple[ApiKey, ...]) -> None:
        self._by_digest = {key.sha256: key for key in keys}
        kept = {key.id: key.used_on for key in keys}
        self._used = {id_: day for id_, day in self._used.items() if kept.get(id_) != day}

    def is_known(self, text: str) -> bool:
        """Whether a key was given out here; it may be worth nothing by now."""
        return _sha256(text) in self._by_digest

    def _new_id(self) -> str:
        taken = {key.id for key in self._by_digest.values()}
        while (fresh := f"key-{secrets.token_hex(_ID_BYTES)}") in taken:
            continue
        return fresh


def checked_scopes(scopes: Iterable[str]) -> tuple[Scope, ...]:
    """Return scopes in their order, each once; raise ConfigError for one that does not exist, and for none."""
    wanted = set(scopes)
    unknown = sorted(wanted - set(SCOPES))
    if unknown or not wanted:
        shown = ", ".join(repr(scope[:_SHOWN_CHARS]) for scope in unknown[:1]) or "none"
        raise ConfigError(f"scopes are one or more of {', '.join(SCOPES)}, got {shown}")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _require_name(name: str) -> None:
    if not name.strip() or len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise ConfigError(
            f"a key's name has 1 to {MAX_NAME_CHARS} printable characters, got {len(name)}"
        )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _day(now_us: int) -> str:
    return datetime.fromtimestamp(now_us // _US_PER_S, UTC).date().isoformat()


def _print(keys: tuple[ApiKey, ...]) -> bytes:
    stated = [{**asdict(key), "reach": shown_reach(key.reach)} for key in keys]
    return json.dumps({"keys": stated}, indent=_INDENT).encode() + b"\n"


def _read(path: Path) -> tuple[ApiKey, ...]:
    try:
        return tuple(map(_key, json.loads(path.read_bytes())["keys"]))
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError, ConfigError) as error:
        raise ConfigError(
            f"{path} does not hold API keys ({type(error).__name__}): restore it from a copy, or "
            "move it away and start the service to make new keys"
        ) from error


def _key(stated: Mapping[str, Any]) -> ApiKey:
    """Read one key; one of an unknown scope or reach is damage, and never a wider key."""
    made = {
        **stated,
        "scopes": checked_scopes(stated["scopes"]),
        "reach": reach_of(stated["reach"]),
        "limits": CallerLimits(**stated.get("limits", {})),
    }
    key = ApiKey(**made)
    times = (key.created_us, key.expires_us or 0, key.revoked_us or 0)
    if not all(isinstance(one, int) for one in times) or not isinstance(key.sha256, str):
        raise TypeError("key")
    return key
