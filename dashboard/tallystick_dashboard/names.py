"""Names of people: withheld until whoever may reveal them says why, and then shown in that one view.

A view is a page and what its address asks for. The reason stays in the memory of the visit, goes with the
requests of its view and with no other, and is forgotten when the view is left, by Hide, or after LIFE_S.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import streamlit as st

from tallystick_dashboard.client import Person
from tallystick_dashboard.icons import icon
from tallystick_dashboard.markup import Markup, tag
from tallystick_dashboard.reason import MAX_CHARS, MIN_CHARS, fault_of

View: TypeAlias = Mapping[str, str]
"""What a page is asked, without the place in it: a reason is given for this, and for no other."""

LIFE_S: Final = 15 * 60
"""How long one reason counts; whoever looks for longer gives it again."""
RIGHTS: Final = ("payload", "reveal")
_PAGE: Final = "names-page"
_GIVEN: Final = "names-given"
_FAULT: Final = "names-fault"
_TYPED: Final = "names-reason"
_RULE: Final = (
    f"{MIN_CHARS} to {MAX_CHARS} characters. Names are shown in this view alone, for {LIFE_S // 60} minutes at "
    "most. Each request for them goes on record with your name and this reason."
)


@dataclass(frozen=True, slots=True)
class _Given:
    """A reason that was given."""

    view: View
    text: str = field(repr=False)
    at_s: float


def stay_on(page: str) -> None:
    """Forget a reason that was given on another page; said at each run of a page."""
    if st.session_state.get(_PAGE) != page:
        forget()
    st.session_state[_PAGE] = page


def forget() -> None:
    """Withhold names again."""
    for key in (_GIVEN, _FAULT):
        st.session_state.pop(key, None)


def reason_in(view: View) -> str | None:
    """Return the reason that is in force in a view; one of another view, or too old, is forgotten."""
    given: _Given | None = st.session_state.get(_GIVEN)
    if given is None:
        return None
    if given.view != dict(view) or time.monotonic() - given.at_s >= LIFE_S:
        forget()
        return None
    return given.text


def control(person: Person, view: View, place: str) -> str | None:
    """Draw how names are shown and hidden in a view; return the reason in force, None: names are withheld.

    `place` says where in the view they stand.
    """
    lacking = [right for right in RIGHTS if not person.may(right)]
    if lacking:
        forget()
    reason = reason_in(view)
    with st.container(key="names", horizontal=True, vertical_alignment="center"):
        if lacking:
            st.html(_lacking(lacking))
        elif reason is None:
            _form(view)
        else:
            st.html(_shown(place, reason))
            st.button("Hide names", key="names-hide", on_click=forget)
    return reason


def _form(view: View) -> None:
    fault = st.session_state.get(_FAULT)
    with (
        st.popover("Show names of people", icon=":material/visibility:", key="names-why"),
        st.form("names-form", border=False),
    ):
        st.text_input("Why do you need them?", key=_TYPED, autocomplete="off")
        if fault is not None:
            st.html(tag("p", icon("warn"), f" {fault}", cls="ts-refusal", role="alert"))
        st.html(tag("p", _RULE, cls="ts-note"))
        st.form_submit_button("Show names", type="primary", on_click=_give, args=(view,))


def _give(view: View) -> None:
    """Take the reason that was typed, or say what it lacks."""
    typed = str(st.session_state.get(_TYPED) or "")
    fault = fault_of(typed)
    if fault is not None:
        st.session_state[_FAULT] = fault
        return
    forget()
    st.session_state[_TYPED] = ""
    st.session_state[_GIVEN] = _Given(dict(view), typed.strip(), time.monotonic())


def _shown(place: str, reason: str) -> Markup:
    return tag(
        "p",
        icon("warn"),
        tag("strong", f" Names of people are shown {place}"),
        ", for the reason: ",
        tag("q", reason),
        " Each request for them is on record with it.",
        cls="ts-names",
        role="status",
    )


def _lacking(rights: Sequence[str]) -> Markup:
    """Say what to ask for; a control that opens nothing would help nobody."""
    word = "right" if len(rights) == 1 else "rights"
    return tag(
        "p",
        f"Names of people are withheld: to see them, with a reason each time, takes the {word} "
        f"{' and '.join(rights)}. Ask an administrator for an account with such a role: ",
        tag("code", "tallystick accounts add NAME --role security", cls="ts-command"),
        cls="ts-note",
    )
