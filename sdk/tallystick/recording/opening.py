"""How a session begins: a key in memory, a delegation by the identity key, the first record and its seal."""

import contextlib
import os
import platform
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from tallystick import event
from tallystick.clock import Clock
from tallystick.config import Config
from tallystick.errors import SpoolError
from tallystick.keys import EmitterKey
from tallystick.profile import encode
from tallystick.random_id import random_id
from tallystick.recording.session import Session, SessionKey, Sync
from tallystick.spool.files import SEGMENT_BYTES, SessionLock, SpoolWriter, Write, remove_session
from tallystick.spool.room import Room
from tallystick.spool.tally import NOTHING
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.note import encode_vkey

DELEGATION_TYPE: Final = "application/vnd.tallystick.session+json"
ORIGIN_PREFIX: Final = "tallystick.session/"
SDK_NAME: Final = "tallystick"

_ID_ATTEMPTS: Final = 8

NewId = Callable[[], str]
"""Gives 128 fresh random bits as 32 hex digits."""
Print = Callable[[event.Draft], event.Record]
"""Masks a draft and prints it as a record without a place: `Recorder.print_record`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """All that it takes to open a session in `directory`; `write` and `sync` are replaced in fault tests.

    `room`: what records must find room in; a segment is an eighth of that at most, so that room comes back.
    """

    directory: Path
    emitter: EmitterKey
    clock: Clock
    batch: int
    new_id: NewId = random_id
    write: Write = os.write
    sync: Sync = os.fsync
    room: Room | None = None


def open_session(opening: Opening, facts: event.Draft, print_record: Print) -> Session:
    """Open a session: `session.open` and its seal are durable when this returns.

    `facts` is the draft of `session.open` without what concerns keys. Raises SpoolError, and leaves no file.
    """
    session = _take_session(opening)
    try:
        key = _draft_with_delegation(opening, facts, session)
        session.append(print_record(key), may_exceed=True)
        session.keep_tally(NOTHING)
        session.seal()
        session.begin_segment()
        session.sync()
    except BaseException:
        session.release()
        with contextlib.suppress(OSError):
            remove_session(opening.directory, session.id)
        raise
    return session


def session_facts(config: Config, frameworks: Mapping[str, str]) -> event.Draft:
    """Return what `session.open` says about the program, the process and the machine."""
    stated = {
        "service.name": config.service_name,
        "service.version": config.service_version,
        "deployment.environment": config.environment,
        "sdk.name": SDK_NAME,
        "sdk.version": sdk_version(),
        "process.pid": os.getpid(),
        "process.runtime": f"{platform.python_implementation()} {platform.python_version()} ({sys.platform})",
        "instrumentation": dict(frameworks) or None,
    }
    statement = {name: value for name, value in stated.items() if value is not None}
    return event.Draft("session.open", statement, {"host.name": socket.gethostname()})


@cache
def sdk_version() -> str:
    """Return the installed version, "unknown" when it runs from a folder that was not installed.

    Reading it imports modules, from Python 3.13 on, so `Runtime.start` asks before there are threads.
    """
    try:
        return metadata.version("tallystick")
    except metadata.PackageNotFoundError:
        return "unknown"


def _take_session(opening: Opening) -> Session:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415 - slow to import
        Ed25519PrivateKey,
    )

    private = Ed25519PrivateKey.generate()
    for _ in range(_ID_ATTEMPTS):
        session = opening.new_id()
        try:
            writer = SpoolWriter(
                opening.directory,
                session,
                segment_bytes=_segment_bytes(opening.room),
                write=opening.write,
            )
            lock = SessionLock.take(opening.directory, session)
        except OSError as error:
            raise SpoolError(
                f"spool {opening.directory} cannot be written: {error.strerror or error}"
            ) from error
        if lock is not None:
            key = SessionKey(
                ORIGIN_PREFIX + session, private.public_key().public_bytes_raw(), private.sign
            )
            return Session(
                lock, writer, key, batch=opening.batch, room=opening.room, sync=opening.sync
            )
    raise SpoolError(f"no free session id in {opening.directory} after {_ID_ATTEMPTS} random ones")


def _segment_bytes(room: Room | None) -> int:
    return SEGMENT_BYTES if room is None else min(SEGMENT_BYTES, room.max_bytes // 8)


def _draft_with_delegation(opening: Opening, facts: event.Draft, session: Session) -> event.Draft:
    emitter = opening.emitter
    vkey = encode_vkey(session.key.origin, session.key.public_key)
    claim = {
        "emitter": emitter.name,
        "key": vkey,
        "session": session.id,
        "time_us": opening.clock.now_us(),
    }
    envelope = sign_envelope(DELEGATION_TYPE, encode(claim), emitter.key_id, emitter.sign)
    keys = {
        "session.key": vkey,
        "session.delegation": envelope,
        "emitter.name": emitter.name,
        "emitter.key_id": emitter.key_id,
    }
    return event.Draft(facts.type, {**facts.statement, **keys}, facts.disclosures)
