"""A whole log in memory for tests: honest emitters, a tenant log, and the packages made from it.

Everything is printed by the product's own record, seal, entry and checkpoint code with keys of fixed
seeds, so the same calls give the same bytes. What an attacker does to it is up to the test.
"""

import hashlib
import io
import itertools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tallystick.event import Record, Statement, make_record, parse_statement
from tallystick.profile import JsonValue, encode
from tallystick.tlog.checkpoint import Checkpoint, read_checkpoint, sign_checkpoint
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.encoding import to_base64
from tallystick.tlog.entry import Entry, encode_entry
from tallystick.tlog.proofs import (
    LeafNodes,
    consistency_proof_from,
    inclusion_proof_from,
    range_proof_from,
)
from tallystick.tlog.seal import make_seal, parse_seal
from tallystick.tlog.tree import Frontier, leaf_hash, root_of
from tallystick.verify.policy import Policy, print_policy
from tallystick.verify.source import DeletedText, EventText, SealText, SpansText
from tallystick_store.checkpoints import LogSigner
from tallystick_store.evidence.package import write_package
from tests.keys import KeyPair, key_pair

ORIGIN = "log.example/tenant"
START_US = 1_796_213_472_000_000
SECOND_US = 1_000_000
DELEGATION_TYPE = "application/vnd.tallystick.session+json"

Content = EventText | SealText | SpansText


class Row(NamedTuple):
    """One content of a log as a service keeps it."""

    content: Content
    sender: str
    rx_us: int


@dataclass
class Log:
    """A tenant log; each accepted content is one second after the one before."""

    key: KeyPair = field(default_factory=lambda: key_pair(ORIGIN))
    entries_list: list[bytes] = field(default_factory=list)
    contents: list[Content] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    emitters: list[KeyPair] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    """What is kept of the blobs that disclosures name, by SHA-256 in hex."""
    now_us: int = START_US

    def accept(self, content: Content, sender: str = "sender-1") -> int:
        """Append an entry for a content; return its log index."""
        index = len(self.entries_list)
        self.now_us += SECOND_US
        self.rows.append(Row(content, sender, self.now_us))
        self.contents.append(content._replace(log_index=index))
        self.entries_list.append(encode_entry(entry_of(content, sender, self.now_us)))
        return index

    def publish(self) -> str:
        """Sign a checkpoint of what is there."""
        head = Checkpoint(self.key.name, len(self.entries_list), self.root())
        self.notes.append(sign_checkpoint(head, self.key.sign, self.key.public_key))
        return self.notes[-1]

    def root(self) -> bytes:
        return root_of([leaf_hash(entry) for entry in self.entries_list])

    def policy(self, **changes: object) -> Policy:
        emitters = tuple(emitter.key for emitter in self.emitters)
        return Policy(**{"log": self.key.key, "emitters": emitters, **changes})  # type: ignore[arg-type]

    def signer(self) -> LogSigner:
        return LogSigner(self.key.name, self.key.public_key, self.key.sign)

    def package(self, start: int = 0, stop: int | None = None) -> bytes:
        """Write the package of the entries [start, stop), chosen by their times."""
        reader, out = LogReader(self), io.BytesIO()
        last = reader.tree_size if stop is None else stop
        from_us, to_us = (START_US + (index + 1) * SECOND_US for index in (start, last))
        write_package(reader, from_us, to_us, out, self.signer(), START_US)
        return out.getvalue()


def rewritten(log: Log, edit: Callable[[list[Row]], None], key: KeyPair | None = None) -> Log:
    """Return the log that an operator makes up: edited rows, entries and checkpoints all anew.

    The checkpoints stand at the old sizes, as far as the new log reaches, and at its end. `key`
    signs them, the log's own unless another is given.
    """
    rows = list(log.rows)
    edit(rows)
    made_up = Log(key or log.key, emitters=list(log.emitters))
    sizes = {read_checkpoint(note).size for note in log.notes}
    for row in rows:
        index = len(made_up.entries_list)
        if index in sizes:
            made_up.publish()
        made_up.rows.append(row)
        made_up.contents.append(row.content._replace(log_index=index))
        made_up.entries_list.append(encode_entry(entry_of(row.content, row.sender, row.rx_us)))
    made_up.publish()
    return made_up


def entry_of(content: Content, sender: str, rx_us: int) -> Entry:
    """Return the entry that commits to a content."""
    if isinstance(content, EventText):
        return Entry("event", sender, leaf_hash(content.statement.encode()), rx_us)
    if isinstance(content, SealText):
        return Entry("seal", sender, leaf_hash(content.body.encode()), rx_us)
    root = root_of([leaf_hash(record.encode()) for record in content.records])
    return Entry("spans", sender, root, rx_us, len(content.records))


