"""What the service and a process that reads requests say to one another (`multiprocessing.connection`).

About one request after the other:

    service: Given, a body and the token key that masks it
    process: any number of questions for a key, each answered before the next, with the key or None
    process: Answer
"""

from dataclasses import dataclass

from tallystick_ingest.workers.reading import Body, Read


@dataclass(frozen=True, slots=True)
class Given:
    """A body, and the id and the secret of the token key that masks it."""

    body: Body
    key_id: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class SessionKeyWanted:
    """A question: `KeyBook.session_key`."""

    session: str


@dataclass(frozen=True, slots=True)
class EmitterKeyWanted:
    """A question: `KeyBook.emitter_key`."""

    name: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was read, or why not; and the processor time that it took, in seconds."""

    read: Read | Exception
    spent_s: float
