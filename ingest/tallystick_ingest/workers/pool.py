"""The processes that read requests, each begun when it is needed, and what becomes of a request with one."""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Final, TypeVar

from tallystick.masking.tokens import TokenKey
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.screening import KeyBook
from tallystick_ingest.workers.messages import Answer, EmitterKeyWanted, Given, SessionKeyWanted
from tallystick_ingest.workers.reading import Body, Read

END_WITHIN_S: Final = 5.0
_COMMAND: Final = (sys.executable, "-I", "-m", "tallystick_ingest.workers.child")
_KEPT_ENV: Final = ("LANG", "LC_ALL")

_Made = TypeVar("_Made")

_log = logging.getLogger("tallystick.workers")


class BodyReader:
    """One process, for one thread of the service; it is there from the first request on, and again after it ended."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    @property
    def is_running(self) -> bool:
        """Whether its process was started, and is not known to have ended."""
        return self._process is not None

    def read(self, body: Body, key: TokenKey, book: KeyBook) -> tuple[Read, float]:
        """Return what a body holds, and the processor time that it took, in seconds.

        Raises UndecodableError, TooLargeError, and BusyError where the process cannot be started or ended over it.
        """
        try:
            answer = self._asked(Given(body, key.key_id, key.secret), book)
        except BaseException as error:
            self.close()  # what it would say next belongs to no other request
            if not isinstance(error, EOFError | OSError):
                raise
            _log.warning("a process that reads requests ended: %s", type(error).__name__)
            raise BusyError(
                "the process that was to read this request ended or could not be started: send it again"
            ) from error
        if isinstance(answer.read, Exception):
            raise answer.read
        return answer.read, answer.spent_s

    def close(self) -> None:
        """End the process, and wait for that."""
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()
        if process is None:
            return
        try:
            process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _asked(self, given: Given, book: KeyBook) -> Answer:
        connection = self._connection or self._start()
        connection.send(given)
        while True:
            said = connection.recv()
            if isinstance(said, SessionKeyWanted):
                connection.send(book.session_key(said.session))
            elif isinstance(said, EmitterKeyWanted):
                connection.send(book.emitter_key(said.name, said.key_id))
            else:
                answer: Answer = said
                return answer

    def _start(self) -> Connection:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - a fixed command, no shell
                    _COMMAND,
                    env={name: os.environ[name] for name in _KEPT_ENV if name in os.environ},
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                )
            except BaseException:
                ours.close()
                raise
        self._connection = Connection(ours.detach())
        return self._connection


class BodyReaders:
    """At most so many processes, each with a thread that waits for it. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        """Start nothing yet."""
        self.most = most
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="tallystick-readers")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._readers: list[BodyReader] = []

    @property
    def count(self) -> int:
        """How many processes there are now."""
        with self._lock:
            return sum(one.is_running for one in self._readers)

    def submit(self, made: Callable[[BodyReader], _Made]) -> "Future[_Made]":
        """Run a function with a process that works for nobody else meanwhile."""
        return self._threads.submit(lambda: made(self._reader()))

    def close(self) -> None:
        """Finish what was begun, and end the processes."""
        self._threads.shutdown()
        with self._lock:
            for reader in self._readers:
                reader.close()

    def _reader(self) -> BodyReader:
        """Return the process of this thread."""
        reader: BodyReader | None = getattr(self._own, "reader", None)
        if reader is None:
            reader = self._own.reader = BodyReader()
            with self._lock:
                self._readers.append(reader)
        return reader
