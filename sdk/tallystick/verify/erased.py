"""Which values were erased: log indexes of events, and places of span records in their batches.

    4,7-9;12:0-3,12:5     the values of the events 4, 7, 8 and 9, and of the spans 0 to 3 and 5 of entry 12

There is one way to print a set: sorted, each once, neighbours joined. Its SHA-256 is what a request names and what a
second person confirms. Standard library only: the offline verifier reads these too.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from tallystick.errors import VerificationError

MAX_PLACE: Final = (1 << 53) - 1
"""As everywhere in signed bytes."""

_ERASED_EVENTS: Final = re.compile(r"(?:[0-9]{1,16}(?:-[0-9]{1,16})?(?:,(?=[0-9])|$))*")
_ERASED_SPANS: Final = re.compile(r"(?:[0-9]{1,16}:[0-9]{1,16}(?:-[0-9]{1,16})?(?:,(?=[0-9])|$))*")

NumberRange = tuple[int, int]
"""First and last number."""
SpanPlace = tuple[int, int]
"""Log index of a batch of spans, and the position in it."""


class Erased:
    """A set of places whose values are gone. `covers` costs a binary search."""

    def __init__(self, events: Iterable[int] = (), spans: Iterable[SpanPlace] = ()) -> None:
        """Make a set of log indexes of events, and of places of spans."""
        self._events = _ranges_of(sorted(set(events)))
        by_index: dict[int, list[int]] = {}
        for index, position in sorted(set(spans)):
            by_index.setdefault(index, []).append(position)
        self._spans = {index: _ranges_of(positions) for index, positions in by_index.items()}

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._events or self._spans)

    @property
    def text(self) -> str:
        """The one way to print it."""
        events = ",".join(map(_print_range, self._events))
        spans = (f"{i}:{_print_range(one)}" for i, ranges in self._spans.items() for one in ranges)
        return f"{events};{','.join(spans)}"

    @property
    def digest(self) -> str:
        """SHA-256 of the text, hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def count(self) -> int:
        """Number of log entries that it touches."""
        return self.event_count + len(self._spans)

    @property
    def event_count(self) -> int:
        """Number of events in it."""
        return sum(last - first + 1 for first, last in self._events)

    @property
    def span_count(self) -> int:
        """Number of span records in it."""
        ranges = (one for ranges in self._spans.values() for one in ranges)
        return sum(last - first + 1 for first, last in ranges)

    def covers(self, log_index: int) -> bool:
        """Whether the values of this event are gone."""
        return _in_ranges(self._events, log_index)

    def covers_span(self, log_index: int, position: int) -> bool:
        """Whether this span record is gone."""
        return _in_ranges(self._spans.get(log_index, ()), position)

    def events(self) -> Iterator[int]:
        """Yield the log indexes of the events."""
        for first, last in self._events:
            yield from range(first, last + 1)

    def spans(self) -> Iterator[SpanPlace]:
        """Yield the places of the spans."""
        for index, ranges in self._spans.items():
            for first, last in ranges:
                yield from ((index, position) for position in range(first, last + 1))

    def __or__(self, other: "Erased") -> "Erased":
        """Return what is in either."""
        return Erased([*self.events(), *other.events()], [*self.spans(), *other.spans()])


def parse_erased(text: str) -> Erased:
    """Read what `Erased.text` prints; raise VerificationError for any other spelling."""
    events, _, spans = text.partition(";")
    if not (_ERASED_EVENTS.fullmatch(events) and _ERASED_SPANS.fullmatch(spans)):
        raise VerificationError(f"not a set of erased values: {text[:64]!r}")
    found = Erased()
    found._events = [_parse_range(one) for one in events.split(",") if one]  # noqa: SLF001 - of this module
    by_index: dict[int, list[NumberRange]] = {}
    for one in filter(None, spans.split(",")):
        index, _, positions = one.partition(":")
        by_index.setdefault(int(index), []).append(_parse_range(positions))
    found._spans = by_index  # noqa: SLF001 - of this module
    is_ordered = all(map(_is_ascending, [found._events, *by_index.values()]))  # noqa: SLF001 - of this module
    if not is_ordered or list(by_index) != sorted(by_index) or found.text != text:
        raise VerificationError(f"not the one spelling of a set of erased values: {text[:64]!r}")
    return found


def _ranges_of(numbers: list[int]) -> list[NumberRange]:
    if not numbers:
        return []
    breaks = [at for at, (one, next_) in enumerate(pairwise(numbers), 1) if next_ != one + 1]
    edges = [0, *breaks, len(numbers)]
    return [(numbers[start], numbers[stop - 1]) for start, stop in pairwise(edges)]


def _in_ranges(ranges: "list[NumberRange] | tuple[()]", number: int) -> bool:
    at = bisect_right(ranges, (number, MAX_PLACE)) - 1
    return at >= 0 and number <= ranges[at][1]


def _print_range(one: NumberRange) -> str:
    first, last = one
    return str(first) if first == last else f"{first}-{last}"


def _parse_range(text: str) -> NumberRange:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def _is_ascending(ranges: list[NumberRange]) -> bool:
    """Whether ranges ascend, with a gap between each two."""
    is_apart = all(one[1] + 1 < other[0] for one, other in pairwise(ranges))
    return is_apart and all(first <= last <= MAX_PLACE for first, last in ranges)
