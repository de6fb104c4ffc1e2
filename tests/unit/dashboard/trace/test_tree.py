"""The order of rows, whatever the parents say."""

import pytest

from tallystick_dashboard.trace.tree import ROOT, grow


def keys(count: int) -> list[tuple[int, int]]:
    return [(0, index) for index in range(count)]


def test_rows_stand_below_their_parents_in_the_order_of_their_keys() -> None:
    forest = grow([ROOT, 0, 0, 1], [(5, 0), (9, 1), (7, 2), (9, 3)])
    assert forest.order == (0, 2, 1, 3)
    assert forest.depths == (0, 1, 1, 2)
    assert forest.cut == frozenset()


@pytest.mark.parametrize(
    ("parents", "cut"),
    [
        ([0], {0}),
        ([1, 0], {0}),
        ([2, 0, 1, 2], {0}),
        ([1, 0, 3, 2], {0, 2}),
        ([ROOT, 2, 3, 1], {1}),
    ],
)
def test_of_each_loop_one_link_is_cut(parents: list[int], cut: set[int]) -> None:
    forest = grow(parents, keys(len(parents)))
    assert forest.cut == cut
    assert sorted(forest.order) == list(range(len(parents)))


def test_a_loop_is_cut_at_the_row_that_comes_first() -> None:
    assert grow([1, 2, 0], [(9, 0), (3, 1), (7, 2)]).cut == {1}


def test_a_chain_of_a_hundred_thousand_rows_is_not_too_deep() -> None:
    count = 100_000
    forest = grow([ROOT, *range(count - 1)], keys(count))
    assert forest.depths[-1] == count - 1


def test_no_rows_are_an_empty_forest() -> None:
    assert grow([], []).order == ()
