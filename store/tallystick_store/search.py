"""Text in records: which of a period hold it, newest first, a page at a time and within a time budget.

What is looked through are statements and disclosures as they are kept, masked, without regard to case. There is
no index: the period bounds the work, and where the budget ends first, the page says how far it came. Quotes and
backslashes are also looked for as they stand inside of JSON.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

from tallystick_store.engine.duckdb import Reader
from tallystick_store.events import StoredEvent, read_events_at
from tallystick_store.published import PublishedLog

MIN_CHARS: Final = 3
MAX_CHARS: Final = 256
MAX_HITS: Final = 200
"""Records of one page."""
BUDGET_S: Final = 2.0
_STRETCH: Final = 8_192
"""Log indexes that are looked through at once: some 20 MB of text, a tenth of a second."""

_BOUNDS: Final = """
    SELECT min(log_index), max(log_index) FROM events WHERE time_us >= $1 AND time_us < $2
"""
_HITS: Final = """
    SELECT log_index FROM events
    WHERE log_index >= $1 AND log_index < $2 AND time_us >= $3 AND time_us < $4
    AND (log_index IN (SELECT log_index FROM late_disclosures
                       WHERE log_index >= $1 AND log_index < $2 AND {late}) OR {own})
    ORDER BY log_index DESC LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Records that hold the text, newest first."""

    events: tuple[StoredEvent, ...]
    before: int | None
    """Where to go on; None: the whole period was looked through. A page with it may be short or empty."""


def search_text(  # noqa: PLR0913 - a question, its page, and what tells the time
    reader: Reader,
    text: str,
    period: tuple[int, int],
    *,
    limit: int = 50,
    before: int | None = None,
    published: PublishedLog | None = None,
    monotonic_s: Callable[[], float] = time.monotonic,
) -> SearchPage:
    """Return records of [from_us, to_us) below `before` that hold `text`, at most `limit` (and MAX_HITS).

    Ends once BUDGET_S are over, after one stretch of the log at least.
    """
    limit, ends_s = max(1, min(limit, MAX_HITS)), monotonic_s() + BUDGET_S
    ((first, last),) = reader.rows(_BOUNDS, list(period))
    if first is None:
        return SearchPage((), None)
    spellings = _spellings(text)
    top = last + 1 if before is None else min(before, last + 1)
    found: list[int] = []
    while top > first and len(found) < limit:
        low = max(first, top - _STRETCH)
        asked = [low, top, *period, limit - len(found), *spellings]
        found += [log_index for (log_index,) in reader.rows(_sql(len(spellings)), asked)]
        top = found[-1] if len(found) == limit else low
        if monotonic_s() >= ends_s:
            break
    events = read_events_at(reader, found, published)
    return SearchPage(tuple(reversed(events)), top if top > first else None)


def _sql(spellings: int) -> str:
    places = [f"lower(${number + 6})" for number in range(spellings)]

    def holds(column: str) -> str:
        return " OR ".join(f"contains(lower({column}), {place})" for place in places)

    return _HITS.format(
        late=f"({holds('line')})", own=f"{holds('statement')} OR {holds('disclosures')}"
    )


def _spellings(text: str) -> list[str]:
    """Return the text as it is, as a JSON text, and as one in the JSON text of a value."""
    once = orjson.dumps(text).decode()[1:-1]
    twice = orjson.dumps(once).decode()[1:-1]
    return list(dict.fromkeys((text, once, twice)))
