"""The proof of one record, recomputed by the reader: from its exact line to the log's checkpoint.

Nothing here trusts the service's arithmetic; the keys, though, are those that the service states. To
check a record under keys of one's own, verify an evidence package under a trust policy.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from tallystick.errors import RecordError, TallystickError, VerificationError
from tallystick.event import parse_statement
from tallystick.profile import decode
from tallystick.tlog.checkpoint import Checkpoint, open_checkpoint
from tallystick.tlog.dsse import open_envelope
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.encoding import from_base64, to_base64
from tallystick.tlog.entry import Entry, parse_entry
from tallystick.tlog.note import VerifierKey, parse_vkey
from tallystick.tlog.proofs import verify_inclusion
from tallystick.tlog.seal import parse_seal, verify_seal
from tallystick.tlog.tree import leaf_hash
from tallystick.verify.keys import SESSION_PAYLOAD_TYPE
from tallystick_dashboard.trace.action import Shape, text_of
from tallystick_dashboard.trace.record import RecordView, view_of

State = Literal["ok", "failed", "not checked"]

_SESSION_PREFIX: Final = "tallystick.session/"
_SHORT: Final = 12
_LINE_CHARS: Final = 80

READING: Final = (
    "the service's reading of somebody else's span: nothing of it was signed at its source"
)


class Step(NamedTuple):
    """One step of the proof."""

    name: str
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys that the service states; empty where it states none."""

    log: str = ""
    emitters: tuple[str, ...] = ()


class _UncheckedError(Exception):
    """Something that a step needs is not at hand."""


def steps_of(
    view: RecordView, event: Shape, keys: Keys, recovery: Shape | None = None
) -> list[Step]:
    """Recompute the proof of a record; `event` is the answer of `/api/v1/events/{log_index}`.

    `recovery` is the same for the record that adopts it, where its own process died before the seal.
    """
    sealed, sealing = (view, event) if recovery is None else (view_of(recovery), recovery)
    checks: Sequence[tuple[str, Callable[[], str]]] = (
        ("Record", lambda: _record(view)),
        ("Stored columns", lambda: _columns(event)),
        ("Log entry", lambda: _entry(view, event)),
        *([] if recovery is None else [("Recovery", lambda: _adopted(view, sealed))]),
        (_seal_name(view, recovery), lambda: _seal(sealed, sealing)),
        ("Seal's signature", lambda: _signature(sealed, sealing)),
        ("Session's key", lambda: _delegation(sealed, sealing, keys)),
        ("Checkpoint's signature", lambda: _checkpoint_told(event, keys)),
        ("Inclusion in the log", lambda: _inclusion(event, keys)),
    )
    source = [Step("Source", "not checked", READING)] if view.proof == "derived" else []
    return [*source, *(_checked(name, check) for name, check in checks)]


def _checked(name: str, check: Callable[[], str]) -> Step:
    try:
        return Step(name, "ok", check())
    except _UncheckedError as error:
        return Step(name, "not checked", str(error))
    except (TallystickError, binascii.Error, ValueError, KeyError, TypeError) as error:
        return Step(name, "failed", str(error))


def _record(view: RecordView) -> str:
    if view.record is None:
        raise VerificationError(f"the lines are no record: {view.fault}")
    leaf = view.record.leaf_hash.hex()[:_SHORT]
    count = len(view.disclosure_lines)
    text = f"leaf hash {leaf}… recomputed from line 1, which binds {count} disclosed lines"
    return f"{text}; {view.withheld} more: {view.absence}" if view.withheld else text


def _columns(event: Shape) -> str:
    faults = event["faults"]
    if faults:
        raise VerificationError("; ".join(map(fault_text, faults)))
    return (
        "what the database lists of this record is what its lines say, by the service's own check"
    )


def fault_text(fault: Mapping[str, Any]) -> str:
    """Say what is wrong with one stored column."""
    stated, stored = text_of(fault.get("stated")), text_of(fault.get("stored"))
    column = text_of(fault["column"])
    if not stated and not stored:
        return f"{column} is not what was recorded"
    return f"{column}: expected {_cut(stated)}, stored is {_cut(stored)}"


def _cut(text: str) -> str:
    shown = text if len(text) <= _LINE_CHARS else f"{text[:_LINE_CHARS]}…"
    return shown or "nothing"


def _leaf(view: RecordView) -> bytes:
    if view.record is None:
        raise VerificationError("the record cannot be read, so it has no leaf hash")
    return view.record.leaf_hash


def _parsed_entry(event: Shape) -> tuple[bytes, Entry]:
    if not event.get("entry"):
        raise _UncheckedError("the service gave no log entry")
    exact = base64.b64decode(text_of(event["entry"]), validate=True)
    return exact, parse_entry(exact)


def _entry(view: RecordView, event: Shape) -> str:
    _, entry = _parsed_entry(event)
    if entry.kind != "event" or entry.content_hash != _leaf(view):
        raise VerificationError(
            f"log entry {view.log_index} commits to {entry.content_hash.hex()[:_SHORT]}…: "
            "expected this record's leaf hash"
        )
    return f"entry {view.log_index} of the tenant's log commits to this leaf hash"


