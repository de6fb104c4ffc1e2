"""The process that reads requests: `python -I -m tallystick_ingest.workers.child`, with nothing but what it is sent.

It speaks over its standard input, a socket, as messages.py says, and ends with whoever started it. A signal
for the whole group, such as Ctrl-C, is left to the service, which lets it finish what was begun.
"""

import signal
import time
from multiprocessing.connection import Connection
from typing import Final

from tallystick.errors import AdmissionError
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.tlog.note import VerifierKey
from tallystick_ingest.collecting import collect_seldom
from tallystick_ingest.screening import KeyBook
from tallystick_ingest.workers.messages import Answer, EmitterKeyWanted, Given, SessionKeyWanted
from tallystick_ingest.workers.reading import Read, read

STANDARD_INPUT: Final = 0
MAX_MASKINGS: Final = 64
"""Tenants whose masking a process keeps; that of another is made anew."""


class _Maskings:
    """The masking of each tenant, by its key: what it remembers serves the tenant's next request."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, bytes], Masking] = {}

    def of(self, key_id: str, secret: bytes) -> Masking:
        known = self._made.get((key_id, secret))
        if known is None:
            if len(self._made) >= MAX_MASKINGS:
                self._made.clear()
            known = self._made[key_id, secret] = Masking.of(TokenKey(key_id, secret))
        return known


def main() -> None:
    """Answer until nobody asks any more."""
    for ended in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ended, signal.SIG_IGN)
    collect_seldom()
    maskings = _Maskings()
    with Connection(STANDARD_INPUT) as service:
        book = _book_of(service)
        try:
            while True:
                service.send(_answer(service.recv(), maskings, book))
        except (EOFError, OSError):  # the service has ended
            return


def _book_of(service: "Connection[object, object]") -> KeyBook:
    """Return a book whose every answer the service gives."""

    def session_key(session: str) -> str | None:
        service.send(SessionKeyWanted(session))
        found = service.recv()
        return found if isinstance(found, str) else None

    def emitter_key(name: str, key_id: str) -> VerifierKey | None:
        service.send(EmitterKeyWanted(name, key_id))
        found = service.recv()
        return found if isinstance(found, VerifierKey) else None

    return KeyBook(session_key, emitter_key)


def _answer(given: Given, maskings: _Maskings, book: KeyBook) -> Answer:
    began_s = time.process_time()
    made: Read | Exception
    try:
        made = read(given.body, maskings.of(given.key_id, given.secret), book)
    except AdmissionError as error:
        made = error
    except (EOFError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - it is raised where the request is; this process lives on
        made = RuntimeError(f"reading a request failed with {type(error).__name__}")
    return Answer(made, time.process_time() - began_s)


if __name__ == "__main__":
    main()
