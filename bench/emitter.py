"""Signed sessions for a load: real records and seals, made before the clock starts."""

import gzip
import itertools
import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tallystick.event import EVENT_NAME, SEAL_NAME, Record, make_record
from tallystick.profile import encode
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.note import encode_vkey, parse_vkey
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier

EMITTER: Final = "bench.example/emitter"
WORDS: Final = (
    "amount",
    "invoice",
    "customer",
    "order",
    "refund",
    "status",
    "open",
    "closed",
    "note",
)


def new_salt() -> str:
    """Give 128 random bits in hex."""
    return os.urandom(16).hex()


class Session:
    """One session of an emitter: its records and seals, in the order in which they travel."""

    def __init__(self, identity: Ed25519PrivateKey, seed: int, calls_per_person: int = 1) -> None:
        """Open a session whose payloads are drawn from `seed`, so many calls in a row by one person."""
        self.id = new_salt()
        self.origin = f"tallystick.session/{self.id}"
        self._identity = identity
        self._key = Ed25519PrivateKey.generate()
        self._frontier = Frontier()
        self._seq = itertools.count()
        self._source = random.Random(seed)  # noqa: S311 - a load that can be repeated
        people = iter(new_salt, "")
        self._people = itertools.chain.from_iterable(
            itertools.repeat(one, calls_per_person) for one in people
        )

    def batches(self, events: int, per_seal: int) -> Iterator[list[tuple[str, str]]]:
        """Yield (event name, body) pairs: the open with its seal, then `events` in sealed batches."""
        yield self._sealed([self._open()])
        for start in range(0, events, per_seal):
            size = min(per_seal, events - start)
            yield self._sealed([self._event() for _ in range(size)])

    def _sealed(self, records: list[Record]) -> list[tuple[str, str]]:
        leaves = [record.leaf_hash for record in records]
        public = self._key.public_key().public_bytes_raw()
        seal, self._frontier = make_seal(
            self._frontier, leaves, self.origin, self._key.sign, public
        )
        return [*((EVENT_NAME, record.body) for record in records), (SEAL_NAME, seal)]

    def _envelope(self, event_type: str) -> dict[str, Any]:
        return {
            "type": event_type,
            "session": self.id,
            "seq": next(self._seq),
            "time_us": time.time_ns() // 1000,
            "origin": "native",
        }

    def _open(self) -> Record:
        vkey = encode_vkey(self.origin, self._key.public_key().public_bytes_raw())
        identity = parse_vkey(encode_vkey(EMITTER, self._identity.public_key().public_bytes_raw()))
        opened = self._envelope("session.open")
        payload = {
            "emitter": EMITTER,
            "key": vkey,
            "session": self.id,
            "time_us": opened["time_us"],
        }
        delegation = sign_envelope(
            "application/vnd.tallystick.session+json",
            encode(payload),
            identity.key_id.hex(),
            self._identity.sign,
        )
        keys = {"session.key": vkey, "session.delegation": delegation}
        named = {"emitter.name": EMITTER, "emitter.key_id": identity.key_id.hex()}
        return make_record({**opened, **keys, **named}, {}, new_salt)

    def _event(self) -> Record:
        statement = {
            **self._envelope("tool.completed"),
            "action.id": new_salt(),
            "observer": "mcp_server",
            "outcome": "success",
            "trace.id": new_salt(),
            "span.id": new_salt()[:16],
            "tool.name": self._source.choice(("search", "refund", "lookup", "export")),
            "server.name": "bench",
            "principal.ref": next(self._people),
            "principal.basis": "authenticated",
            "agent.name": self._source.choice(("planner", "support", "billing")),
            "mcp.method": "tools/call",
            "mask.policy": "0" * 64,
            "mask.hits": {"result:email": 1},
        }
        disclosed = {"params": self._payload(20), "result": self._payload(100)}
        return make_record(statement, disclosed, new_salt)

    def _payload(self, words: int) -> str:
        text = " ".join(self._source.choices(WORDS, k=words))
        return json.dumps({"text": text, "number": self._source.randrange(10**9)})


def request(batches: list[list[tuple[str, str]]]) -> bytes:
    """Give one gzipped OTLP/HTTP body that holds these batches."""
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    scope.scope.name = "tallystick"
    for name, body in itertools.chain.from_iterable(batches):
        scope.log_records.append(LogRecord(event_name=name))
        scope.log_records[-1].body.string_value = body
    return gzip.compress(message.SerializeToString(), 1)
