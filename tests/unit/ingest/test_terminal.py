"""Recorded text on a terminal: everything is shown, and nothing acts."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick_ingest.terminal import Column, columns, cut, inert, padded, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("grüße, 你好, 🙂", "grüße, 你好, 🙂"),
        ("a\x1b[31mred\x1b[0m", r"a\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("line\nfeed\r\ttab", r"line\nfeed\r\ttab"),
        ("evil\u202etxt.exe", r"evil\u202etxt.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\ufeffmark", r"\ufeffmark"),
        ("line\u2028separator", r"line\u2028separator"),
        ("no\u00a0break", "no break"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("blank\u3164\u2800", r"blank\u3164\u2800"),
        ("private\ue000", r"private\ue000"),
        ("half \ud83d", r"half \ud83d"),
        ("null\x00", r"null\x00"),
    ],
)
def test_what_would_act_or_hide_is_spelled_out(text: str, shown: str) -> None:
    assert inert(text) == shown


def test_a_tower_of_marks_does_not_paint_over_other_lines() -> None:
    assert inert("e\u0301") == "e\u0301"
    tower = inert("e" + "\u0301" * 50)
    assert tower.count("\u0301") == 2
    assert tower.count(r"\u0301") == 48


def test_a_huge_text_is_cut_before_it_is_looked_at() -> None:
    shown = inert("é" * 10_000_000)
    assert len(shown) == 20_001
    assert shown.endswith("…")


@given(st.text())
def test_nothing_that_is_shown_can_act_on_a_terminal(text: str) -> None:
    shown = inert(text)
    kinds = {unicodedata.category(char) for char in shown}
    assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    assert "\x1b" not in shown


@given(st.text(), st.integers(0, 60))
def test_a_cut_text_fits_its_columns(text: str, width: int) -> None:
    assert columns(cut(inert(text), width)) <= width
    assert columns(padded(inert(text), width)) == width


def test_wide_characters_take_two_columns() -> None:
    assert columns("你好") == 4
    assert cut("你好吗", 5) == "你好…"
    assert padded("你", 4) == "你  "


HEAD = (
    Column("NAME", 4, 20),
    Column("MS", 4, 8, is_number=True),
    Column("ARGUMENTS", 9, 200),
)


def test_a_table_gives_way_from_the_right_and_aligns_numbers() -> None:
    rows = [["lookup", "5.0", "x" * 300], ["a\nb", "1234.5", "{}"]]
    lines = table(HEAD, rows, 40)
    assert lines[0] == "NAME        MS  ARGUMENTS"
    assert lines[1].startswith("lookup     5.0  xxx")
    assert lines[2] == r"a\nb    1234.5  {}"
    assert max(columns(line) for line in lines) == 40


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=4), st.integers(1, 120))
def test_a_table_never_is_wider_than_the_terminal(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    lines = table(HEAD, [list(row) for row in rows], width)
    assert len(lines) == len(rows) + 1
    assert all(columns(line) <= width for line in lines)
