"""Stores for tests: a log key, an emitter that prints real records and seals, a plain admission."""

import hashlib
import itertools
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path

import duckdb

from tallystick.event import Record, Statement, make_record
from tallystick.profile import encode
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.note import VerifierKey
from tallystick.tlog.seal import make_seal, parse_seal
from tallystick.tlog.tree import Frontier, leaf_hash
from tallystick.verify.policy import Policy
from tallystick.verify.report import Report
from tallystick.verify.verifier import verify
from tallystick_store.checkpoints import LogSigner
from tallystick_store.opening import DATABASE_NAME
from tallystick_store.rows import Admitted, EventRow, Row, SealRow, SpanBatch, SpanRow, View
from tallystick_store.schema import TABLES
from tallystick_store.source import DataSource
from tallystick_store.store import Store
from tallystick_store.writer import Writer
from tests.keys import KeyPair, key_pair
from tests.patience import PATIENCE_S

ORIGIN = "log.example/tenant"
START_US = 1_796_213_472_000_000

DELEGATION = "application/vnd.tallystick.session+json"

Rows = tuple[Row, ...]


LOG = key_pair(ORIGIN, "log")
EMITTER = key_pair("agents.example/emitter")


def log_signer(pair: KeyPair = LOG) -> LogSigner:
    return LogSigner(pair.name, pair.public_key, pair.sign)


def policy(*, log: VerifierKey = LOG.key) -> Policy:
    """What an auditor would trust: the log's key and the emitter's."""
    return Policy(log, (EMITTER.key,))


def open_store(directory: Path) -> Store:
    """Open a store that publishes only when it is told to."""
    return Store.open(directory, log_signer(), publish_interval_s=None)


def open_archived(directory: Path) -> Store:
    """As `open_store`, with subject keys beside the data directory, so that everything is archived."""
    return Store.open(
        directory,
        log_signer(),
        publish_interval_s=None,
        subject_keys=subject_keys(directory),
    )


def subject_keys(directory: Path) -> Path:
    """Return where `open_archived` keeps the keys of a data directory."""
    return directory.with_name(f"{directory.name}-secrets") / "subject-keys.sqlite"


def edit(directory: Path, sql: str) -> None:
    """Change the database of a stopped store as an intruder would."""
    with duckdb.connect(str(directory / DATABASE_NAME)) as connection:
        connection.execute(sql).fetchall()


def rows_of(directory: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table of a stopped store, sorted."""
    with duckdb.connect(str(directory / DATABASE_NAME), read_only=True) as connection:
        return {
            table.name: connection.execute(f'SELECT * FROM "{table.name}" ORDER BY ALL').fetchall()  # noqa: S608 - schema.py
            for table in TABLES
        }


def damage(file: Path, change: str) -> bytes:
    """Leave a file "edited" or "missing"; return what it held."""
    content = file.read_bytes()
    if change == "missing":
        file.unlink()
    else:
        file.write_bytes(content[:-9] + b"X" + content[-8:])
    return content


def verify_data(directory: Path) -> Report:
    """Run the whole verifier over a stopped store."""
    source = DataSource(directory)
    try:
        return verify(source, policy())
    finally:
        source.close()


def counting_salts(seed: str) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: hashlib.sha256(f"{seed} {next(numbers)}".encode()).hexdigest()[:32]


class Emitter:
    """One session: prints records in sequence and seals what it printed."""

    def __init__(self, name: str = "one") -> None:
        self.session = hashlib.sha256(name.encode()).hexdigest()[:32]
        self.keys = key_pair(f"tallystick.session/{self.session}")
        self.seq = 0
        self._salt = counting_salts(name)
        self._frontier = Frontier()
        self._unsealed: list[bytes] = []

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
        vkey = self.keys.key.vkey
        payload = encode(
            {"emitter": EMITTER.name, "key": vkey, "session": self.session, "time_us": START_US}
        )
        envelope = sign_envelope(DELEGATION, payload, EMITTER.key.key_id.hex(), EMITTER.sign)
        return EventRow(
            self.record(
                "session.open",
                session__key=vkey,
                session__delegation=envelope,
                emitter__name=EMITTER.name,
                emitter__key_id=EMITTER.key.key_id.hex(),
            )
        )

    def closed(self) -> EventRow:
        return EventRow(self.record("session.close", session__size=self.seq))

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
            self._frontier, self._unsealed, self.keys.name, self.keys.sign, self.keys.public_key
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
    return SpanBatch(tuple(SpanRow.of(span(number)) for number in numbers))


def keep_all(request: Rows, view: View) -> Admitted[int]:
    """Admit whatever is handed over; the verdict is the number of rows."""
    return Admitted("sender-1", request, len(request))


def keep_new(request: Rows, view: View) -> Admitted[int]:
    """Admit what is not kept yet; the verdict is the number of rows that are new."""
    new = tuple(row for row in request if not _is_kept(row, view))
    return Admitted("sender-1", new, len(new))


def _is_kept(row: Row, view: View) -> bool:
    if isinstance(row, EventRow):
        record = row.record
        kept = view.leaf_hashes(record.session, [record.seq]).get(record.seq, ())
        return record.leaf_hash in kept
    if isinstance(row, SealRow):
        size = row.seal.size
        return leaf_hash(row.body.encode()) in view.seal_hashes(row.session, [size]).get(size, ())
    return False


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


def write_new(store: Store, request: Rows) -> None:
    """Commit what of a request is not kept yet, as after a retry."""
    group = store.group()
    group.add(keep_new(request, group.view), START_US)
    if not group.is_empty:
        store.commit(group)


def filled(directory: Path, calls: int = 300) -> Emitter:
    """Leave a stopped store of one sealed session and so many calls."""
    store, emitter = open_store(directory), Emitter()
    write(store, [emitter.opened(), emitter.seal()])
    store.publisher.publish_now()
    write(store, [*(emitter.call(number) for number in range(calls)), emitter.seal()])
    store.close()
    return emitter


def writer(store: Store, clock: Callable[[], int] | None = None) -> Writer[Rows, int]:
    return Writer(store, keep_all, clock or Clock())


def results(futures: Iterable[Future[int]]) -> list[int]:
    return [future.result(PATIENCE_S) for future in futures]
