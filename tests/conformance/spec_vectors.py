"""Make the test vectors of the specification; `python -m tests.conformance.spec_vectors` writes them.

Everything is derived from fixed seeds, so that a second run gives the same bytes.
"""

import base64
import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tallystick.capture.receipt import META_KEY, CallReceipt, canonical_call
from tallystick.event import make_record
from tallystick.profile import encode
from tallystick.tlog.checkpoint import Checkpoint, sign_checkpoint
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.note import encode_vkey, parse_vkey
from tallystick.tlog.proofs import consistency_proof, inclusion_proof, range_proof
from tallystick.tlog.seal import make_seal
from tallystick.tlog.tree import Frontier, leaf_hash, root_of

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "spec" / "vectors"
SESSION: Final = "00112233445566778899aabbccddeeff"
ORIGIN: Final = f"tallystick.session/{SESSION}"
TIME_US: Final = 1_790_000_000_000_000
STATEMENT: Final[dict[str, Any]] = {
    "type": "tool.completed",
    "session": SESSION,
    "seq": 1,
    "time_us": TIME_US,
    "origin": "native",
    "tool.name": "lookup_customer",
    "outcome": "success",
    "credential.scopes": ["customers:read"],
    "mask.hits": {"result:email": 1},
}
DISCLOSED: Final = {
    "params": '{"id":7}',
    "result": '{"mail":"[email]","score":0.5,"city":"Zürich"}',
}


def key(seed: int) -> Ed25519PrivateKey:
    """Give the private key whose seed is 32 times the byte `seed`."""
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def public(private: Ed25519PrivateKey) -> bytes:
    """Give the 32 bytes of the public key."""
    return private.public_key().public_bytes_raw()


def salts() -> Callable[[], str]:
    """Give a source of distinct, fixed salts."""
    counter = itertools.count()
    return lambda: hashlib.sha256(b"salt %d" % next(counter)).hexdigest()[:32]


def record_vectors() -> dict[str, Any]:
    """Records that are accepted, with what they hash to, and bodies that are refused."""
    record = make_record(dict(STATEMENT), DISCLOSED, salts())
    line = record.line.decode()
    first, second = (d.line for d in record.disclosures)
    accepted = [
        {"case": "two disclosures", "body": record.body},
        {"case": "one disclosure withheld", "body": f"{line}\n{second}"},
        {"case": "all disclosures erased", "body": line},
    ]
    for vector in accepted:
        vector["leaf_hash"] = base64.b64encode(record.leaf_hash).decode()
    return {"accepted": accepted, "refused": _refused(line, first)}


def _refused(line: str, disclosure: str) -> list[dict[str, str]]:
    cases = {
        "float": line.replace('"seq":1', '"seq":1.0'),
        "duplicate key": line.replace('"seq":1', '"seq":1,"seq":1'),
        "integer of 2^53": line.replace(str(TIME_US), str(2**53)),
        "white space": line.replace(",", ", ", 1),
        "unsorted keys": json.dumps(
            dict(reversed(json.loads(line).items())), separators=(",", ":")
        ),
        "needless escape": line.replace("lookup", "\\u006cookup"),
        "lone surrogate": line.replace("lookup", "\\ud800"),
        "unknown field": line.replace("tool.name", "tool.nom"),
        "disclosure field in line 1": line.replace('"tool.name":', '"tool.description":'),
        "text where an integer stands": line.replace('"seq":1', '"seq":"1"'),
        "negative seq": line.replace('"seq":1', '"seq":-1'),
        "unknown type": line.replace("tool.completed", "tool.complete"),
        "upper-case session": line.replace(SESSION, SESSION.upper()),
        "version 2": line.replace('"v":1', '"v":2'),
        "no nonce": encode({k: v for k, v in json.loads(line).items() if k != "n"}).decode(),
        "not an object": "[]",
        "empty": "",
        "disclosure with another salt": f"{line}\n"
        + disclosure.replace('["', '["0', 1).replace("0", "1", 1),
        "disclosure with another value": f"{line}\n" + disclosure.replace("7", "8"),
        "disclosure twice": f"{line}\n{disclosure}\n{disclosure}",
        "empty last line": f"{line}\n",
    }
    return [{"case": case, "body": body} for case, body in cases.items()]