class LogReader:
    """An EvidenceReader over a Log in memory."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.checkpoint = log.notes[-1]
        self.tree_size = read_checkpoint(self.checkpoint).size
        self._nodes = LeafNodes([leaf_hash(entry) for entry in log.entries_list])
        self.claimed_keys = print_policy(log.policy())
        self.blobs = log.blobs

    def received_between(self, from_us: int, to_us: int) -> tuple[int, int]:
        times = [START_US + (index + 1) * SECOND_US for index in range(self.tree_size)]
        start = sum(time < from_us for time in times)
        return start, max(start, sum(time < to_us for time in times))

    def entries(self, start: int, stop: int) -> Iterator[bytes]:
        return iter(self._log.entries_list[start:stop])

    def stored_events(self, start: int, stop: int) -> Iterator[EventText]:
        return (one for one in self._log.contents[start:stop] if isinstance(one, EventText))

    def stored_seals(self, start: int, stop: int) -> Iterator[SealText]:
        return (one for one in self._log.contents[start:stop] if isinstance(one, SealText))

    def stored_spans(self, start: int, stop: int) -> Iterator[SpansText]:
        return (one for one in self._log.contents[start:stop] if isinstance(one, SpansText))

    def blob(self, sha256: str) -> bytes | None:
        return self.blobs.get(sha256)

    def events(self, session: str, first_seq: int, last_seq: int) -> list[EventText]:
        found = []
        for event in self.stored_events(0, self.tree_size):
            statement = parse_statement(event.statement.encode())
            if statement["session"] == session and first_seq <= statement["seq"] <= last_seq:
                found.append(event)
        return found

    def seals(self, session: str, first_seq: int, last_seq: int) -> list[SealText]:
        found = []
        for text in self.stored_seals(0, self.tree_size):
            seal = parse_seal(text.body)
            is_over = seal.old_size <= last_seq and seal.size > first_seq
            if is_over and seal.origin == f"tallystick.session/{session}":
                found.append(text)
        return found

    def deleted(self, _start: int, _stop: int) -> Iterator[DeletedText]:
        return iter(())

    def deleted_of(self, _session: str, _first_seq: int, _last_seq: int) -> list[DeletedText]:
        return []

    def deletion_sets(self, _authorised_by: Collection[int]) -> dict[int, list[int]]:
        return {}

    def authority(self) -> list[EventText]:
        return []

    def recoveries(self, session: str) -> list[EventText]:
        return [
            event
            for event in self.stored_events(0, self.tree_size)
            if parse_statement(event.statement.encode()).get("recovered.session") == session
        ]

    def checkpoints(self, above: int, up_to: int) -> Iterator[str]:
        return (note for note in self._log.notes if above < read_checkpoint(note).size <= up_to)

    def inclusion_proof(self, log_index: int) -> list[bytes]:
        return inclusion_proof_from(self._nodes, self.tree_size, log_index)

    def consistency_proof(self, size: int) -> list[bytes]:
        return consistency_proof_from(self._nodes, size, self.tree_size)

    def range_proof(self, start: int, stop: int) -> tuple[list[bytes], list[bytes]]:
        return range_proof_from(self._nodes, self.tree_size, start, stop)


def counting_salts(seed: str) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: hashlib.sha256(f"{seed} {next(numbers)}".encode()).hexdigest()[:32]


class Session:
    """One honest session of an emitter, which ships to a log."""

    def __init__(
        self, log: Log, name: str = "one", emitter: KeyPair | None = None, sender: str = "sender-1"
    ) -> None:
        self.log = log
        self.sender = sender
        self.id = hashlib.sha256(name.encode()).hexdigest()[:32]
        self.key = key_pair(f"tallystick.session/{self.id}")
        self.emitter = emitter or key_pair("emitter.example/agent")
        if all(self.emitter.name != known.name for known in log.emitters):
            log.emitters.append(self.emitter)
        self.seq = 0
        self.records: list[Record] = []
        self.frontier = Frontier()
        self._salt = counting_salts(name)

    def delegation(self) -> str:
        claim = {
            "emitter": self.emitter.name,
            "key": self.key.key.vkey,
            "session": self.id,
            "time_us": START_US,
        }
        key_id = self.emitter.key.key_id.hex()
        return sign_envelope(DELEGATION_TYPE, encode(claim), key_id, self.emitter.sign)

    def record(
        self, type_: str, disclosures: dict[str, str] | None = None, **fields: JsonValue
    ) -> Record:
        """Print the next record; `__` in a field's name stands for a dot."""
        statement: Statement = {
            "type": type_,
            "session": self.id,
            "seq": self.seq,
            "time_us": START_US + self.seq,
            "origin": "native",
        }
        statement |= {name.replace("__", "."): value for name, value in fields.items()}
        record = make_record(statement, disclosures or {}, self._salt)
        self.seq += 1
        self.records.append(record)
        return record

    def ship(self, record: Record) -> int:
        """Hand a record to the log; return its log index."""
        lines = tuple(disclosure.line for disclosure in record.disclosures)
        return self.log.accept(EventText(0, record.line.decode(), lines), self.sender)

    def open(self, **changes: JsonValue) -> int:
        fields: dict[str, JsonValue] = {
            "session__key": self.key.key.vkey,
            "session__delegation": self.delegation(),
            "emitter__name": self.emitter.name,
            "emitter__key_id": self.emitter.key.key_id.hex(),
        }
        index = self.ship(self.record("session.open", **{**fields, **changes}))
        self.seal()
        return index

    def call(self, number: int = 0, *, head: str | None = None, **fields: JsonValue) -> int:
        """Record one tool call; `head` is a checkpoint note that the emitter has seen."""
        if head is not None:
            seen = read_checkpoint(head)
            stated: dict[str, JsonValue] = {
                "log__origin": seen.origin,
                "log__size": seen.size,
                "log__root": to_base64(seen.root),
            }
            fields = stated | fields
        disclosures = {"params": f'{{"n":{number}}}', "principal.id": f"person-{number}"}
        usual: dict[str, JsonValue] = {
            "action__id": f"{number:032x}",
            "tool__name": "lookup",
            "outcome": "success",
        }
        return self.ship(self.record("tool.completed", disclosures, **(usual | fields)))

    def heartbeat(self) -> int:
        return self.ship(self.record("session.heartbeat", session__size=self.seq))

    def close(self) -> int:
        index = self.ship(self.record("session.close", session__size=self.seq))
        self.seal()
        return index

    def recover(self, dead: "Session") -> int:
        """Adopt every leaf of a dead session that no seal of it covers."""
        tail = dead.records[dead.frontier.size :]
        return self.ship(
            self.record(
                "session.recovered",
                recovered__session=dead.id,
                recovered__first_seq=dead.frontier.size,
                recovered__leaves=[to_base64(record.leaf_hash) for record in tail],
            )
        )

    def seal(self) -> int:
        """Seal what is not sealed yet and ship the seal."""
        return self.log.accept(SealText(0, self.seal_body()), self.sender)

    def seal_body(self) -> str:
        leaves = [record.leaf_hash for record in self.records[self.frontier.size :]]
        body, self.frontier = make_seal(
            self.frontier, leaves, self.key.name, self.key.sign, self.key.public_key
        )
        return body


