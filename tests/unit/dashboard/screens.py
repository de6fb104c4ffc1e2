"""A screen without a browser: the page's script is run, and its markup is read."""

import re
from collections.abc import Callable, Mapping
from html import unescape
from typing import Any

import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from tallystick_dashboard import session
from tallystick_dashboard.client import ActionPage, Person
from tests.patience import PATIENCE_S

SCRIPT = """
from importlib import import_module
from tallystick_dashboard.shell import show
show("A page", import_module("tallystick_dashboard.pages.{page}").draw)
"""
VERIFIED: Mapping[str, Any] = {
    "state": "done",
    "checkpoint": 1_204,
    "at_us": 1_795_000_000_000_000,
    "exit_code": 0,
    "steps": [
        {
            "number": 6,
            "name": "seals",
            "checked": {"seals": 55, "signatures": 12},
            "found": 0,
            "not_checked": 0,
            "findings": [],
        }
    ],
    "error": None,
    "by": "the operator's own check",
}
ACTION: Mapping[str, Any] = {
    "log_index": 17,
    "time_us": 1_795_000_000_123_456,
    "type": "tool.completed",
    "action_id": "a1",
    "trace_id": "ab" * 16,
    "span_id": "cd" * 8,
    "session": "5e" * 16,
    "principal": "alice",
    "principal_basis": "authenticated",
    "client": "support-desk",
    "agent": "planner",
    "tool": "lookup",
    "server": "customers",
    "outcome": "success",
    "sealing": "sealed",
    "origin": "native",
    "duration_us": 7_050,
    "masked": 2,
    "faults": 0,
}
SECURITY = Person("account:s", "sam", "security", ("read", "payload", "reveal", "export", "sql"))
AUDITOR = Person("account:a", "audrey", "auditor", ("read", "export"))
VIEWER = Person("account:v", "vera", "viewer", ("read",))


class Answers:
    """Stands for the client: each method answers what it was given, or raises it."""

    def __init__(self, **answers: object) -> None:
        """Take an answer for each method; a function is called."""
        self.answers: dict[str, Any] = {"me": AUDITOR, "verification": VERIFIED, **answers}
        self.asked: list[tuple[str, tuple[object, ...], dict[str, object]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*arguments: object, **named: object) -> Any:
            self.asked.append((name, arguments, named))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            return answer(*arguments, **named) if callable(answer) else answer

        return ask

    def asked_by(self, address: str) -> "Answers":
        """Note for which address this asks, and answer on."""
        self.asked.append(("asked_by", (address,), {}))
        return self

    def because(self, reason: str | None) -> "Answers":
        """Keep the reason, and answer on."""
        self.asked.append(("because", (reason,), {}))
        return self

    def calls(self, name: str) -> list[tuple[tuple[object, ...], dict[str, object]]]:
        """Return how a method was called."""
        return [(arguments, named) for asked, arguments, named in self.asked if asked == name]


def shown(monkeypatch: pytest.MonkeyPatch, page: str, answers: Answers) -> AppTest:
    """Return a page that reads from `answers`; run it."""
    monkeypatch.setattr(session, "client_of_visitor", lambda: answers)
    return AppTest.from_string(SCRIPT.format(page=page), default_timeout=PATIENCE_S)


def markup_of(screen: AppTest) -> str:
    """Return every piece of markup of a screen that has run without a fault."""
    assert [one.message for one in screen.exception] == []
    return "\n".join(one.proto.body for one in screen.get("html"))


def fields_of(screen: AppTest) -> dict[str, str]:
    """Return what stands in each text field of a screen, by its key."""
    return {str(one.key): str(one.value or "") for one in screen.text_input}


def text_of(screen: AppTest) -> str:
    """Return what stands on a screen, without its markup."""
    return unescape(re.sub(r"<[^>]+>", " ", markup_of(screen)))


def actions(*rows: Mapping[str, Any], before: str | None = None) -> ActionPage:
    """Return a page of actions, each ACTION with some columns changed."""
    frame = pl.DataFrame([{**ACTION, **row} for row in rows], schema_overrides=_TYPES)
    return ActionPage(frame, before)


_TYPES = {"duration_us": pl.Int64}
