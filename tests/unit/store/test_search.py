"""A text is found wherever it stands in a record of the period, page by page, and a short time finds what it can."""

import itertools
from pathlib import Path

import pytest

from tallystick_store import search as search_module
from tallystick_store.reach import Reach
from tallystick_store.rows import EventRow, Merge
from tallystick_store.search import SearchPage, search_text
from tallystick_store.store import Store
from tests.requirements import requirement
from tests.stores import START_US, Emitter, open_store, write

PERIOD = (START_US, START_US + 1_000_000)


def told(number: int, page: SearchPage) -> list[int]:
    assert len(page.events) <= number
    return [one.log_index for one in page.events]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store, emitter = open_store(tmp_path), Emitter()
    disclosed = ('{"note":"Say \\"Ahoy\\" 100%"}', '{"note":"nothing"}', '{"note":"AHOY_again"}')
    records = [
        emitter.record("tool.completed", {"result": text}, tool__name=f"tool-{number}")
        for number, text in enumerate(disclosed)
    ]
    late = emitter.record("tool.completed", {"params": '"ahoy, late"'}, tool__name="quiet")
    without = late._replace(disclosures=())
    write(store, [*map(EventRow, records), EventRow(without)])
    write(store, [Merge(3, tuple(one.line for one in late.disclosures))])
    return store


@requirement("use.search")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ahoy", [3, 2, 0]),
        ('"ahoy" 1', [0]),
        ("100%", [0]),
        ("y_a", [2]),
        ("tool-1", [1]),
        ("ahoy%", []),
        ("' OR true --", []),
    ],
)
def test_a_text_is_found_as_it_was_given(store: Store, text: str, expected: list[int]) -> None:
    page = search_text(store.database, text, PERIOD)
    assert told(50, page) == expected
    assert page.before is None
    store.close()


@requirement("use.search")
def test_pages_and_stretches_leave_nothing_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stretch, limit in itertools.product((1, 2, 10), (1, 2)):
        monkeypatch.setattr(search_module, "_STRETCH", stretch)
        found: list[int] = []
        before: int | None = None
        pages = 0
        while pages == 0 or before is not None:
            page = search_text(store.database, "ahoy", PERIOD, limit=limit, before=before)
            found, before, pages = [*found, *told(limit, page)], page.before, pages + 1
        assert found == [3, 2, 0]
    store.close()


@requirement("use.search")
def test_a_search_that_runs_out_of_time_says_where_to_go_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_module, "_STRETCH", 1)
    clock = itertools.count(0, 10)
    page = search_text(store.database, "tool-0", PERIOD, monotonic_s=lambda: next(clock))
    assert (page.events, page.before) == ((), 3)
    store.close()


def test_nothing_outside_the_period_or_the_right_is_found(store: Store) -> None:
    assert search_text(store.database, "ahoy", (START_US + 2, PERIOD[1])).events[-1].log_index == 2
    assert search_text(store.database, "ahoy", (0, START_US)) == SearchPage((), None)
    reader = store.database.within(Reach(has_payload=False))
    assert search_text(reader, "ahoy", PERIOD).events == ()
    assert told(50, search_text(reader, "tool-1", PERIOD)) == [1]
    store.close()
