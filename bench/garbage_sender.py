"""A sender of nothing but garbage: `python -m bench.garbage_sender KIND PORT CONNECTIONS < KEY`, until it is ended.

It sends as fast as it is answered, over kept connections, and prints at SIGTERM how often it was answered, by
status, as JSON. Status 0: the service closed the connection without an answer.
"""

import gzip
import json
import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SMALL_BYTES: Final = 2_000
LARGE_BYTES: Final = 16 << 20
BOMB_BYTES: Final = 60 << 20
UNKNOWN_FIELD: Final = b"\x08\x00"
SPANS: Final = 100
TIMEOUT_S: Final = 120


def main() -> None:
    """Send until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    kind, port, connections = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    piece = KINDS[kind](sys.stdin.readline().strip())
    answered: Counter[int] = Counter()
    for _ in range(connections):
        threading.Thread(target=_run, args=(port, piece, answered), daemon=True).start()
    signal.sigwait({signal.SIGTERM})
    print(json.dumps(dict(answered)), flush=True)
    os._exit(0)  # threads that wait for an answer have nothing to finish


def _run(port: int, piece: bytes, answered: Counter[int]) -> None:
    while True:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            status = 1
            while status:
                status = _exchange(connection, piece)
                answered[status] += 1


def _exchange(connection: socket.socket, piece: bytes) -> int:
    """Send a request; return the status of its answer, 0 when the connection ended."""
    try:
        connection.sendall(piece)
    except OSError:
        return 0  # what the service says before it closes is of no interest to this sender
    said = b""
    while b"\r\n\r\n" not in said:
        try:
            more = connection.recv(65_536)
        except OSError:
            return 0
        if not more:
            return 0
        said += more
    head, _, body = said.partition(b"\r\n\r\n")
    [length] = [
        line.partition(b":")[2]
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    ] or [b"0"]
    left = int(length) - len(body)
    while left > 0 and (more := connection.recv(min(left, 65_536))):
        left -= len(more)
    return int(head.split(b" ", 2)[1])


def _post(key: str, body: bytes, encoding: str = "identity") -> bytes:
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/x-protobuf\r\nContent-Encoding: {encoding}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _nameless_spans() -> bytes:
    """Return a request that can be read, of spans without ids."""
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    scope.spans.extend(Span(name=f"nobody's {number}") for number in range(SPANS))
    return message.SerializeToString()


KINDS: Final[Mapping[str, Callable[[str], bytes]]] = {
    "no HTTP": lambda _: b"\x16\x03\x01" + os.urandom(SMALL_BYTES) + b"\r\n\r\n",
    "wrong keys": lambda _: _post("tallystick_" + os.urandom(16).hex(), _nameless_spans()),
    "random bytes": lambda key: _post(key, b"\xff" + os.urandom(SMALL_BYTES)),
    "gzip of random bytes": lambda key: _post(
        key, gzip.compress(b"\xff" + os.urandom(SMALL_BYTES)), "gzip"
    ),
    "spans without ids": lambda key: _post(key, _nameless_spans()),
    "16 MiB bodies": lambda key: _post(key, b"\xff" + os.urandom(LARGE_BYTES)),
    "60 MiB in 60 KB": lambda key: _post(
        key, gzip.compress(UNKNOWN_FIELD * (BOMB_BYTES // 2)), "gzip"
    ),
}

if __name__ == "__main__":
    main()
