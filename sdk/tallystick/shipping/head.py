"""The emitter's half of the tally: the newest checkpoint of the service's log that this machine has seen.

A checkpoint from the service replaces the one that is held only if the pinned log key signed it, its size
has not shrunk, and a consistency proof leads from the old tree to the new one. Anything else is an alarm,
kept on disk, and the old checkpoint stays: a log that was rewritten contradicts what emitters hold.
"""

import base64
import binascii
import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tallystick.clock import Clock
from tallystick.errors import ShipError, VerificationError
from tallystick.private_file import Stamp, replace_private_file, stamp_of
from tallystick.profile import JsonValue
from tallystick.shipping.client import Transport
from tallystick.tlog.checkpoint import Checkpoint, open_checkpoint
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import VerifierKey
from tallystick.tlog.proofs import verify_consistency

DIRECTORY: Final = "log-head"
ALARM_SUFFIX: Final = ".alarm"
CONSISTENCY_PATH: Final = "/api/v1/log/consistency"
MAX_NOTE_BYTES: Final = 16_384
MAX_ALARMS: Final = 20
CHECK_INTERVAL_S: Final = 1.0
"""A busy service signs five checkpoints a second; following one a second is close enough."""

_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint that was checked, and the exact note that says so."""

    checkpoint: Checkpoint
    note: str

    def statement(self) -> dict[str, JsonValue]:
        """Return what each event states from now on."""
        return {
            "log.origin": self.checkpoint.origin,
            "log.size": self.checkpoint.size,
            "log.root": base64.b64encode(self.checkpoint.root).decode(),
        }

    def header(self) -> str:
        """Return the value of the `Tallystick-Checkpoint` header."""
        return base64.b64encode(self.note.encode()).decode()


class HeadKeeper:
    """Keeps the head of one log, in memory and on disk. For the background thread alone."""

    def __init__(
        self, home: Path, log_key: VerifierKey, clock: Clock, on_head: Callable[[Head], None]
    ) -> None:
        """Read the head and the alarms that are on disk; a head that does not verify is an alarm.

        `on_head` is told each head that was checked, the one on disk first.
        """
        name = hashlib.sha256(log_key.name.encode()).hexdigest()[:16]
        self._path = home / DIRECTORY / name
        self._alarm_path = home / DIRECTORY / f"{name}{ALARM_SUFFIX}"
        self._key = log_key
        self._clock = clock
        self._verify = load_verify()
        self._on_head = on_head
        self._next_check_s = clock.monotonic_s()
        self._stored: Stamp | None = None
        self.head: Head | None = None
        self.alarms: list[str] = self._read_alarms()
        stored = self._read_head()
        if stored is not None:
            self._take(stored)

    def observe(self, header: str, transport: Transport) -> None:
        """Look at a checkpoint that the service sent along. Never raises: what is wrong becomes an alarm."""
        if self.head is not None and header == self.head.header():
            return
        now_s = self._clock.monotonic_s()
        if now_s < self._next_check_s:
            return
        self._next_check_s = now_s + CHECK_INTERVAL_S
        try:
            self._follow(_decode(header), transport)
        except VerificationError as error:
            self._alarm(str(error), header)
        except (
            ShipError
        ):  # no proof could be fetched: no new head, and nothing that contradicts the old
            return

    def _follow(self, note: str, transport: Transport) -> None:
        new = Head(open_checkpoint(note, [self._key], self._verify), note)
        if self.head is not None:
            self._check_growth(self.head.checkpoint, new.checkpoint, transport)
        self._take(new)
        with contextlib.suppress(OSError):  # held in memory all the same
            self._store(new)

    def _take(self, head: Head) -> None:
        self.head = head
        self._on_head(head)

    def _check_growth(self, old: Checkpoint, new: Checkpoint, transport: Transport) -> None:
        if new.size < old.size:
            raise VerificationError(
                f"the log has shrunk from {old.size} to {new.size} entries: it was cut or restored"
            )
        if new.size == old.size and new.root != old.root:
            raise VerificationError(f"the log has two roots at size {old.size}: it was rewritten")
        if old.size in (0, new.size):
            return
        proof = _fetch_proof(transport, old.size, new.size)
        try:
            verify_consistency(old.size, new.size, proof, old.root, new.root)
        except VerificationError as error:
            raise VerificationError(
                f"the log at size {new.size} does not extend what it was at size {old.size}: it was rewritten ({error})"
            ) from None

    def _store(self, new: Head) -> None:
        """Keep the larger of what is on disk (another process may know more) and this one."""
        if not self._is_ours():
            stored = self._read_head()
            if stored is not None and stored.checkpoint.size > new.checkpoint.size:
                return
        self._stored = replace_private_file(
            self._path,
            new.note.encode(),
            is_name_synced=False,  # a power cut may bring the head before back, which is as true
        )

    def _is_ours(self) -> bool:
        """Whether what is on disk is what this process wrote there, which it knows."""
        try:
            return self._stored is not None and stamp_of(self._path) == self._stored
        except OSError:
            return False

    def _read_head(self) -> Head | None:
        try:
            note = self._path.read_text(encoding="utf-8")
            return Head(open_checkpoint(note, [self._key], self._verify), note)
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError, VerificationError) as error:
            self._alarm(f"the log head kept on this machine cannot be used: {error}", "")
            return None

    def _read_alarms(self) -> list[str]:
        try:
            lines = self._alarm_path.read_text(encoding="utf-8").splitlines()
            return [str(json.loads(line)["alarm"]) for line in lines]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, KeyError, TypeError) as error:
            return [f"{self._alarm_path} holds alarms that cannot be read: {error}"]

    def _alarm(self, text: str, header: str) -> None:
        """Raise an alarm once, with the evidence: the checkpoint held and the one shown."""
        if text in self.alarms or len(self.alarms) >= MAX_ALARMS:
            return
        self.alarms.append(text)
        held = self.head.header() if self.head else ""
        line = {
            "alarm": text,
            "held": held,
            "shown": header[:MAX_NOTE_BYTES],
            "time_us": self._clock.now_us(),
        }
        with contextlib.suppress(OSError):  # stays in memory and in the status
            kept = self._alarm_path.read_bytes() if self._alarm_path.exists() else b""
            replace_private_file(self._alarm_path, kept + json.dumps(line).encode() + b"\n")


def _decode(header: str) -> str:
    if len(header) > MAX_NOTE_BYTES:
        raise VerificationError(
            f"a checkpoint header of {len(header)} bytes, limit {MAX_NOTE_BYTES}"
        )
    try:
        return base64.b64decode(header, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise VerificationError("a checkpoint header that is no base64 of a note") from None


def _fetch_proof(transport: Transport, old_size: int, new_size: int) -> list[bytes]:
    answer = transport.get(f"{CONSISTENCY_PATH}?old={old_size}&new={new_size}")
    if answer.status != _OK:
        raise ShipError(f"no consistency proof: the service answers {answer.status}")
    try:
        stated: Mapping[str, list[str]] = json.loads(answer.body)
        return [base64.b64decode(text, validate=True) for text in stated["proof"]]
    except (ValueError, KeyError, TypeError):
        raise VerificationError("the answer of the service is no consistency proof") from None
