"""Stretches of the log, and how rows of known log indexes are read without most of what stands between them.

The database skips what a condition on `log_index` rules out: whole blocks by its bounds alone, and within these the
other columns of 2,048 rows at a time. A list of single indexes, or a join with one, does not do that.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

END: Final = 2**63 - 1
NEAR: Final = 16_384
"""Log entries within which most of what belongs together stands: some 3 ms to look through a few columns."""

_GAP: Final = 64
"""Indexes that are no further apart make one run."""
_FAR: Final = 131_072
"""Runs that are further apart are read by queries of their own: each costs what reading so many indexes does."""
_MAX_QUERIES: Final = 16
_MAX_INDEXES: Final = 1_000
"""Of one query."""


class Stretch(NamedTuple):
    """Log indexes from `low` to `high`, both included."""

    low: int
    high: int


def around(log_indexes: Sequence[int]) -> Stretch:
    """Return the stretch from the first of some indexes to what is near behind the last."""
    return Stretch(min(log_indexes), max(log_indexes) + NEAR)


def united(parts: Iterable[Stretch], gap: int) -> list[Stretch]:
    """Return parts in the order of the log, those as one that are no more than `gap` indexes apart."""
    found: list[Stretch] = []
    for low, high in parts:
        if found and low <= found[-1].high + gap + 1:
            found[-1] = Stretch(found[-1].low, max(high, found[-1].high))
        else:
            found.append(Stretch(low, high))
    return found


def conditions_at(log_indexes: Iterable[int]) -> Iterator[str]:
    """Yield SQL conditions that together are fulfilled by the rows at these indexes, in the order of the log."""
    wanted = sorted(set(log_indexes))
    pieces = _split(wanted, _FAR)
    if len(pieces) > _MAX_QUERIES:
        pieces = [wanted]
    for piece in (
        whole[start : start + _MAX_INDEXES]
        for whole in pieces
        for start in range(0, len(whole), _MAX_INDEXES)
    ):
        runs = " OR ".join(
            f"(log_index >= {run[0]} AND log_index <= {run[-1]})" for run in _split(piece, _GAP)
        )
        exactly = ", ".join(map(str, piece))
        yield (
            f"log_index >= {piece[0]} AND log_index <= {piece[-1]} AND ({runs})"
            f" AND log_index IN ({exactly})"
        )


def _split(indexes: Sequence[int], gap: int) -> list[list[int]]:
    """Return sorted indexes in runs that are more than `gap` apart."""
    found: list[list[int]] = []
    for one in indexes:
        if found and one <= found[-1][-1] + gap:
            found[-1].append(one)
        else:
            found.append([one])
    return found
