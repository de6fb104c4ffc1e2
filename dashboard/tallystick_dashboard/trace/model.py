"""One trace, ready to be shown: its rows in order, what is wrong with it, and its calls.

Everything comes from the service's JSON; nothing is guessed, and nothing in it can make this fail.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tallystick_dashboard.trace.action import Action, Proof, Shape, Status, actions_of, text_of
from tallystick_dashboard.trace.in_force import odd_definitions
from tallystick_dashboard.trace.join import ALARMS, Join, joins_of
from tallystick_dashboard.trace.rows import CONTRADICTED, Draft, drafts_of
from tallystick_dashboard.trace.tree import ROOT, grow

ORPHAN: Final = "its parent is not in this trace"
LOOP: Final = "its parents form a loop, cut here"
TWICE: Final = "another row has the same span id"

BAD: Final[tuple[Status, ...]] = ("denied", "failed", "timeout", "cancelled")
MAX_FAULTS: Final = 5
"""More records that do not hold are counted, not named."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row in its place."""

    draft: Draft
    id: str
    """Unique in the trace: the span's id, where that is not taken."""
    depth: int
    flags: tuple[str, ...]
    join: Join | None = None


@dataclass(frozen=True)
class Trace:
    """A whole trace."""

    id: str
    rows: tuple[Row, ...]
    actions: Mapping[str, Action]
    calls: tuple[Shape, ...]
    joins: tuple[Join, ...]
    faults: tuple[str, ...] = ()
    """What does not hold of its records, a sentence for each."""
    is_cut: bool = False
    """Whether it has more rows than the service gives."""

    @cached_property
    def by_id(self) -> dict[str, Row]:
        """Rows by their ids."""
        return {row.id: row for row in self.rows}

    @cached_property
    def by_action(self) -> dict[str, Row]:
        """Rows of actions by action id."""
        return {row.draft.action_id: row for row in self.rows if row.draft.action_id}

    @cached_property
    def _ends(self) -> dict[str, tuple[str, ...]]:
        return {
            text_of(action): tuple(map(text_of, call["action_ids"]))
            for call in self.calls
            for action in call["action_ids"]
        }

    def ends_of(self, action_id: str) -> tuple[str, ...]:
        """Return the actions of the call that an action is an end of; itself where it is of none."""
        return self._ends.get(action_id, (action_id,))

    @cached_property
    def start_us(self) -> int:
        """When the first of its rows began; 0 for a trace in which nothing has a time."""
        return min(self._times(), default=0)

    @cached_property
    def end_us(self) -> int:
        """The last moment that somebody stated."""
        return max(self._times(), default=0)

    def _times(self) -> Iterator[int]:
        for row in self.rows:
            for time_us in (row.draft.start_us, row.draft.end_us):
                if time_us is not None:
                    yield time_us

    def proofs(self, *states: Proof) -> int:
        """Count the rows in these states of proof."""
        return sum(row.draft.proof in states for row in self.rows)

    def outcomes(self, *words: str) -> int:
        """Count the calls that ended so."""
        return sum(call["outcome"] in words for call in self.calls)

    @property
    def agents(self) -> list[str]:
        """Name the agents, in order of appearance: those of spans, and those that records state."""
        spans = (row.draft.where for row in self.rows if row.draft.kind == "agent")
        stated = (text_of(one.said("agent.name")) for one in self.actions.values())
        return [name for name in dict.fromkeys((*spans, *stated)) if name]

    @property
    def masked(self) -> int:
        """Count what was masked before it left its process, or by the service."""
        return sum(row.draft.masked for row in self.rows)

    @cached_property
    def first(self) -> Row | None:
        """The row to look at first: what is corrupt, then denied, then failed, then any call."""
        return min(self.rows, key=_urgency, default=None)

    @property
    def notices(self) -> list[str]:
        """Say what is odd about the trace as a whole."""
        return list(_notices(self))

    @property
    def alarms(self) -> list[str]:
        """Say why the page is red; empty when it is not."""
        return list(_alarms(self))


def read_trace(trace_id: str, answer: Shape) -> Trace:
    """Make a trace of the answer to `/api/v1/traces/{id}`."""
    events, spans = answer["events"], answer["spans"]
    readable = [one for one in events if one["statement"] is not None]
    actions = {one.id: one for one in actions_of(readable)}
    calls = tuple(answer["calls"])
    joins = tuple(joins_of(calls))
    drafts = drafts_of(events, spans, actions.values())
    rows = tuple(_placed(drafts, joins, odd_definitions(calls)))
    faults = (*_event_faults(events), *_span_faults(spans))
    is_cut = bool(answer.get("incomplete"))
    return Trace(trace_id, rows, actions, calls, joins, faults, is_cut)


def _urgency(row: Row) -> int:
    """Say how soon a row should be looked at: what comes first in the trace wins among equals."""
    draft = row.draft
    if draft.proof == "corrupt":
        return 0
    if draft.is_call and draft.status in BAD:
        return 1 if draft.status == "denied" else 2
    return 3 if draft.is_call else 4


