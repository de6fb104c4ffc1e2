"""Heavy imports of the background, at a time when no fork can be caught in the middle of them.

A child that is forked while another thread imports a module inherits that module's lock, held for ever, and
hangs at its own import of it. So what signing needs is imported by `start` on its caller's thread, and what
shipping needs by the shipping thread under a guard for which a fork waits.
"""

import importlib
import os
import threading
from typing import Final

FOR_SIGNING: Final = (
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.serialization",
)
FOR_SHIPPING: Final = (
    "certifi",
    "encodings.idna",  # the first look-up of a host name imports it
    "google.protobuf.message",
    "opentelemetry.context",
    "opentelemetry.proto.collector.logs.v1.logs_service_pb2",
    "ssl",
    "tallystick.shipping.direct",
    "urllib.request",
)
FOR_PROXIES: Final = ("requests", "tallystick.shipping.proxied")
GUARD_TIMEOUT_S: Final = 2.0
"""A fork waits no longer: the importing thread may in turn wait for a lock that the forking thread holds."""


class ImportGuard:
    """Keeps forks and the background's imports apart. One per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_held_for_fork = False

    def install(self) -> None:
        """Hold forks back while `import_all` works. Once per process; children inherit it."""
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_fork,
            after_in_child=self._after_fork_in_child,
        )

    def import_all(self, modules: tuple[str, ...]) -> None:
        """Import modules; a fork waits meanwhile."""
        with self._lock:
            for name in modules:
                importlib.import_module(name)

    def _before_fork(self) -> None:
        self._is_held_for_fork = self._lock.acquire(timeout=GUARD_TIMEOUT_S)

    def _after_fork(self) -> None:
        if self._is_held_for_fork:
            self._is_held_for_fork = False
            self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock = threading.Lock()
        self._is_held_for_fork = False
