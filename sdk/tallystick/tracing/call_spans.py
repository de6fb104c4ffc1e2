"""Which calls the hooks record, for a reader of spans that must not record them once more.

A foreign span and a hook see one call when either lies inside the other, target and name agree,
and they stand on the same side: client and server of one call are two sightings. Kept only while
somebody reads spans; bounded, so that a forgotten entry costs at most a record too many.
"""

import threading
from collections import OrderedDict
from typing import Final, NamedTuple

from opentelemetry import trace

from tallystick.tracing.conventions import MAX_TEXT_CHARS

MOST_SPANS: Final = 4096
MOST_CALLS: Final = 64
"""Calls that are remembered below one span."""
_OTHER_SIDE: Final = {"client": "mcp_server", "server": "mcp_client"}


class Hooked(NamedTuple):
    """A call that a hook records: what, under which name, and who sees it."""

    target: str
    name: str
    observer: str

    def is_same_as(self, target: str, name: str, kind: str) -> bool:
        """Tell whether a span of this kind, of a call with this name, sees the same call."""
        is_other_side = self.observer == _OTHER_SIDE.get(kind)
        is_asked_for = kind == "server" and self.observer == "agent"
        return (target, name) == (self.target, self.name[:MAX_TEXT_CHARS]) and not (
            is_other_side or is_asked_for
        )


class Below:
    """The calls that began directly below each span, oldest span forgotten first."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._calls: OrderedDict[int, list[Hooked]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, span_id: int, calls: list[Hooked]) -> None:
        """Remember calls below a span."""
        with self._lock:
            known = self._calls.setdefault(span_id, [])
            known += calls[: MOST_CALLS - len(known)]
            if len(self._calls) > MOST_SPANS:
                self._calls.popitem(last=False)

    def take(self, span_id: int) -> list[Hooked]:
        """Return them, and forget them."""
        with self._lock:
            return self._calls.pop(span_id, [])


_below: Final = Below()
_is_watched = threading.Event()


def watch() -> None:
    """Begin to remember."""
    _is_watched.set()


def note(target: str, name: str, observer: str) -> None:
    """Remember that a hook records a call that begins here, below the current span."""
    if not _is_watched.is_set():
        return
    around = trace.get_current_span().get_span_context()
    if around.is_valid:
        _below.add(around.span_id, [Hooked(target, name, observer)])


def take_below(span_id: int) -> list[Hooked]:
    """Return the calls below a span that has ended, and forget them."""
    return _below.take(span_id)


def lift(span_id: int, parent_id: int | None) -> None:
    """Let the calls below a span that has ended, and that was none itself, count for the span above it."""
    calls = _below.take(span_id)
    if calls and parent_id is not None:
        _below.add(parent_id, calls)
