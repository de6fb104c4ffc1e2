"""Findings about credentials as a terminal shows them."""

from typing import Any

from tallystick_ingest.told_credentials import NOTHING, credential_lines

PASSED: dict[str, Any] = {
    "credential_ref": "c4" * 16,
    "kind": "jwt",
    "received_by": "front\x1b[2J",
    "passed_on_to": "",
    "calls": 3,
    "first_us": 1,
    "last_us": 2_000_000,
    "trace_id": "",
}
SHARED: dict[str, Any] = {
    "credential_ref": "d4" * 16,
    "kind": "",
    "principals": 1,
    "clients": ["desk", "shop"],
    "agents": [],
    "servers": ["bank"],
    "has_more_names": False,
    "calls": 2,
    "first_us": 1,
    "last_us": 2_000_000,
    "trace_id": "7e" * 16,
}


def test_a_finding_names_what_is_shared_and_nothing_else() -> None:
    text = "\n".join(credential_lines([], [SHARED], 200))
    assert "SHARED      credential d4d4d4d4d4d4" in text
    assert "clients     desk, shop" in text
    assert "bank" not in text
    assert "principals" not in text
    assert f"2 calls, last 1970-01-01 00:00:02 UTC   trace {'7e' * 16}" in text


def test_names_that_are_left_out_are_said() -> None:
    [_, *told] = credential_lines([], [{**SHARED, "has_more_names": True}], 200)
    assert "   and more names than are given here" in told
    assert not any("more names" in one for one in credential_lines([], [SHARED], 200))


def test_a_servers_name_does_nothing_to_the_terminal_and_may_be_missing() -> None:
    text = "\n".join(credential_lines([PASSED], [], 200))
    assert "\x1b" not in text
    assert "which sent it to a server without a name" in text
    assert "trace" not in text.splitlines()[2]


def test_lines_fit_the_terminal() -> None:
    assert all(len(line) <= 40 for line in credential_lines([PASSED], [SHARED], 40))


def test_nothing_to_tell_is_said() -> None:
    assert credential_lines([], [], 200) == [NOTHING]
