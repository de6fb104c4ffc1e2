"""The shell of every page: who looks, the integrity strip, the page's own part, and what went wrong.

Rights are asked for anew on each run of a page; hiding something is a courtesy, the service refuses by
itself. A fault is shown as what it is: an unreachable service never looks like an empty log.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlencode

import streamlit as st

from tallystick_dashboard import names, session, strip
from tallystick_dashboard.client import (
    Client,
    DashboardError,
    NotAllowedError,
    NotFoundError,
    NotSignedInError,
    Person,
    RefusedError,
    ServiceAwayError,
)
from tallystick_dashboard.markup import BREAK, Markup, join, tag

Draw = Callable[[Client, Person], None]

RETRY_S: Final = 3
_ADDRESS: Final = "address-of-a-fault"


def show(title: str, draw: Draw) -> None:
    """Show one page: `draw` gets the client and the person, and may raise any DashboardError."""
    _restore_address(title)
    names.stay_on(title)
    client = session.client_of_visitor()
    with faults_shown(title):
        person = client.me()
        _masthead(title, person)
        with st.container(key="integrity_strip"):
            st.html(strip.drawn(client.verification()))
        draw(client, person)


@contextmanager
def faults_shown(title: str | None = None) -> Iterator[None]:
    """Show a DashboardError in place of the rest; what runs as a fragment of its own wants it too."""
    try:
        yield
    except DashboardError as error:
        address = st.query_params.to_dict()
        if title is not None:
            st.session_state[_ADDRESS] = (title, address)
        _show_fault(error, address)


def _restore_address(title: str) -> None:
    """Give the page its filters back: a page without its widgets loses what they keep in the address."""
    of_title, address = st.session_state.pop(_ADDRESS, (None, {}))
    if of_title == title:
        for name, value in address.items():
            if name not in st.query_params:
                st.query_params[name] = value


def require(person: Person, scope: str) -> None:
    """Raise NotAllowedError unless the person has a scope."""
    if not person.may(scope):
        raise NotAllowedError(
            f"The right {scope!r} is needed; {person.name} has {', '.join(person.scopes)}"
        )


def empty(sentence: str, *commands: str) -> None:
    """Show that there is nothing yet, and the commands that change this."""
    shown = [tag("code", command) for command in commands]
    st.html(tag("div", tag("p", sentence), *shown, cls="ts-empty"))


def commands(lines: Sequence[str]) -> Markup:
    """Return commands to copy; what stands behind `#` is for the reader."""
    shown: list[Markup | str] = []
    for line in lines:
        command, sharp, remark = line.partition("#")
        shown += [command, tag("span", sharp + remark, cls="ts-quiet"), BREAK]
    return tag("pre", *shown[:-1], cls="ts-shell", tabindex=0, role="group", aria_label="Commands")


def _masthead(title: str, person: Person) -> None:
    who = tag("span", person.name, cls="ts-name")
    role = tag("span", person.role or "key", cls="ts-role")
    out = tag("a", "Sign out", href="/logout", target="_self")
    st.html(
        join(
            tag("h1", title, cls="ts-title"),
            tag("div", who, role, out, cls="ts-who"),
        )
    )


def _show_fault(error: DashboardError, address: Mapping[str, str]) -> None:
    kind, head, remedy = _told(error)
    with st.container(key="page_error"):
        st.html(fault_box(kind, head, str(error), remedy))
        if isinstance(error, NotSignedInError):
            st.html(tag("span", "", cls="ts-leave", data_query=urlencode(address)))
        if isinstance(error, ServiceAwayError):
            _watch_for_return(time.monotonic())


def _told(error: DashboardError) -> tuple[str, Markup | str, Markup | str | None]:
    """Return tone, headline and what to do about an error."""
    if isinstance(error, ServiceAwayError):
        remedy = join(
            "Nothing can be said about the log while the service is away. Start it with ",
            tag("code", "tallystick up"),
            f"; this page asks again every {RETRY_S} s.",
        )
        return "bad", "The service does not answer", remedy
    if isinstance(error, NotSignedInError):
        return "warn", "You are signed out", tag("a", "Sign in", href="/login", target="_self")
    if isinstance(error, NotAllowedError):
        remedy = join(
            "An administrator gives an account its role (docs/access.md says which has which rights): ",
            tag("code", "tallystick accounts add NAME --role ROLE"),
        )
        return "warn", "You may not do this", remedy
    if isinstance(error, NotFoundError):
        return "warn", "There is nothing under this name", None
    assert isinstance(error, RefusedError | DashboardError)  # noqa: S101 - what is left
    return "bad", "The service refuses this", None


def fault_box(tone: str, head: Markup | str, said: str, remedy: Markup | str | None) -> Markup:
    """Return a box that says what went wrong, in the words of whoever refused, and what to do."""
    return tag(
        "div",
        tag("h2", head),
        tag("p", said, cls="ts-said"),
        None if remedy is None else tag("p", remedy),
        cls=f"ts-fault ts-{tone}",
        role="alert",
    )


@st.fragment(run_every=RETRY_S)
def _watch_for_return(drawn_s: float) -> None:
    """Draw the page anew once the service answers again; not within the run that said it does not."""
    if time.monotonic() - drawn_s < RETRY_S / 2:
        return
    try:
        session.client_of_visitor().me()
    except ServiceAwayError:
        return
    except DashboardError:
        pass  # it answers; the page says what
    st.rerun(scope="app")
