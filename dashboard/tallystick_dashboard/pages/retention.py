"""Retention: what is kept for how long, what must stay, and what two people let go."""

from collections.abc import Mapping, Sequence
from typing import Final

import streamlit as st

from tallystick_dashboard import names
from tallystick_dashboard.client import Client, NotAllowedError, Person
from tallystick_dashboard.markup import tag
from tallystick_dashboard.retention.asking import draw_deletion_form, draw_erasure_form
from tallystick_dashboard.retention.classes import draw_classes
from tallystick_dashboard.retention.deciding import show_done
from tallystick_dashboard.retention.desk import DECIDING, Desk
from tallystick_dashboard.retention.exceptions import draw_exceptions
from tallystick_dashboard.retention.holds import draw_holds
from tallystick_dashboard.retention.requests import draw_requests
from tallystick_dashboard.shell import fault_box, faults_shown
from tallystick_dashboard.trace.action import Shape

POLL_S: Final = 2
UNFINISHED: Final = ("confirmed", "being carried out")


def draw(client: Client, person: Person) -> None:
    """Draw the parts for which the visitor has a right, each with the decisions that they may take."""
    if not any(map(person.may, DECIDING)):
        raise NotAllowedError(
            f"One of the rights {', '.join(DECIDING)} is needed; {person.name} has"
            f" {', '.join(person.scopes)}"
        )
    reason = names.control(person, {}, "in the lists below, with reasons and names of holds")
    desk = Desk(client, person, reason)
    show_done()
    if not desk.is_named:
        _say_nobody()
    classes = desk.classes() if person.may("retain") else ()
    named = [str(one["name"]) for one in classes]
    if person.may("retain"):
        with st.container(key="classes"):
            draw_classes(classes)
    if person.may("delete.request") or person.may("delete.confirm"):
        with st.container(key="requests"):
            _requests(desk, named)
    if person.may("retain"):
        with st.container(key="holds"):
            draw_holds(desk, desk.holds())
        with st.container(key="exceptions"):
            draw_exceptions(desk, desk.exceptions(), named)


def _say_nobody() -> None:
    st.html(
        tag(
            "p",
            "You used the one-time link, which has no name: to decide anything, sign in with an account of your own: ",
            tag("code", "tallystick accounts add NAME --role admin", cls="ts-command"),
            cls="ts-note",
        )
    )


def _requests(desk: Desk, classes: Sequence[str]) -> None:
    found = desk.requests()
    _failure(desk, found)
    draw_requests(desk, found)
    if desk.may("delete.request"):
        draw_deletion_form(desk, classes)
        draw_erasure_form(desk)
    if any(one["state"] in UNFINISHED for one in found):
        st.fragment(_watch, run_every=POLL_S)(desk, _states(found))


def _failure(desk: Desk, found: Sequence[Shape]) -> None:
    """Say why an erasure that was confirmed does not go on."""
    is_erasing = any(one["state"] in UNFINISHED and one["kind"] == "values" for one in found)
    failure = desk.failure() if is_erasing else None
    if failure is not None:
        with st.container(key="failure"):
            st.html(fault_box("warn", "An erasure is not carried out for now", failure, None))


def _watch(desk: Desk, before: Mapping[str, tuple[str, int]]) -> None:
    """Draw the page anew once something that is being carried out got further."""
    with faults_shown():
        if _states(desk.requests()) != before:
            st.rerun(scope="app")


def _states(found: Sequence[Shape]) -> dict[str, tuple[str, int]]:
    return {str(one["id"]): (str(one["state"]), int(one["left"])) for one in found}