def _event_faults(events: Sequence[Shape]) -> Iterator[str]:
    for event in events:
        names = _columns(event)
        if names or event["statement"] is None:
            word = "cannot be read" if event["statement"] is None else "is not what was recorded"
            yield f"record {event['log_index']} {word}: {names or 'no statement'}"


def _span_faults(spans: Sequence[Shape]) -> Iterator[str]:
    for span in spans:
        if span.get("faults"):
            place = f"span {span['position']} of record {span['log_index']}"
            yield f"{place} is not what was received: {_columns(span)}"


def _columns(row: Shape) -> str:
    return ", ".join(dict.fromkeys(str(one["column"]) for one in row.get("faults") or ()))


def _placed(
    drafts: Sequence[Draft], joins: Sequence[Join], definitions: Mapping[str, str]
) -> Iterator[Row]:
    joined = {action: one for one in joins for action in one.actions}
    ids = _unique([one.id for one in drafts])
    spans, actions, groups = _index(drafts)
    parents = [_parent(at, one, spans, actions, groups) for at, one in enumerate(drafts)]
    last = 2**63
    keys = [
        (one.start_us if one.start_us is not None else last, at) for at, one in enumerate(drafts)
    ]
    forest = grow(parents, keys)
    for index, depth in zip(forest.order, forest.depths, strict=True):
        draft = drafts[index]
        flags = list(draft.flags)
        if index in forest.cut:
            flags.append(LOOP)
        elif parents[index] == ROOT and draft.parent_span:
            flags.append(ORPHAN)
        if draft.span_id and spans[draft.span_id] != index:
            flags.append(TWICE)
        join = joined.get(draft.action_id)
        if join is not None and join.is_alarm and join.actions[-1] == draft.action_id:
            flags.append(join.head)
        if draft.action_id in definitions:
            flags.append(definitions[draft.action_id])
        yield Row(draft, ids[index], depth, tuple(flags), join)


def _index(
    drafts: Sequence[Draft],
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """Find rows by span, by action and by group; the first to use an id keeps it."""
    spans: dict[str, int] = {}
    actions: dict[str, int] = {}
    groups: dict[str, int] = {}
    for at, one in enumerate(drafts):
        if one.span_id:
            spans.setdefault(one.span_id, at)
        if one.is_call:
            actions.setdefault(one.action_id, at)
        if one.is_folded:
            groups.setdefault(one.id, at)
    return spans, actions, groups


def _parent(
    at: int,
    draft: Draft,
    spans: Mapping[str, int],
    actions: Mapping[str, int],
    groups: Mapping[str, int],
) -> int:
    if draft.group:
        return groups[draft.group]
    found = spans.get(draft.parent_span, ROOT)
    if found == ROOT and draft.parent_action:
        found = actions.get(draft.parent_action, ROOT)
    is_self_by_action = found == at and draft.parent_span not in spans
    return ROOT if is_self_by_action else found


def _unique(ids: Sequence[str]) -> list[str]:
    """Tell ids that occur again apart by a number: `ab`, `ab-2`, `ab-3`."""
    taken: set[str] = set()
    counts: dict[str, int] = {}
    unique = []
    for one in ids:
        name, number = one, counts.get(one, 1)
        while name in taken:
            number += 1
            name = f"{one}-{number}"
        counts[one] = number
        taken.add(name)
        unique.append(name)
    return unique


def _notices(trace: Trace) -> Iterator[str]:
    if trace.is_cut:
        yield "The trace has more rows than the service gives at once; these are the first of them."
    for flag, one, many in (
        (LOOP, "1 row's parents form a loop, which was cut", "{} loops of parents were cut"),
        (
            ORPHAN,
            "1 row's parent is not in this trace; it stands at the left",
            "{} rows' parents are not in this trace; they stand at the left",
        ),
        (TWICE, "1 span id is used twice", "{} span ids are used again"),
        (
            CONTRADICTED,
            "1 span states other times than the record of its call; the record's are shown",
            "{} spans state other times than the records of their calls; the records' are shown",
        ),
    ):
        count = sum(flag in row.flags for row in trace.rows)
        if count:
            yield one if count == 1 else many.format(f"{count:,}")


def _alarms(trace: Trace) -> Iterator[str]:
    yield from trace.faults[:MAX_FAULTS]
    if len(trace.faults) > MAX_FAULTS:
        yield f"{len(trace.faults) - MAX_FAULTS:,} more records are not what was recorded"
    for state, (one, many) in ALARMS.items():
        number = sum(join.state == state for join in trace.joins)
        if number:
            yield one if number == 1 else many.format(f"{number:,}")
    calls = [
        f"{count:,} {'call' if count == 1 else 'calls'} {said}"
        for words, said in ((("denied",), "denied"), (("failure", "timeout"), "failed"))
        if (count := trace.outcomes(*words))
    ]
    if calls:
        yield ", ".join(calls)