def seal_vectors() -> dict[str, Any]:
    """A session's keys, delegation and first two seals."""
    emitter, session = key(1), key(2)
    emitter_vkey = encode_vkey("example.org/emitter", public(emitter))
    vkey = encode_vkey(ORIGIN, public(session))
    payload = encode(
        {"emitter": "example.org/emitter", "key": vkey, "session": SESSION, "time_us": TIME_US}
    )
    leaves = [leaf_hash(b"leaf %d" % number) for number in range(4)]
    first, frontier = make_seal(Frontier(), leaves[:1], ORIGIN, session.sign, public(session))
    second, _ = make_seal(frontier, leaves[1:], ORIGIN, session.sign, public(session))
    return {
        "emitter_seed": (b"\x01" * 32).hex(),
        "session_seed": (b"\x02" * 32).hex(),
        "emitter_vkey": emitter_vkey,
        "session_vkey": vkey,
        "delegation": sign_envelope(
            "application/vnd.tallystick.session+json",
            payload,
            parse_vkey(emitter_vkey).key_id.hex(),
            emitter.sign,
        ),
        "leaves": ["leaf 0", "leaf 1", "leaf 2", "leaf 3"],
        "seals": [first, second],
    }


def log_vectors() -> dict[str, Any]:
    """Five log entries, the checkpoint over them, and one proof of each kind."""
    log = key(3)
    entries = [
        encode(
            {
                "by": "key-1",
                "h": base64.b64encode(leaf_hash(b"record %d" % number)).decode(),
                "k": "event",
                "rx_us": TIME_US + number,
            }
        )
        for number in range(5)
    ]
    leaves = [leaf_hash(entry) for entry in entries]
    left, right = range_proof(leaves, 1, 3)
    return {
        "log_seed": (b"\x03" * 32).hex(),
        "log_vkey": encode_vkey("example.org/default", public(log)),
        "entries": [entry.decode() for entry in entries],
        "checkpoint": sign_checkpoint(
            Checkpoint("example.org/default", 5, root_of(leaves)), log.sign, public(log)
        ),
        "inclusion": {"index": 2, "size": 5, "proof": _texts(inclusion_proof(leaves, 2))},
        "consistency": {"old": 3, "new": 5, "proof": _texts(consistency_proof(leaves, 3))},
        "range": {"from": 1, "to": 3, "left": _texts(left), "right": _texts(right)},
    }


def _texts(hashes: list[bytes]) -> list[str]:
    return [base64.b64encode(value).decode() for value in hashes]


def receipt_vectors() -> dict[str, Any]:
    """Receipts with calls and their digests, calls that have none, and members that are no receipt."""
    receipt = CallReceipt(bytes(range(16)), leaf_hash(b"a client's record"))
    calls: dict[str, dict[str, Any]] = {
        "plain": {"name": "lookup_customer", "arguments": {"id": 7}},
        "no arguments": {"name": "ping"},
        "null arguments": {"name": "ping", "arguments": None},
        "other members do not count": {"name": "ping", "arguments": {}, "_meta": {"a": 1}},
        "numbers": {"name": "n", "arguments": {"n": [1.0, -0.0, 0.5, 1e21, 1e-7, 2**53 + 1]}},
        "order of keys": {"name": "k", "arguments": {"\U0001f600": 1, "\ufb33": 2, "\u00e9": 3}},
        "escapes": {"name": "e", "arguments": {"text": '\u0001\n"\\/\u007f\u2028'}},
    }
    return {
        "meta": receipt.meta,
        "calls": [
            {
                "case": case,
                "params": params,
                "canonical": (canonical_call(params) or b"").decode(),
                "digest": receipt.digest(params),
            }
            for case, params in calls.items()
        ],
        "no_receipt": [{META_KEY: value} for value in _no_receipts(receipt)],
    }


def _no_receipts(receipt: CallReceipt) -> list[Any]:
    value = receipt.meta[META_KEY]
    return [
        None,
        value["nonce"],
        {"record": value["record"]},
        {"nonce": value["nonce"].upper()},
        {"nonce": value["nonce"][:-2]},
        {"nonce": 7},
        {**value, "record": value["record"][:-1]},
        {**value, "record": None},
        {**value, "more": ""},
    ]


VECTORS: Final = {
    "record": record_vectors,
    "receipt": receipt_vectors,
    "seal": seal_vectors,
    "log": log_vectors,
}


def text(name: str) -> str:
    """Give the content of one vector file."""
    return json.dumps(VECTORS[name](), indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for vector_name in VECTORS:
        (FOLDER / f"{vector_name}.json").write_text(text(vector_name), encoding="utf-8")
