"""The details of the spans on the screen: asked for together, so that going from row to row asks nothing.

They are kept while rows of one window are looked at; the next window takes their place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from tallystick_dashboard.trace.action import Shape, text_of
from tallystick_dashboard.trace.model import Row, Trace

MAX_SPANS: Final = 200
"""Span ids of one request, as many as the service takes."""
AROUND: Final = 30
"""Rows before and behind the one that a link opens: what is on the screen is not known yet."""


class SpanSource(Protocol):
    """Where the details of spans come from."""

    def spans(self, trace_id: str, span_ids: Sequence[str]) -> Sequence[Shape]:
        """Return the spans with these ids, with their attributes."""


@dataclass(slots=True)
class Window:
    """The spans of a trace that are at hand."""

    trace: Trace
    source: SpanSource = field(repr=False)
    _kept: Mapping[str, Sequence[Shape]] = field(default_factory=dict, repr=False)

    def spans_of(self, row: Row, near: Sequence[str]) -> Sequence[Shape]:
        """Return the spans of a row; `near` are the ids of the rows that stand beside it on the screen.

        Raises DashboardError where they are not at hand and the service does not answer.
        """
        span_id = row.draft.span_id
        if span_id not in self._kept:
            asked = self._asked(row, near)
            kept: dict[str, list[Shape]] = {one: [] for one in asked}
            for span in self.source.spans(self.trace.id, asked):
                kept.setdefault(text_of(span["span_id"]), []).append(span)
            self._kept = kept
        return self._kept[span_id]

    def _asked(self, row: Row, near: Sequence[str]) -> list[str]:
        """Return the ids to ask for: the row's own first, then those of rows that no record describes."""
        beside = [self.trace.by_id[one] for one in near if one in self.trace.by_id]
        alone = [one.draft.span_id for one in beside or self._around(row) if is_span_alone(one)]
        return list(dict.fromkeys([row.draft.span_id, *alone]))[:MAX_SPANS]

    def _around(self, row: Row) -> Sequence[Row]:
        at = self.trace.rows.index(row)
        return self.trace.rows[max(0, at - AROUND) : at + AROUND]


def is_span_alone(row: Row) -> bool:
    """Whether a row is a span that no record describes."""
    return bool(row.draft.span_id) and not row.draft.log_indexes
