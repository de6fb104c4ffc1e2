"""Requests for deletions and erasures: asked for by one person, confirmed or turned down by another."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from tallystick_dashboard.markup import join, tag
from tallystick_dashboard.retention.deciding import confirmation, decision
from tallystick_dashboard.retention.desk import Desk
from tallystick_dashboard.retention.rows import draw_row
from tallystick_dashboard.retention.told import amount, course, day, id_of, meant, state
from tallystick_dashboard.trace.action import Shape

OPEN: Final = ("waiting", "confirmed", "being carried out")
"""States in which something is to come."""
MAX_DONE: Final = 50
"""Requests that are over and drawn; the command lists all."""
_DECISIONS: Final = {
    "asked": "asked for by",
    "confirmed": "confirmed by",
    "withdrawn": "withdrawn by",
}
_DELETION: Final = "Exactly these entries go, for good; their places in the log stay."
_ERASURE: Final = "Exactly these values go, for good; the records and their proofs stay."


def draw_requests(desk: Desk, requests: Sequence[Shape]) -> None:
    """Draw the requests, those first of which something is to come."""
    still = [one for one in requests if one["state"] in OPEN]
    over = [one for one in requests if one["state"] not in OPEN]
    waiting = sum(one["state"] == "waiting" for one in requests)
    said = f"{waiting} waiting for a second person"
    st.html(tag("h2", "Deletions and erasures", tag("small", said), cls="ts-h2"))
    if not requests:
        st.html(tag("p", "Nobody has asked for a deletion or an erasure.", cls="ts-note"))
    for request in (*still, *over[:MAX_DONE]):
        _draw_request(desk, request)
    if len(over) > MAX_DONE:
        more = f"{len(over) - MAX_DONE:,} older ones: "
        listed = tag("code", "tallystick retention --as NAME requests", cls="ts-command")
        st.html(tag("p", more, listed, cls="ts-note"))


def _draw_request(desk: Desk, request: Shape) -> None:
    what = "Erasure" if request["kind"] == "values" else "Deletion"
    is_waiting = request["state"] == "waiting"
    until = f"expires {day(request['expires_us'])} UTC" if is_waiting else ""
    with draw_row(
        f"request-{request['id']}",
        join(
            state(request["state"]),
            tag("strong", what),
            id_of(request),
            tag("span", amount(request)),
            meant(request["filter"]),
            tag("span", until, cls="ts-sub") if until else None,
        ),
        course(request, _DECISIONS),
    ):
        if is_waiting:
            _buttons(desk, request)


def _buttons(desk: Desk, request: Shape) -> None:
    """Draw what the visitor may decide."""
    confirmation(
        desk,
        request["requested_by"],
        request["id"],
        _ERASURE if request["kind"] == "values" else _DELETION,
        lambda why: desk.confirm(request, why),
    )
    if desk.may("delete.request", "delete.confirm"):
        decision(
            "Withdraw",
            f"withdraw-{request['id']}",
            "Nothing goes by it any more.",
            lambda why: desk.withdraw(request, why),
            is_primary=False,
        )
