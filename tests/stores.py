"""Stores for tests: a log key, an emitter that prints real records and seals, a plain admission."""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallystick.event import Record, Statement, make_record
from tallystick.profile import encode
from tallystick.tlog.note import encode_vkey
from tallystick.tlog.seal import make_seal, parse_seal
from tallystick.tlog.tree import Frontier
from tallystick_store.checkpoints import LogSigner
from tallystick_store.rows import Admitted, EventRow, Row, SealRow, SpanBatch, View
from tallystick_store.store import Store
from tallystick_store.writer import Writer

ORIGIN = "log.example/tenant"
START_US = 1_796_213_472_000_000

Rows = tuple[Row, ...]


def private_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(seed.encode()).digest())


def log_signer(origin: str = ORIGIN, seed: str = "log key") -> LogSigner:
    key = private_key(seed)
    return LogSigner(origin, key.public_key().public_bytes_raw(), key.sign)


def open_store(directory: Path, **options: object) -> Store:
    """Open a store that publishes only when it is told to."""
    return Store.open(directory, log_signer(), publish_interval_s=None)


def counting_salts(seed: str) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: hashlib.sha256(f"{seed} {next(numbers)}".encode()).hexdigest()[:32]


class Emitter:
    """One session: prints records in sequence and seals what it printed."""

    def __init__(self, name: str = "emitter") -> None:
        self.session = hashlib.sha256(name.encode()).hexdigest()[:32]
        self.key = private_key(f"session {name}")
        self.origin = f"tallystick.session/{self.session}"
        self.seq = 0
        self._salt = counting_salts(name)
        self._frontier = Frontier()
        self._unsealed: list[bytes] = []

    @property
    def vkey(self) -> str:
        return encode_vkey(self.origin, self.key.public_key().public_bytes_raw())

    def record(
        self,
        type_: str = "tool.completed",
        disclosures: dict[str, str] | None = None,
        **fields: object,
    ) -> Record:
        statement: Statement = {
            "type": type_,
            "session": self.session,
            "seq": self.seq,
            "time_us": START_US + self.seq,
            "origin": "native",
        }
        statement |= {name.replace("__", "."): value for name, value in fields.items()}
        record = make_record(statement, disclosures or {}, self._salt)
        self.seq += 1
        self._unsealed.append(record.leaf_hash)
        return record

    def opened(self) -> EventRow:
        return EventRow(self.record("session.open", session__key=self.vkey, emitter__name="e"))

    def call(self, number: int = 0, **fields: object) -> EventRow:
        return EventRow(
            self.record(
                "tool.completed",
                {"params": f'{{"n":{number}}}', "principal.id": f"person-{number}"},
                action__id=f"{number:032x}",
                tool__name="lookup",
                outcome="success",
                roles=["reader"],
                mask__hits={"params:email": number},
                tool__read_only=True,
                **fields,
            )
        )

    def seal(self) -> SealRow:
        body, self._frontier = make_seal(
            self._frontier,
            self._unsealed,
            self.origin,
            self.key.sign,
            self.key.public_key().public_bytes_raw(),
        )
        self._unsealed = []
        return SealRow(body, parse_seal(body), self.session)


def span(number: int, trace_id: str = "ab" * 16) -> bytes:
    """Print one span record."""
    return encode(
        {
            "attributes": "{}",
            "end_ns": str(number + 10),
            "events": "[]",
            "hits": {},
            "kind": 1,
            "links": "[]",
            "name": f"span {number}",
            "parent_id": "",
            "resource": "{}",
            "scope": "test",
            "scope_version": "1",
            "service": "svc",
            "span_id": f"{number:016x}",
            "start_ns": str(number),
            "status": 0,
            "status_message": "",
            "trace_id": trace_id,
        }
    )


def spans(*numbers: int) -> SpanBatch:
    return SpanBatch(tuple(span(number) for number in numbers))


def keep_all(request: Rows, view: View) -> Admitted[int]:
    """Admit whatever is handed over; the verdict is the number of rows."""
    return Admitted("sender-1", request, len(request))


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self, now_us: int = START_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


def write(store: Store, *requests: Iterable[Row], clock: Callable[[], int] | None = None) -> None:
    """Commit each request as a group of its own."""
    for request in requests:
        group = store.group()
        group.add(Admitted("sender-1", tuple(request), None), (clock or Clock())())
        store.commit(group)


def writer(store: Store, clock: Callable[[], int] | None = None) -> Writer[Rows, int]:
    return Writer(store, keep_all, clock or Clock())


def results(futures: Iterable[Future[int]]) -> list[int]:
    return [future.result(timeout=30) for future in futures]