def _adopted(view: RecordView, recovery: RecordView) -> str:
    said = recovery.statement
    if said.get("type") != "session.recovered" or said.get("recovered.session") != _session(view):
        raise VerificationError(f"record {recovery.log_index} does not adopt this session's tail")
    place = int(view.statement["seq"]) - int(said["recovered.first_seq"])
    leaves = said["recovered.leaves"]
    if not 0 <= place < len(leaves) or leaves[place] != to_base64(_leaf(view)):
        raise VerificationError(f"record {recovery.log_index} does not state this leaf hash")
    return f"record {recovery.log_index}, of the next process of its emitter, states this leaf hash"


def _session(view: RecordView) -> str:
    return text_of(view.statement.get("session"))


def _seal_name(view: RecordView, recovery: Shape | None) -> str:
    if recovery is not None:
        return "Seal of the recovery"
    return "Seal of the service's reading" if view.proof == "derived" else "Seal of its session"


def _body(event: Shape, view: RecordView) -> str:
    seal = event.get("seal")
    if seal:
        return text_of(seal["body"])
    if event.get("recovered_by") is not None:
        raise _UncheckedError(
            f"its process died before it sealed; record {event['recovered_by']} adopts it"
        )
    if view.proof == "unsealed":
        raise VerificationError("no seal covers this record: unsealed")
    raise _UncheckedError("the service gave no seal")


def _seal(view: RecordView, event: Shape) -> str:
    seal = parse_seal(_body(event, view))
    place = int(view.statement["seq"]) - seal.old_size
    if seal.origin != _SESSION_PREFIX + _session(view):
        raise VerificationError(f"the seal is of {seal.origin}: expected the record's session")
    if not 0 <= place < len(seal.leaf_hashes) or seal.leaf_hashes[place] != _leaf(view):
        raise VerificationError("the seal does not name this record's leaf hash at its place")
    return (
        f"leaf {view.statement['seq']} of the session; the seal's {len(seal.leaf_hashes)} leaves "
        f"give its root at size {seal.size}"
    )


def _session_key(view: RecordView, event: Shape) -> tuple[VerifierKey, Mapping[str, Any]]:
    opening = event.get("session_open")
    if not opening:
        raise _UncheckedError("the session's opening record is not at hand")
    try:
        statement = parse_statement(text_of(opening).encode())
    except RecordError as error:
        raise VerificationError(f"the session's opening record cannot be read: {error}") from error
    key = parse_vkey(text_of(statement["session.key"]))
    if key.name != _SESSION_PREFIX + _session(view):
        raise VerificationError(f"the session's key is named {key.name}: expected the record's")
    return key, statement


def _signature(view: RecordView, event: Shape) -> str:
    seal = parse_seal(_body(event, view))
    key, _ = _session_key(view, event)
    verify_seal(seal, key, load_verify())
    return f"Ed25519 signature of session key {key.key_id.hex()} holds"


def _delegation(view: RecordView, event: Shape, keys: Keys) -> str:
    key, statement = _session_key(view, event)
    name, key_id = text_of(statement["emitter.name"]), text_of(statement["emitter.key_id"])
    emitter = _emitter(name, key_id, keys)
    envelope = text_of(statement["session.delegation"])
    payload = open_envelope(envelope, SESSION_PAYLOAD_TYPE, emitter, load_verify())
    said = decode(payload)
    if not isinstance(said, dict) or (said.get("key"), said.get("emitter")) != (key.vkey, name):
        raise VerificationError("the delegation names another session key or emitter")
    return f"named by identity key {key_id} of {name}, which the service states as registered"


def _emitter(name: str, key_id: str, keys: Keys) -> VerifierKey:
    for vkey in keys.emitters:
        key = parse_vkey(vkey)
        if (key.name, key.key_id.hex()) == (name, key_id):
            return key
    raise _UncheckedError(f"the service states no key {key_id} of {name}")


def _checkpoint(event: Shape, keys: Keys) -> Checkpoint:
    note = event.get("checkpoint")
    if not note:
        raise _UncheckedError(
            "no checkpoint covers this entry yet; open the page again in a minute"
        )
    if not keys.log:
        raise _UncheckedError("the service states no key of its log")
    return open_checkpoint(text_of(note), [parse_vkey(keys.log)], load_verify())


def _checkpoint_told(event: Shape, keys: Keys) -> str:
    checkpoint = _checkpoint(event, keys)
    return (
        f"{checkpoint.origin} signed size {checkpoint.size}, under the key that the service states"
    )


def _inclusion(event: Shape, keys: Keys) -> str:
    checkpoint = _checkpoint(event, keys)
    inclusion = event.get("inclusion")
    if not inclusion:
        raise _UncheckedError("the service gave no inclusion proof")
    if inclusion["size"] != checkpoint.size or inclusion["index"] != event["log_index"]:
        raise VerificationError("the inclusion proof is of another entry or another tree")
    proof = [
        from_base64(text_of(one), "a hash of the inclusion proof") for one in inclusion["proof"]
    ]
    exact, _ = _parsed_entry(event)
    verify_inclusion(leaf_hash(exact), inclusion["index"], checkpoint.size, proof, checkpoint.root)
    return f"{len(proof)} hashes lead from entry {inclusion['index']} to the signed root"
