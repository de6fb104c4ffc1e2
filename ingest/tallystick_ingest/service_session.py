"""The service as an emitter: its own session, in which it states what it did and what it refused.

Lives in the writer thread alone, so that numbering and sealing need no lock. Each call gives the
records of one request and one seal over them, to be kept in the same commit as that request. If a
commit fails, the next call gives the lost rows once more: the session has no holes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallystick.event import Record, make_record
from tallystick.profile import encode
from tallystick.random_id import random_id
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.note import VerifierKey, verifier_key
from tallystick.tlog.seal import MAX_SEAL_LEAVES, make_seal, parse_seal
from tallystick.tlog.tree import Frontier
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.screening import DELEGATION_TYPE, SESSION_ORIGIN
from tallystick_store.rows import EventRow, Row, SealRow, View

SERVICE_SENDER: Final = "service"
_STATES_SIZE: Final = ("session.heartbeat", "session.close")
"""They state the number of leaves before them (docs/spec/seal.md)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """An Ed25519 key under a name, with its private half."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]

    @classmethod
    def of(cls, name: str, private_key: Ed25519PrivateKey) -> "Signer":
        """Name a private key."""
        public_key = private_key.public_key().public_bytes_raw()
        return cls(verifier_key(name, public_key), private_key.sign)


@dataclass(frozen=True, slots=True)
class _Emission:
    """What one call gave: rows that stand or fall together."""

    end: int
    """Size of the session after it."""
    rows: tuple[Row, ...]


class ServiceSession:
    """One run of the service. Not safe for several threads: the writer thread owns it."""

    def __init__(
        self,
        emitter: Signer,
        opening: Prepared,
        clock_us: Callable[[], int],
        new_salt: Callable[[], str] = random_id,
    ) -> None:
        """Make the session and its key; `opening` is what session.open says beside the keys."""
        self.session = new_salt()
        self._emitter = emitter
        self._opening = opening
        self._clock_us = clock_us
        self._new_salt = new_salt
        self._signer = Signer.of(SESSION_ORIGIN + self.session, Ed25519PrivateKey.generate())
        self._frontier = Frontier()
        self._unconfirmed: deque[_Emission] = deque()

    @property
    def size(self) -> int:
        """Number of records so far."""
        return self._frontier.size

    def emit(self, drafts: Sequence[Prepared], view: View) -> tuple[Row, ...]:
        """Return rows for `drafts`, numbered and sealed; before them session.open and what was lost."""
        if not self.size:
            self._append((self._open(),))
        for start in range(0, len(drafts), MAX_SEAL_LEAVES):
            self._append(drafts[start : start + MAX_SEAL_LEAVES])
        state = view.session(self.session)
        kept = state.max_seq + 1 if state else 0
        return tuple(row for one in self._unconfirmed if one.end > kept for row in one.rows)

    def confirm(self, size: int) -> None:
        """Forget the rows below `size`: their commit succeeded."""
        while self._unconfirmed and self._unconfirmed[0].end <= size:
            self._unconfirmed.popleft()

    def _append(self, drafts: Sequence[Prepared]) -> None:
        records = [self._record(draft, self.size + offset) for offset, draft in enumerate(drafts)]
        body, self._frontier = make_seal(
            self._frontier,
            [record.leaf_hash for record in records],
            self._signer.key.name,
            self._signer.sign,
            self._signer.key.public_key,
        )
        events = [EventRow(record, SERVICE_SENDER) for record in records]
        seal = SealRow(body, parse_seal(body), self.session, SERVICE_SENDER)
        self._unconfirmed.append(_Emission(self.size, (*events, seal)))

    def _record(self, draft: Prepared, seq: int) -> Record:
        statement = {**draft.statement, "session": self.session, "seq": seq}
        if statement["type"] in _STATES_SIZE:
            statement["session.size"] = seq
        return make_record(statement, draft.disclosures, self._new_salt)

    def _open(self) -> Prepared:
        emitter, vkey = self._emitter.key, self._signer.key.vkey
        delegation = {
            "emitter": emitter.name,
            "key": vkey,
            "session": self.session,
            "time_us": self._clock_us(),
        }
        key_id = emitter.key_id.hex()
        envelope = sign_envelope(DELEGATION_TYPE, encode(delegation), key_id, self._emitter.sign)
        statement = {
            **self._opening.statement,
            "session.key": vkey,
            "session.delegation": envelope,
            "emitter.name": emitter.name,
            "emitter.key_id": key_id,
        }
        return Prepared(statement, self._opening.disclosures)
