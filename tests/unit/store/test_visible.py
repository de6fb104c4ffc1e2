"""Texts of other people's, made harmless to read."""

import pytest

from tallystick_store.evidence.visible import clipped, csv_cell, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain <b> & text", "plain <b> & text"),
        ("Größe 東京 नमस्ते", "Größe 東京 नमस्ते"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb\u2066", "a\\u200bb\\u2066"),
        ("a\x00\x1b[31m\n", "a\\u0000\\u001b[31m\\u000a"),
        ("a\u00a0b\u3164c\u2800", "a\\u00a0b\\u3164c\\u2800"),
        ("tag \U000e0041", "tag \\U000e0041"),
        ("x\ufe0f", "x\\ufe0f"),
        ("z\u0300\u0301\u0302\u0303", "z\u0300\u0301\\u0302\\u0303"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_acts_hides_or_piles_up_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_long_text_is_cut_and_says_so() -> None:
    assert clipped("x" * 300) == "x" * 240 + " ... (300 characters)"
    assert clipped("x" * 240) == "x" * 240


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(begin: str) -> None:
    assert csv_cell(begin + 'cmd "x"').startswith("\"'")


@pytest.mark.parametrize("middle", [";=", ';"=', "; @", ";\uff1d", "|-", "\t+"])
def test_no_spreadsheet_that_splits_elsewhere_finds_a_formula_within_a_cell(middle: str) -> None:
    cell = csv_cell(f"tool{middle}cmd|'/c calc'!A0;")
    for sign in ";|":
        for part in cell.split(sign)[1:]:
            assert not part.lstrip(' "').startswith(("=", "+", "-", "@", "\uff1d"))


def test_a_cell_without_formulas_stays_as_it_is() -> None:
    assert csv_cell("a;b | c-d=e, f@g.example") == '"a;b | c-d=e, f@g.example"'


def test_quotes_of_a_cell_are_doubled() -> None:
    assert csv_cell('say "x"') == '"say ""x"""'