def span_record(number: int = 1, **changes: JsonValue) -> str:
    """Print one span record."""
    span: dict[str, JsonValue] = {
        "attributes": "{}",
        "end_ns": str((START_US + 10) * 1000),
        "events": "[]",
        "hits": {},
        "kind": 1,
        "links": "[]",
        "name": "tools/call lookup",
        "parent_id": "",
        "resource": "{}",
        "scope": "test",
        "scope_version": "1",
        "service": "svc",
        "span_id": f"{number:016x}",
        "start_ns": str(START_US * 1000),
        "status": 0,
        "status_message": "",
        "trace_id": f"{number:032x}",
    }
    return encode({**span, **changes}).decode()


def sample_log() -> Log:
    """A log of four sessions of two emitters: entanglement, spans, a recovery, a silent end."""
    return fill(Log())


def fill(log: Log) -> Log:
    """Let four honest sessions ship to a log."""
    first, second = (
        Session(log, "first"),
        Session(log, "second", key_pair("emitter.example/other"), "sender-2"),
    )
    first.open()
    second.open()
    for number in range(5):
        first.call(number)
    first.seal()
    log.accept(SpansText(0, (span_record(1), span_record(2))))
    note = log.publish()
    for number in range(5, 9):
        second.call(number, head=note)
    first.heartbeat()
    second.seal()
    first.seal()
    dead = Session(log, "dead")
    dead.open()
    dead.call(20, head=note)
    dead.call(21)
    note = log.publish()
    heir = Session(log, "heir")
    heir.open()
    heir.recover(dead)
    heir.call(
        30,
        head=note,
        trace__id=f"{1:032x}",
        span__id=f"{1:016x}",
        span__start_us=START_US,
        span__end_us=START_US + 10,
        mcp__method="tools/call",
    )
    heir.seal()
    first.close()
    heir.close()
    log.accept(SpansText(0, (span_record(3),)))
    log.publish()
    return log
