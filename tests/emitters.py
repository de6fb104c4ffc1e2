"""Emitters for tests: a home, an identity key, a session over a spool that can fail, and its whole check."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tallystick.event import Draft, Record
from tallystick.keys import load_emitter_key
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.recording.opening import Opening, open_session
from tallystick.recording.printer import Printer
from tallystick.recording.session import Session
from tallystick.spool.room import Room
from tallystick.testing import CountingIds, FakeClock, Spooled, spooled
from tallystick.tlog.dsse import open_envelope
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import parse_vkey
from tallystick.tlog.seal import parse_seal, verify_seal

TOKEN_KEY = TokenKey("test", b"k" * 32)
FACTS = Draft("session.open", {"service.name": "tests"}, {"host.name": "machine"})
DELEGATION = "application/vnd.tallystick.session+json"

_numbers = itertools.count(1)


def printer(max_value_bytes: int = 262_144) -> Printer:
    return Printer(Masking.of(TOKEN_KEY), max_value_bytes)


def draft(name: str = "lookup", **disclosures: object) -> Draft:
    return Draft("tool.completed", {"tool.name": name, "outcome": "success"}, disclosures)


def record(name: str | None = None) -> Record:
    """Print a record without a place."""
    return printer().print_record(draft(name or f"tool{next(_numbers)}"), 1)


class Disk:
    """Writes and syncs as the machine does, unless it is told to do otherwise."""

    def __init__(self) -> None:
        self.write: Callable[[int, bytes], int] = os.write
        self.sync: Callable[[int], None] = os.fsync

    def do_write(self, fd: int, data: bytes) -> int:
        return self.write(fd, data)

    def do_sync(self, fd: int) -> None:
        self.sync(fd)


def new_session(
    home: Path,
    *,
    batch: int = 512,
    ids: Callable[[], str] | None = None,
    disk: Disk | None = None,
    room: Room | None = None,
) -> Session:
    """Open a session in `home/spool` with the identity key of `home`."""
    disk = disk or Disk()
    clock = FakeClock()
    made = printer()
    opening = Opening(
        home / "spool",
        load_emitter_key(home, "emitter.example/tests"),
        clock,
        batch,
        ids or CountingIds(int.from_bytes(os.urandom(8), "big")),
        write=disk.do_write,
        sync=disk.do_sync,
        room=room,
    )
    return open_session(opening, FACTS, lambda one: made.print_record(one, clock.now_us()))


@dataclass(frozen=True, slots=True)
class Checked:
    """What a session's spool holds."""

    records: list[Record] = field(default_factory=list)
    sealed: int = 0

    @property
    def names(self) -> list[str]:
        return [str(one.statement.get("tool.name", one.statement["type"])) for one in self.records]

    @property
    def types(self) -> list[str]:
        return [str(one.statement["type"]) for one in self.records]


def check_spool(directory: Path) -> dict[str, Checked]:
    """Check every session in a spool of which nothing was deleted, as a verifier would, and return what it holds.

    Sequence numbers are dense from `session.open` on, the delegation holds, each seal verifies under the
    session's key, extends the one before, and covers exactly the leaves that were written.
    """
    found: dict[str, Checked] = {}
    everything = spooled(directory)
    for session in dict.fromkeys(one.session for one in everything):
        found[session] = check_frames([one for one in everything if one.session == session])
    return found


def check_frames(frames: list[Spooled]) -> Checked:
    verify = load_verify()
    records: list[Record] = []
    sealed = 0
    for frame in frames:
        if frame.kind == "event":
            records.append(frame.record)
            assert frame.record.seq == len(records) - 1, "the sequence has a hole or a repetition"
            assert frame.record.session == frame.session
            continue
        seal = parse_seal(frame.body)
        key = parse_vkey(str(records[0].statement["session.key"]))
        verify_seal(seal, key, verify)
        assert seal.old_size == sealed, "a seal does not extend the one before"
        assert seal.leaf_hashes == tuple(one.leaf_hash for one in records[sealed : seal.size])
        sealed = seal.size
    if records:
        _check_opening(records[0])
    return Checked(records, sealed)


def _check_opening(opened: Record) -> None:
    assert opened.statement["type"] == "session.open"
    stated = opened.statement
    envelope = str(stated["session.delegation"])
    assert f'"keyid":"{stated["emitter.key_id"]}"' in envelope
    assert str(stated["session.key"]).startswith(f"tallystick.session/{opened.session}+")


def check_delegation(opened: Record, emitter_vkey: str) -> bytes:
    """Check the delegation of `session.open` under the emitter's key; return its payload."""
    envelope = str(opened.statement["session.delegation"])
    return open_envelope(envelope, DELEGATION, parse_vkey(emitter_vkey), load_verify())
