"""Exports: evidence packages with a report, to hand over. Made by the service, one at a time."""

from collections.abc import Mapping
from typing import Any, Final

import streamlit as st

from tallystick_dashboard.amounts import moment, size
from tallystick_dashboard.client import Client, DashboardError, Person
from tallystick_dashboard.downloads import DOWNLOAD
from tallystick_dashboard.figures import Column, table
from tallystick_dashboard.icons import icon
from tallystick_dashboard.markup import Child, Markup, join, tag
from tallystick_dashboard.shell import commands, empty, fault_box, faults_shown, require
from tallystick_dashboard.states import calm, verdict
from tallystick_dashboard.text import safe, short

Shape = Mapping[str, Any]

POLL_S: Final = 1
MAX_CARD_CHARS: Final = 200_000
STAGES: Final = ("records", "verification", "tables", "checks", "report", "package")
REGIMES: Final = {"eu-ai-act": "EU AI Act"}
_MOMENTS: Final = (
    "A date (2026-11-22), a moment (2026-11-22T15:00:00Z), today, yesterday, now, or how long ago: 30m, "
    "2h, 7d. All in UTC."
)
_MINUTES: Final = len("2026-11-22 19:12")
_COLUMNS: Final = (
    Column("Made (UTC)", "132px"),
    Column("By", "13%"),
    Column("Period (UTC)", "270px"),
    Column("Regime", "96px"),
    Column("Card", "60px"),
    Column("State", "22%"),
    Column("Size", "84px", is_number=True),
    Column("SHA-256", "92px"),
    Column("", "112px"),
)


def draw(client: Client, person: Person) -> None:
    """Draw the page; only who may export sees it, and the service asks again."""
    require(person, "export")
    _form(client)
    made = client.exports()
    is_running = any(one["state"] == "running" for one in made)
    watched = st.fragment(_list, run_every=POLL_S if is_running else None)
    with st.container(key="exports_list"):
        watched(client, is_running)
    st.html(_check())


def _form(client: Client) -> None:
    with st.form("export", border=False):
        first, second, third = st.columns([1.4, 1, 1])
        regime = first.selectbox(
            "Regime", list(REGIMES), format_func=lambda name: REGIMES.get(name, name)
        )
        since = second.text_input("From", "7d", help=_MOMENTS, max_chars=64)
        until = third.text_input("To, not included", "now", help=_MOMENTS, max_chars=64)
        with st.expander("System card (YAML): what the logs alone cannot say"):
            st.html(
                tag(
                    "p",
                    "Purpose, provider, deployer, oversight. Without a card the report states only what "
                    "records can support. A template stands in the source tree: ",
                    tag("code", "examples/system-card.yaml", cls="ts-command"),
                    cls="ts-note",
                )
            )
            uploaded = st.file_uploader("A file", type=["yaml", "yml"], key="card_file")
            typed = st.text_area("Or as text", key="card_text", max_chars=MAX_CARD_CHARS)
        is_asked = st.form_submit_button("Make evidence package", type="primary")
    if is_asked:
        card = _card(uploaded.getvalue() if uploaded is not None else b"", typed or "")
        _begin(client, (since or "", until or "now"), str(regime), card)


def _card(uploaded: bytes, typed: str) -> str | None:
    """Return the card: the file where there is one, else the text; None for neither."""
    text = uploaded.decode("utf-8", "replace") if uploaded else typed
    return text if text.strip() else None


def _begin(client: Client, period: tuple[str, str], regime: str, card: str | None) -> None:
    """Ask for the export; a refusal says what is wrong with the form and leaves it as it is."""
    try:
        client.begin_export(period, regime, card)
    except DashboardError as error:
        with st.container(key="refusal"):
            st.html(fault_box("bad", "No export was begun", str(error), None))


def _list(client: Client, was_running: bool) -> None:
    with faults_shown():
        made = client.exports()
        running = [one for one in made if one["state"] == "running"]
        if was_running and not running:
            st.rerun(scope="app")
        st.html(tag("h2", "Packages", tag("small", "kept for a day"), cls="ts-h2"))
        for one in running:
            st.progress(progress(one), text=_doing(one))
        if not made:
            empty(
                "No package was made here in the last day. Make one above, or in a terminal:",
                "tallystick export --regime eu-ai-act --from 7d --card system-card.yaml --out evidence.zip",
            )
            return
        marks = (
            "ts-nowrap",
            "ts-cut",
            "ts-nowrap",
            "ts-nowrap",
            "",
            "ts-wrap",
            "ts-nowrap",
            "ts-mono",
        )
        st.html(table(_COLUMNS, [_row(one) for one in made], "Packages, newest first", marks))


def progress(job: Shape) -> float:
    """Return how far a job is, 0 to 1: its stage, and its way through that stage."""
    stage = STAGES.index(job["stage"]) if job["stage"] in STAGES else 0
    part = min(1.0, job["done"] / job["total"]) if job["total"] > 0 else 0.0
    return (stage + part) / len(STAGES)


def _doing(job: Shape) -> str:
    number = STAGES.index(job["stage"]) + 1 if job["stage"] in STAGES else 1
    return f"Stage {number} of {len(STAGES)}, {safe(job['stage'])}: {job['done']:,} of {job['total']:,}"


def _row(job: Shape) -> tuple[Child, ...]:
    period = f"{moment(job['from_us'])[:_MINUTES]} to {moment(job['to_us'])[:_MINUTES]}"
    is_done = job["state"] == "done"
    return (
        moment(job["created_us"])[:_MINUTES],
        tag("span", job["by_name"], title=job["by"]),
        period,
        REGIMES.get(job["regime"], job["regime"]),
        "yes" if job["has_card"] else tag("span", "none", cls="ts-sub"),
        _state(job),
        size(job["bytes"]) if is_done else "",
        tag("span", short(job["sha256"]), title=job["sha256"]) if is_done else "",
        _download(job) if is_done else "",
    )


def _state(job: Shape) -> Child:
    if job["state"] == "failed":
        return join(verdict("failed", is_fine=False), f" {safe(job['error'], 300)}")
    if job["state"] == "done":
        return join(
            verdict("done", is_fine=True), tag("span", f" {job['entries']:,} entries", cls="ts-sub")
        )
    return calm("running", "clock")


def _download(job: Shape) -> Markup:
    link = f"{DOWNLOAD}/{safe(job['id'])}"
    return tag("a", icon("download"), "Download", href=link, cls="ts-button", download="")


def _check() -> Markup:
    return join(
        tag("h2", "What its reader does with it", cls="ts-h2"),
        commands(
            (
                "tallystick verify evidence.zip --policy policy.txt",
                "sha256sum --check --strict SHA256SUMS   # in the unpacked folder, with none of our software",
            )
        ),
    )
