"""Texts of strangers on a screen: by the table that also holds the components' JavaScript."""

import json
from pathlib import Path

import pytest

from tallystick_dashboard.markup import join, tag
from tallystick_dashboard.text import safe, short
from tests.requirements import requirement

TABLE = json.loads(Path(__file__).with_name("inert_texts.json").read_text(encoding="utf-8"))


@requirement("dashboard.inert")
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["what"])
def test_a_text_is_shown_as_the_table_says(row: dict[str, str]) -> None:
    assert safe(row["text"]) == row["shown"]


def test_a_long_text_is_cut_and_says_so() -> None:
    assert safe("ab" * 10, 5) == "ababa…"
    assert safe("ababa", 5) == "ababa"


def test_an_absent_text_is_empty_and_a_number_is_itself() -> None:
    assert (safe(None), safe(17)) == ("", "17")


def test_an_id_is_shortened_to_its_first_characters() -> None:
    assert short("0123456789abcdef") == "01234567"
    assert short("0123") == "0123"


@requirement("dashboard.inert")
def test_markup_escapes_texts_and_attributes_and_nests_elements() -> None:
    made = tag("a", "<b>", tag("i", "\u202ex"), href='/x?a="b"', cls="k", title=None)
    assert made == ('<a href="/x?a=&quot;b&quot;" class="k">&lt;b&gt;<i>\\u202ex</i></a>')


def test_an_element_without_content_is_closed_as_its_kind_needs() -> None:
    assert join(tag("br"), tag("span")) == "<br/><span></span>"
