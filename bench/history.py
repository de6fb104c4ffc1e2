"""A store with a history of any length: sessions, traces, calls of agents' tools, spans, seals.

Rows go into the database as the service's own would, in the order of arrival, through the tables of the
schema; the texts of calls repeat (bench/templates.py). About 26 µs an event. What the service does on the
way (signatures, masking, the journal) is measured elsewhere.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.templates import Call, Template, make_calls, plain
from tallystick.profile import encode
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier, leaf_hash
from tallystick_store.schema import (
    EVENTS,
    SEALS,
    SPANS,
    arrow_types,
)

PERIOD_US: Final = 30 * 24 * 3_600_000_000
CALLS: Final = 1_500
LIVE_PAIRS: Final = 25
SESSION_EVENTS: Final = 500
FLUSH_EVENTS: Final = 246_000
SENDER: Final = "key-00000001"
_KEY: Final = Ed25519PrivateKey.generate()
_PUBLIC: Final = _KEY.public_key().public_bytes_raw()
SPAN_NS: Final = 900_000
_SPAN: Final = {
    "attributes": '{"db.system":"postgresql","db.statement":"select one"}',
    "end_ns": "%(end)s",
    "events": "[]",
    "hits": {},
    "kind": 3,
    "links": "[]",
    "name": "look up",
    "parent_id": "%(parent)s",
    "resource": '{"service.name":"desk"}',
    "scope": "db",
    "scope_version": "1",
    "service": "desk",
    "span_id": "%(span)s",
    "start_ns": "%(start)s",
    "status": 0,
    "status_message": "",
    "trace_id": "%(trace)s",
}
SPAN_TEXT: Final = encode(_SPAN).decode()
_OPEN: Final = plain("session.open", **{"emitter.name": "bench.example", "service.name": "desk"})
_CLOSE: Final = plain("session.close", **{"session.reason": "done"})


@dataclass(slots=True)
class _Session:
    id: str
    seq: int = 0
    frontier: Frontier = field(default_factory=Frontier)
    leaves: list[bytes] = field(default_factory=list)


class History:
    """Makes `events` events that end at `now_us`; the same seed gives the same calls."""

    def __init__(self, events: int, now_us: int, seed: int = 1) -> None:
        """Make the calls that will repeat."""
        self.events = events
        self.now_us = now_us
        self._source = random.Random(seed)  # noqa: S311 - a load that can be repeated
        self._calls = make_calls(self._source, CALLS)
        self._templates: dict[int, int] = {}
        self._kept: list[Template] = []
        self._of_kept: pa.Table | None = None
        self._step_us = max(1, PERIOD_US // events)
        self._time_us = now_us - PERIOD_US
        self._log_index = 0
        self.written = 0
        self._rows: dict[str, dict[str, list[Any]]] = {}
        self._clear()

    @property
    def log_size(self) -> int:
        """Number of log entries that were made."""
        return self._log_index

    def batches(self) -> Iterator[dict[str, pa.Table]]:
        """Yield rows by table, in the order of the log: all that was made since the time before."""
        pairs = [(self._open(), self._open()) for _ in range(LIVE_PAIRS)]
        while self.written < self.events:
            number = self._source.randrange(LIVE_PAIRS)
            agent, server = pairs[number]
            self._step(agent, server)
            if agent.seq >= SESSION_EVENTS:
                for one in (agent, server):
                    self._event(one, _CLOSE, "", "", "")
                    self._seal(one)
                pairs[number] = (self._open(), self._open())
            if len(self._rows["events"]["log_index"]) >= FLUSH_EVENTS:
                yield self._taken()
        yield self._taken()

    def _step(self, agent: _Session, server: _Session) -> None:
        """Write what both processes of an agent tell of a few traces, and one batch of spans."""
        spans: list[tuple[str, str, str]] = []
        seen: list[tuple[Call, str, str]] = []
        for _ in range(self._source.randrange(4, 25)):
            trace = self._hex(16)
            for _ in range(self._source.randrange(1, 4)):
                call, span = self._source.choice(self._calls), self._hex(8)
                seen.append((call, trace, span))
                self._tell(agent, call, trace, span)
                spans.append((trace, self._hex(8), span))
        self._seal(agent)
        for call, trace, span in seen:
            if self._source.random() < 0.9:  # noqa: PLR2004 - the others have no server that tells
                self._event(server, call.server, trace, span[::-1], self._hex(16))
        self._seal(server)
        self._add_spans(spans)

    def _tell(self, agent: _Session, call: Call, trace: str, span: str) -> None:
        drawn, action = self._source.random(), self._hex(16)
        if drawn < 0.05:  # noqa: PLR2004 - a foreign span tells of it
            self._event(agent, call.derived, trace, span, action)
            return
        if drawn < 0.35:  # noqa: PLR2004 - tools that may change something
            self._event(agent, call.started, trace, span, action)
        if drawn > 0.055:  # noqa: PLR2004 - some never end
            self._event(agent, call.client, trace, span, action)

    def _open(self) -> _Session:
        session = _Session(self._hex(16))
        self._event(session, _OPEN, "", "", "")
        self._seal(session)
        return session

    def _event(
        self, session: _Session, template: Template, trace: str, span: str, action: str
    ) -> None:
        if id(template) not in self._templates:
            self._templates[id(template)] = len(self._kept)
            self._kept.append(template)
        self._time_us += self._step_us
        start_us = self._time_us - template.duration_us
        filled: dict[str, object] = {
            "session": session.id,
            "seq": session.seq,
            "time_us": self._time_us,
            "action": action,
            "trace": trace,
            "span": span,
            "nonce": action or session.id,
            "start_us": start_us,
        }
        statement = template.text % filled
        digest = hashlib.sha256(b"\x00" + statement.encode()).digest()
        has_times = bool(template.duration_us)
        cells = {
            "template": self._templates[id(template)],
            "statement": statement,
            "leaf_hash": digest,
            "session": session.id,
            "seq": session.seq,
            "time_us": self._time_us,
            "action_id": action or None,
            "trace_id": trace or None,
            "span_id": span or None,
            "span_start_us": start_us if has_times else None,
            "span_end_us": self._time_us if has_times else None,
        }
        session.leaves.append(digest)
        session.seq += 1
        self.written += 1
        self._add("events", cells)
        self._log_index += 1

    def _seal(self, session: _Session) -> None:
        old_size = session.frontier.size
        body, session.frontier = make_seal(
            session.frontier, session.leaves, f"tallystick.session/{session.id}", _KEY.sign, _PUBLIC
        )
        session.leaves = []
        cells = {
            "leaf_hash": leaf_hash(body.encode()),
            "session": session.id,
            "old_size": old_size,
            "size": session.frontier.size,
            "root": session.frontier.root(),
            "body": body,
        }
        self._add("seals", cells)
        self._log_index += 1

    def _add_spans(self, spans: list[tuple[str, str, str]]) -> None:
        start_ns = self._time_us * 1000
        for position, (trace, span, parent) in enumerate(spans):
            ids = {"trace": trace, "span": span, "parent": parent}
            record = SPAN_TEXT % {**ids, "start": start_ns, "end": start_ns + SPAN_NS}
            cells = {
                "position": position,
                "leaf_hash": leaf_hash(record.encode()),
                "record": record,
                "trace_id": trace,
                "span_id": span,
                "parent_id": parent,
                "start_ns": start_ns,
                "end_ns": start_ns + SPAN_NS,
            }
            self._add("spans", cells)
        self._log_index += 1

    def _add(self, table: str, cells: dict[str, Any]) -> None:
        rows = self._rows[table]
        rows["log_index"].append(self._log_index)
        rows["rx_us"].append(self._time_us)
        for name, value in cells.items():
            rows[name].append(value)

    def _clear(self) -> None:
        stamp = ("log_index", "rx_us", "leaf_hash")
        own = ("statement", "session", "seq", "time_us", "action_id", "trace_id", "span_id")
        times = ("span_start_us", "span_end_us")
        spans = ("trace_id", "span_id", "parent_id", "start_ns", "end_ns")
        seals = ("session", "old_size", "size", "root", "body")
        self._rows = {
            "events": {name: [] for name in (*stamp, "template", *own, *times)},
            "seals": {name: [] for name in (*stamp, *seals)},
            "spans": {name: [] for name in (*stamp, "position", "record", *spans)},
        }

    def _taken(self) -> dict[str, pa.Table]:
        """Return the rows so far as batches, and begin anew."""
        batches = {}
        for table in (EVENTS, SEALS, SPANS):
            types, cells = arrow_types(table), self._rows[table.name]
            chosen = cells.pop("template", None)
            found = {name: pa.array(values, types[name]) for name, values in cells.items()}
            if chosen is not None:
                found |= self._of_templates(pa.array(chosen, pa.int32()))
            if table is SPANS:
                found |= {
                    name: pa.repeat(pa.scalar(_SPAN[name], types[name]), len(found["log_index"]))
                    for name in ("name", "kind", "status", "service", "scope")
                }
            found["sender"] = pa.array([SENDER] * len(found["log_index"]))
            batches[table.name] = pa.table(found)
        self._clear()
        return batches

    def _of_templates(self, chosen: pa.Array) -> dict[str, pa.Array]:
        if self._of_kept is None or len(self._of_kept) < len(self._kept):
            types = arrow_types(EVENTS)
            rows = [
                {
                    **one.columns,
                    "disclosures": one.disclosures,
                    "disclosure_count": one.disclosure_count,
                }
                for one in self._kept
            ]
            names = dict.fromkeys(name for row in rows for name in row)
            self._of_kept = pa.table(
                {name: pa.array([row.get(name) for row in rows], types[name]) for name in names}
            )
        taken = self._of_kept.take(chosen).combine_chunks()
        return {name: taken[name].chunk(0) for name in taken.column_names}

    def _hex(self, size_bytes: int) -> str:
        return f"{self._source.getrandbits(8 * size_bytes):0{2 * size_bytes}x}"
