"""Logging in by name and password: one check at a time, slower after each failure, one answer for all.

A name under which there is no account takes as long, and is slowed as much, as one that exists. What
remembers failures is bounded, and keeps digests of names: what was typed there may be a password.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from tallystick.errors import AdmissionError, AuthenticationError
from tallystick_ingest.auth.accounts import Account, AccountBook
from tallystick_ingest.auth.passwords import is_password, nobodys_password
from tallystick_ingest.otlp.incoming import BusyError

FREE_FAILURES: Final = 5
"""Slips of the pen that cost nothing."""
LONGEST_DELAY_S: Final = 60.0
"""NIST SP 800-63B-4, section 3.2.2 wants guesses limited; a minute bounds what a stranger can do to
somebody whose name they know."""
FORGET_AFTER_S: Final = 3_600.0
MAX_NAMES: Final = 10_000
MAX_WAITING: Final = 8
"""Log-ins at one time, one of them being checked; a further one gets a 503."""


class TooManyAttemptsError(AdmissionError):
    """This name was tried too often just now: 429."""

    def __init__(self, wait_s: float) -> None:
        """Say how long to wait, in seconds."""
        self.wait_s = max(1, ceil(wait_s))
        super().__init__(
            f"too many attempts under this name: try again in {self.wait_s} s, "
            "or use a link of `tallystick up --admin-link`"
        )


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float

    def wait_s(self, now_s: float) -> float:
        """Return how long this name has to wait; nothing below FREE_FAILURES."""
        excess = self.count - FREE_FAILURES
        delay_s = min(LONGEST_DELAY_S, 2.0 ** min(excess, 16)) if excess >= 0 else 0.0
        return self.last_s + delay_s - now_s


class Login:
    """Checks passwords. Safe to use from several threads."""

    def __init__(self, accounts: AccountBook, monotonic_s: Callable[[], float]) -> None:
        """Check against `accounts`."""
        self._accounts = accounts
        self._monotonic_s = monotonic_s
        self._nobody = nobodys_password(accounts.cost)
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._checking = threading.Lock()
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def account(self, name: str, password: str) -> Account:
        """Return the account of a name and its password.

        Raises AuthenticationError with one text for every reason, TooManyAttemptsError, and
        BusyError when others are being checked.
        """
        if not self._waiting.acquire(blocking=False):
            raise BusyError("others are logging in: try again in a second")
        try:
            with self._checking:
                return self._checked(name, password)
        finally:
            self._waiting.release()

    def _checked(self, name: str, password: str) -> Account:
        key = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()
        self._require_patience(key)
        account = self._accounts.named(name)
        is_right = is_password(password, account.password if account else self._nobody)
        if account is None or not is_right:
            self._note_failure(key)
            raise AuthenticationError("name and password do not belong together")
        self._failures.pop(key, None)
        return account

    def _require_patience(self, key: str) -> None:
        now_s = self._monotonic_s()
        failures = self._failures.get(key)
        if failures is None:
            return
        if now_s - failures.last_s > FORGET_AFTER_S:
            del self._failures[key]
        elif failures.wait_s(now_s) > 0:
            raise TooManyAttemptsError(failures.wait_s(now_s))

    def _note_failure(self, key: str) -> None:
        failures = self._failures.setdefault(key, _Failures(0, 0.0))
        failures.count += 1
        failures.last_s = self._monotonic_s()
        self._failures.move_to_end(key)
        while len(self._failures) > MAX_NAMES or self._is_oldest_over(failures.last_s):
            self._failures.popitem(last=False)

    def _is_oldest_over(self, now_s: float) -> bool:
        oldest = next(iter(self._failures.values()))
        return now_s - oldest.last_s > FORGET_AFTER_S
