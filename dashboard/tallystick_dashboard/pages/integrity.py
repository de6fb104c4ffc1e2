"""Integrity: what was verified step by step, what is missing, and how to check all of it without us."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from tallystick_dashboard.amounts import moment
from tallystick_dashboard.client import Client, Person
from tallystick_dashboard.figures import Column, table
from tallystick_dashboard.markup import Child, Markup, join, tag
from tallystick_dashboard.shell import commands, empty, faults_shown
from tallystick_dashboard.states import calm, odd, verdict
from tallystick_dashboard.text import safe, short

Shape = Mapping[str, Any]

POLL_S: Final = 2
MAX_FINDINGS: Final = 50
"""Findings of one step that are listed; `tallystick verify` prints all."""
_SECONDS: Final = len("2026-11-22 19:12:03")
_MILLISECONDS: Final = _SECONDS + len(".123")
_STEPS: Final = (
    Column("", "36px", is_number=True),
    Column("Step", "150px"),
    Column("Checked"),
    Column("Faults", "90px", is_number=True),
    Column("Not checked", "110px", is_number=True),
    Column("Result", "150px"),
)
_CHECKPOINTS: Final = (
    Column("Entries", "96px", is_number=True),
    Column("Signed (UTC)", "170px"),
    Column("Root hash"),
)
_SESSIONS: Final = (
    Column("Session", "92px"),
    Column("State", "120px"),
    Column("Emitter", "24%"),
    Column("Service", "16%"),
    Column("First (UTC)", "150px"),
    Column("Last (UTC)", "150px"),
    Column("Records", is_number=True),
    Column("Sealed", is_number=True),
    Column("Missing"),
)
_OFFLINE: Final = (
    "tallystick keys policy --output policy.txt   # keep it elsewhere",
    "tallystick export --from 7d --out evidence.zip",
    "tallystick verify evidence.zip --policy policy.txt",
)
_FOREIGN: Final = (
    "unzip evidence.zip -d evidence && cd evidence",
    "sha256sum --check --strict SHA256SUMS",
    "openssl pkeyutl -verify -pubin -inkey log-key.pem -rawin -in SHA256SUMS -sigfile SHA256SUMS.sig",
)


def draw(client: Client, person: Person) -> None:
    """Draw the page."""
    found = client.integrity()
    is_running = found["verification"]["state"] == "running"
    watched = st.fragment(_verification, run_every=POLL_S if is_running else None)
    with st.container(key="verification"):
        watched(client, person.may("export"), is_running)
    st.html(_offline())
    with st.container(key="sessions"):
        st.html(_sessions(found["sessions"], is_cut=found["sessions_cut"]))
    with st.container(key="checkpoints"):
        st.html(_checkpoints(found["checkpoints"]))
    if found["checkpoints"]:
        with st.expander("Newest checkpoint, as signed"):
            st.code(found["checkpoints"][0]["note"], language=None)
    st.html(_keys(found))


def _verification(client: Client, may_ask: bool, was_running: bool) -> None:
    """Draw what the last check found; draw the whole page anew when a running one has ended."""
    with faults_shown():
        found = client.verification()
        is_running = found["state"] == "running"
        if was_running and not is_running:
            st.rerun(scope="app")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(tag("h2", "Verification", tag("small", _when(found)), cls="ts-h2"))
            if may_ask and st.button("Verify now", key="verify_now", disabled=is_running):
                client.verify_now()
                st.rerun(scope="app")
        _steps(found)


def _when(found: Shape) -> str:
    if found["at_us"] is None:
        return f"{found['by']}; it has not run yet"
    size = found["checkpoint"]
    upto = "" if size is None else f", to checkpoint {size:,}"
    return f"{moment(found['at_us'])[:_SECONDS]} UTC{upto}; {found['by']}"


def _steps(found: Shape) -> None:
    if found["state"] == "failed":
        st.html(tag("p", "There is no verdict: ", found["error"], cls="ts-note"))
    if not found["steps"]:
        empty(
            "No check has ended yet. The service checks its log soon after its start, and when it is "
            "asked. In a terminal:",
            "tallystick verify --url SERVICE --policy policy.txt",
        )
        return
    st.html(table(_STEPS, [_step(step) for step in found["steps"]], "Steps of the verification"))
    listed = [(step["name"], text) for step in found["steps"] for text in step["findings"]]
    if listed:
        shown = [
            tag("li", tag("strong", f"{name}: "), text) for name, text in listed[:MAX_FINDINGS]
        ]
        st.html(tag("ul", *shown, cls="ts-findings"))


def _step(step: Shape) -> tuple[Child, ...]:
    checked = ", ".join(f"{count:,} {safe(what)}" for what, count in step["checked"].items())
    faults, left = step["found"], step["not_checked"]
    return (
        str(step["number"]),
        step["name"],
        checked or tag("span", "nothing of this kind here", cls="ts-sub"),
        _count(faults, "ts-bad"),
        _count(left, "ts-warn") if checked or left else "",
        _result(checked, faults, left),
    )


def _result(checked: str, faults: int, left: int) -> Markup:
    if faults:
        return verdict("does not hold", is_fine=False)
    if left:
        return odd("in part")
    return verdict("holds", is_fine=True) if checked else calm("not checked")


def _count(count: int, look: str) -> Markup:
    return tag("span", f"{count:,}", cls=look if count else "ts-sub")


def _offline() -> Markup:
    return join(
        tag(
            "h2",
            "Check it without this service",
            tag("small", "what stands above is the operator's own word; this is yours"),
            cls="ts-h2",
        ),
        tag(
            "div",
            tag(
                "div",
                tag("p", "With our verifier, under keys that you keep:", cls="ts-note"),
                commands(_OFFLINE),
            ),
            tag(
                "div",
                tag("p", "With none of our software:", cls="ts-note"),
                commands(_FOREIGN),
            ),
            cls="ts-pair",
        ),
    )


def _sessions(sessions: Sequence[Shape], *, is_cut: bool) -> Markup:
    ordered = sorted(sessions, key=lambda one: (not one["gap"], one["state"] != "silent"))
    holes = sum(1 for one in sessions if one["gap"])
    said = f"{len(sessions):,} shown, {holes:,} with something missing"
    more = "; older ones are not shown" if is_cut else ""
    return join(
        tag("h2", "Sessions", tag("small", f"{said}{more}"), cls="ts-h2"),
        table(
            _SESSIONS,
            [_session(one) for one in ordered],
            "Sessions, those with something missing first",
            ("ts-mono", "", "ts-cut", "ts-cut", "ts-nowrap", "ts-nowrap"),
        ),
    )


def _session(one: Shape) -> tuple[Child, ...]:
    unsealed = one["event_count"] - one["sealed_size"]
    return (
        tag("span", short(one["session"]), title=one["session"]),
        _phase(one["state"]),
        one["emitter"],
        one["service"],
        moment(one["first_us"])[:_SECONDS],
        moment(one["last_us"])[:_SECONDS],
        f"{one['event_count']:,}",
        tag("span", f"{one['sealed_size']:,}", cls="ts-warn" if unsealed > 0 else None),
        _gaps(one["gap"]),
    )


def _phase(state: str) -> Markup:
    if state == "silent":
        return odd("silent", "clock")
    return calm(state, "ok" if state == "closed" else "clock")


def _gaps(gaps: Sequence[Shape]) -> Markup:
    if not gaps:
        return tag("span", "nothing", cls="ts-sub")
    said = ", ".join(_gap(gap) for gap in gaps[:5]) + (", and more" if len(gaps) > 5 else "")  # noqa: PLR2004
    return tag("span", said, cls="ts-bad")


def _gap(gap: Shape) -> str:
    first, last = gap["from_seq"], gap["to_seq"]
    return f"record {first:,}" if first == last else f"records {first:,} to {last:,}"


def _checkpoints(checkpoints: Sequence[Shape]) -> Markup:
    rows = [
        (
            f"{one['size']:,}",
            "" if one["signed_us"] is None else moment(one["signed_us"])[:_MILLISECONDS],
            tag("span", one["root"], cls="ts-mono"),
        )
        for one in checkpoints
    ]
    return join(
        tag("h2", "Checkpoints", tag("small", f"the newest {len(rows)}"), cls="ts-h2"),
        table(_CHECKPOINTS, rows, "Newest checkpoints of the log", ("", "ts-nowrap", "ts-wrap"))
        if rows
        else tag("p", "No checkpoint is signed yet: the log is empty.", cls="ts-note"),
    )


def _keys(found: Shape) -> Markup:
    facts = [
        (tag("dt", name), tag("dd", value, cls="ts-mono"))
        for name, value in (
            ("Log", found["log_vkey"]),
            ("The service's own records", found["service_vkey"]),
        )
    ]
    notices = [tag("p", notice, cls="ts-note") for notice in found["notices"]]
    return join(
        tag("h2", "Verification keys", tag("small", "as this service states them"), cls="ts-h2"),
        tag("dl", *(part for pair in facts for part in pair), cls="ts-facts"),
        *notices,
    )
