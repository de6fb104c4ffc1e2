"""Ports for programs that tests start: nobody else takes one, not even while its program is down."""

import random
import socket
from typing import Final

BELOW_OUTGOING: Final = (15_000, 32_000)
"""Below the kernel's range for outgoing connections, which would else take a port of a service that
restarts, or connect to themselves while somebody waits for it."""
_held: Final[list[socket.socket]] = []


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens on, and that no other test process will be given.

    A Unix socket of the port's name holds the claim until this process ends, in whatever way: tests in
    other workers, of another run too, look for it there.
    """
    chosen = random.SystemRandom()
    while True:
        port = chosen.randrange(*BELOW_OUTGOING)
        if _is_free(port) and _claims(port):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _claims(port: int) -> bool:
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0tallystick-tests-port-{port}")
    except OSError:
        claim.close()
        return False
    _held.append(claim)
    return True
