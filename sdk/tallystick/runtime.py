"""The process-wide runtime: owns the recorder, the threads and the exits (atexit, fork, signals)."""

from collections.abc import Callable, Mapping

from tallystick.config import Config
from tallystick.recorder import Recorder
from tallystick.status import Status


class Runtime:
    """Everything that one process needs to record. Made by `start`, found by `current`.

    `recorder` is there from the start. Threads and the session start with the first record; after a
    fork the child has a session of its own, started by its own first record.
    """

    def __init__(self, config: Config) -> None:
        """Make a runtime; nothing is read or written yet."""
        self.config = config
        self.recorder = Recorder()
        self._frameworks: dict[str, str] = {}
        self._on_flush: list[Callable[[float], object]] = []

    @property
    def endpoint(self) -> str | None:
        """Address of the service: from the settings, else from credentials.json; None: spool only."""
        return self.config.endpoint

    @property
    def api_key(self) -> str | None:
        """Key for the service, from the settings, else from credentials.json."""
        return self.config.api_key

    def set_frameworks(self, states: Mapping[str, str]) -> None:
        """State what is hooked: framework -> "active 2.3.0", "skipped: ...", "failed: ...".

        Stands in `session.open` (what is known when it is written), each heartbeat, and the status.
        """
        self._frameworks = dict(states)

    def on_flush(self, flush: Callable[[float], object]) -> None:
        """Call `flush(timeout_s)` at each flush and at shutdown: for a span exporter."""
        self._on_flush.append(flush)

    def status(self) -> Status:
        """Say what is recorded, shipped, waiting and wrong."""
        raise NotImplementedError

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Seal all and wait until the service has it; False when it has not after `timeout_s`."""
        raise NotImplementedError

    def shutdown(self, timeout_s: float = 5.0) -> None:
        """Close the session (its last leaf and seal), flush, and stop the threads. Idempotent."""
        raise NotImplementedError


def current() -> Runtime | None:
    """Return the runtime of this process, None before `start` and after its shutdown."""
    return None


def start(config: Config) -> Runtime:
    """Start the runtime of this process, or return the one that runs. Thread-safe."""
    return Runtime(config)
