"""Whatever a text holds: on a screen it is one line, seen as itself, and no markup."""

import re
import unicodedata
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from tallystick.inert import MAX_MARKS
from tallystick_dashboard.markup import tag
from tallystick_dashboard.text import safe
from tests.requirements import requirement

ANY_TEXT = st.text(st.characters(), max_size=200)
HOSTILE = st.one_of(
    ANY_TEXT,
    st.text("<>\"'&/=:;()[]{}`$\\ \n\t\r\u202e\u200b\u0301abconerrsvgimpt", max_size=80),
)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class Reader(HTMLParser):
    """Reads markup as a browser would: which elements stand in it, and which text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@requirement("dashboard.inert")
@given(HOSTILE)
def test_nothing_unseen_is_left_in_a_safe_text(text: str) -> None:
    shown = safe(text)
    assert not {unicodedata.category(char) for char in shown} & UNSEEN
    assert "\n" not in shown


@given(HOSTILE)
def test_a_safe_text_is_safe_already(text: str) -> None:
    assert safe(safe(text)) == safe(text)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert safe(text) == text


@given(st.text("a\u0301\u0302\u0308", max_size=40))
def test_marks_never_pile_up(text: str) -> None:
    piles = re.findall("[\u0301\u0302\u0308]+", safe(text))
    assert all(len(pile) <= MAX_MARKS for pile in piles)


@requirement("dashboard.inert")
@given(HOSTILE, HOSTILE)
def test_a_text_never_becomes_an_element_or_an_attribute(text: str, title: str) -> None:
    reader = Reader()
    reader.feed(tag("span", text, title=title))
    reader.close()
    assert reader.elements == [("span", ("title",))]
    assert reader.text == safe(text)
