"""The window: details of the spans on the screen, in one request, and no more of them than the service takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tallystick_dashboard.client import ServiceAwayError
from tallystick_dashboard.trace.action import Shape
from tallystick_dashboard.trace.model import Trace, read_trace
from tallystick_dashboard.trace.window import AROUND, MAX_SPANS, Window
from tests.requirements import requirement
from tests.unit.dashboard.traces import TRACE, answer, call, called, span

pytestmark = requirement("dashboard.large-trace")
COUNT = 500


@dataclass
class Source:
    """Answers with the spans that it was asked for, and keeps what it was asked."""

    asked: list[Sequence[str]] = field(default_factory=list)
    is_away: bool = False

    def spans(self, trace_id: str, span_ids: Sequence[str]) -> Sequence[Shape]:
        assert trace_id == TRACE
        self.asked.append(span_ids)
        if self.is_away:
            raise ServiceAwayError("away")
        return [span(one, attributes={"of": one}) for one in span_ids if one != "s7"]

    def calls(self, trace_id: str, action_ids: Sequence[str]) -> Sequence[Shape]:
        assert trace_id == TRACE
        self.asked.append(action_ids)
        if self.is_away:
            raise ServiceAwayError("away")
        told = dict.fromkeys(one.removesuffix("-server") for one in action_ids if one != "c7")
        return [
            {**called(one, f"{one}-server"), "stages": [{"of": one}]} for one in told if one != "c7"
        ]


@pytest.fixture(scope="module")
def calls() -> Trace:
    """Calls of two ends each."""
    events = [call(n, f"c{n}", f"s{n}") for n in range(COUNT)]
    events += [call(COUNT + n, f"c{n}-server", f"t{n}", f"s{n}") for n in range(COUNT)]
    told = [called(f"c{n}", f"c{n}-server") for n in range(COUNT)]
    return read_trace(TRACE, answer(events, [], told))


def test_the_stages_of_the_calls_in_a_window_are_asked_for_once_by_both_ends(calls: Trace) -> None:
    source = Source()
    window = Window(calls, source)
    for number in (20, 21, 29):
        found = window.staged(calls.calls[number], calls.by_id[f"s{number}"], ids(10, 30))
        assert found is not None
        assert found["stages"] == [{"of": f"c{number}"}]
    [asked] = source.asked
    assert asked[:4] == ["c20", "c20-server", "c10", "c10-server"]
    assert len(asked) == len(set(asked)) == 40


def test_no_more_stages_are_asked_for_than_the_service_tells(calls: Trace) -> None:
    source = Source()
    Window(calls, source).staged(calls.calls[450], calls.by_id["s450"], ids(1, COUNT))
    [asked] = source.asked
    assert len(asked) == MAX_SPANS
    assert asked[:2] == ["c450", "c450-server"]


def test_a_call_of_which_the_service_tells_no_stages_any_more_has_none(calls: Trace) -> None:
    source = Source()
    window = Window(calls, source)
    assert window.staged(calls.calls[7], calls.by_id["s7"], []) is None
    assert window.staged(calls.calls[7], calls.by_id["s7"], []) is None
    assert len(source.asked) == 1
    source.is_away = True
    with pytest.raises(ServiceAwayError):
        window.staged(calls.calls[400], calls.by_id["s400"], [])


@pytest.fixture(scope="module")
def trace() -> Trace:
    return read_trace(TRACE, answer([call(1, "a", "s1")], [span(f"s{n}") for n in range(1, COUNT)]))


def ids(first: int, last: int) -> list[str]:
    return [f"s{n}" for n in range(first, last)]


def test_going_from_row_to_row_within_a_window_asks_once(trace: Trace) -> None:
    source = Source()
    window = Window(trace, source)
    for row in ("s20", "s21", "s39"):
        [found] = window.spans_of(trace.by_id[row], ids(10, 40))
        assert found["attributes"] == {"of": row}
    assert source.asked == [["s20", *(one for one in ids(10, 40) if one != "s20")]]


def test_another_window_takes_the_place_of_the_one_before(trace: Trace) -> None:
    source = Source()
    window = Window(trace, source)
    for row, near in (("s20", ids(10, 40)), ("s90", ids(80, 99)), ("s20", ids(10, 40))):
        window.spans_of(trace.by_id[row], near)
    assert [len(one) for one in source.asked] == [30, 19, 30]


def test_no_more_is_asked_for_than_the_service_takes_and_always_the_row_itself(
    trace: Trace,
) -> None:
    source = Source()
    Window(trace, source).spans_of(trace.by_id["s450"], ids(1, COUNT))
    [asked] = source.asked
    assert (asked[0], len(asked), len(set(asked))) == ("s450", MAX_SPANS, MAX_SPANS)


def test_a_row_that_a_record_describes_is_not_asked_for(trace: Trace) -> None:
    source = Source()
    Window(trace, source).spans_of(trace.by_id["s2"], ids(1, 5))
    assert source.asked == [["s2", "s3", "s4"]]


def test_without_a_window_the_rows_around_are_asked_for(trace: Trace) -> None:
    source = Source()
    Window(trace, source).spans_of(trace.by_id["s100"], [])
    [asked] = source.asked
    assert len(asked) == 2 * AROUND
    assert set(asked) == {trace.rows[at].id for at in _around(trace, "s100")}


def _around(trace: Trace, row: str) -> range:
    at = trace.rows.index(trace.by_id[row])
    return range(at - AROUND, at + AROUND)


def test_a_span_that_is_gone_is_not_asked_for_again_and_again(trace: Trace) -> None:
    source = Source()
    window = Window(trace, source)
    for _ in range(2):
        assert window.spans_of(trace.by_id["s7"], ids(5, 9)) == []
    assert len(source.asked) == 1


def test_what_the_service_did_not_answer_is_asked_for_anew(trace: Trace) -> None:
    source = Source(is_away=True)
    window = Window(trace, source)
    with pytest.raises(ServiceAwayError):
        window.spans_of(trace.by_id["s9"], ids(5, 12))
    source.is_away = False
    [found] = window.spans_of(trace.by_id["s9"], ids(5, 12))
    assert found["attributes"] == {"of": "s9"}
