"""The details of the rows on the screen: asked for together, so that going from row to row asks nothing.

Of spans all that they say, of calls their stages. They are kept while rows of one window are looked at; the next window
takes their place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from tallystick_dashboard.trace.action import Shape, text_of
from tallystick_dashboard.trace.model import Row, Trace

MAX_SPANS: Final = 200
"""Span ids of one request, as many as the service takes; and actions."""
AROUND: Final = 30
"""Rows before and behind the one that a link opens: what is on the screen is not known yet."""


class Source(Protocol):
    """Where the details come from."""

    def spans(self, trace_id: str, span_ids: Sequence[str]) -> Sequence[Shape]:
        """Return the spans with these ids, with their attributes."""

    def calls(self, trace_id: str, action_ids: Sequence[str]) -> Sequence[Shape]:
        """Return the calls of these actions, stage by stage."""


@dataclass(slots=True)
class Window:
    """The spans and calls of a trace that are at hand."""

    trace: Trace
    source: Source = field(repr=False)
    _stages: Mapping[str, Shape | None] = field(default_factory=dict, repr=False)
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

    def staged(self, call: Shape, row: Row, near: Sequence[str]) -> Shape | None:
        """Return a call with its stages; those of the rows beside `row` are asked for with it.

        None where the service tells no stages of it any more. Raises DashboardError as `spans_of` does.
        """
        name = text_of(call["action_id"])
        if name not in self._stages:
            beside = [self.trace.ends_of(one)[0] for one in self._actions_beside(row, near)]
            wanted = [self.trace.ends_of(one) for one in dict.fromkeys([name, *beside])]
            kept: dict[str, Shape | None] = {}
            while sum(map(len, wanted)) > MAX_SPANS:
                wanted.pop()
            kept |= {one: None for ends in wanted for one in ends}
            for found in self.source.calls(self.trace.id, list(kept)):
                kept |= dict.fromkeys(map(text_of, found["action_ids"]), found)
            self._stages = kept
        return self._stages[name]

    def _actions_beside(self, row: Row, near: Sequence[str]) -> list[str]:
        beside = [self.trace.by_id[one] for one in near if one in self.trace.by_id]
        return [one.draft.action_id for one in beside or self._around(row) if one.draft.action_id]

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
