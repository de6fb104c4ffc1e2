"""The commands of a person: actions, trace, export, snapshot, against a real service."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tallystick_store.rows import EventRow, SealRow
from tests.requirements import requirement
from tests.sending import JSON, batch, items, logs_protobuf, span_json
from tests.serving import Service
from tests.stores import EMITTER, START_US, Emitter

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TRACE = "12" * 16
EVIL = "\x1b[2J\x1b]0;owned\x07\u202egnp.exe\n2026 fake"


@pytest.fixture(scope="module")
def filled(service: Service) -> Service:
    """Keep one denied call of a client and a server, with texts that want to act."""
    emitter = Emitter("command line")
    rows: list[EventRow | SealRow] = [emitter.opened(), emitter.seal()]
    common = {
        "trace__id": TRACE,
        "tool__name": "refund",
        "server__name": "crm",
        "agent__name": EVIL,
        "agent__basis": "asserted",
        "principal__basis": "authenticated",
    }
    client = emitter.record(
        "tool.completed",
        {"params": json.dumps({"note": EVIL}), "principal.id": "alice"},
        action__id="aa" * 16,
        observer="mcp_client",
        outcome="denied",
        span__id="c1" * 8,
        span__start_us=START_US,
        span__end_us=START_US + 9_000,
        **common,
    )
    server = emitter.record(
        "tool.denied",
        {"decision.reason": EVIL},
        action__id="bb" * 16,
        observer="mcp_server",
        outcome="denied",
        span__id="5e" * 8,
        span__parent_id="c1" * 8,
        decision__effect="deny",
        decision__rule="missing scope",
        **common,
    )
    rows += [EventRow(client), EventRow(server), emitter.seal()]
    assert service.send(logs_protobuf(items(rows))).body == b""
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    service.send(span_json(tool), "/v1/traces", JSON)
    return service


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@requirement("use.periods")
def test_actions_are_told_one_a_line_and_nothing_in_them_acts(filled: Service) -> None:
    withheld = ok(filled.tallystick("actions"))
    assert "alice" not in withheld
    assert "withheld*" in withheld
    text = ok(filled.tallystick("actions", "--reason", "a test of the command — whom it names"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    [line] = [one for one in text.splitlines() if "refund@crm" in one and "alice*" in one]
    assert "denied" in line
    assert "sealed" in line
    assert "derived" in next(one for one in text.splitlines() if "search@shop" in one)


def test_actions_are_filtered_and_printed_as_json_lines(filled: Service) -> None:
    lines = ok(filled.tallystick("actions", "--outcome", "denied", "--json")).splitlines()
    found = [json.loads(line) for line in lines]
    assert [one["trace_id"] for one in found] == [TRACE, TRACE]
    assert all(line.isascii() for line in lines)
    assert "search" in ok(filled.tallystick("actions", "--tool", "search"))
    assert "No action" in ok(filled.tallystick("actions", "--tool", "nothing"))
    assert "No action" in ok(filled.tallystick("actions", "--agent", "x", "--from", "1h"))
    assert len(ok(filled.tallystick("actions", "--limit", "1", "--json")).splitlines()) == 1


@requirement("trace.signed-spans")
def test_a_trace_is_told_with_both_views_as_one_call(filled: Service) -> None:
    text = ok(filled.tallystick("trace", TRACE))
    assert "1 calls, 2 records" in text
    assert "• client request  by mcp_client   at +0.0 ms for 9.0 ms" in text
    assert "• validation      by mcp_server   deny missing scope" in text
    assert "did not run" in text
    assert "· data retrieval  not observed" in text
    assert "2 sealed" in text
    assert "\x1b" not in text
    shown = json.loads(ok(filled.tallystick("trace", TRACE, "--json")))
    assert len(shown["events"]) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trace", "00" * 16], "no record and no span"),
        (["trace", "../../status"], "32 hex digits"),
        (["actions", "--from", "soon"], "moment"),
        (["export", "--from", "2020-01-01", "--to", "2019-01-01", "--out", "x.zip"], "empty"),
        (["export", "--from", "1h", "--out", "/nowhere/x.zip"], "cannot write"),
        (["snapshot", "/"], "does not exist yet"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    filled: Service, arguments: list[str], said: str
) -> None:
    done = filled.tallystick(*arguments)
    assert done.returncode in (1, 2)
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_without_a_service_every_question_says_what_to_start(
    make_service: Callable[..., Service],
) -> None:
    nobody = make_service()
    nobody.root.mkdir()
    done = nobody.tallystick("actions")
    assert (done.returncode, "tallystick up" in done.stderr) == (1, True)


def test_a_service_that_is_away_is_named(filled: Service, tmp_path: Path) -> None:
    away = Service(tmp_path, environ={"TALLYSTICK_ENDPOINT": "http://127.0.0.1:9"})
    done = away.tallystick("actions")
    assert (done.returncode, "does not answer" in done.stderr) == (1, True)


@requirement("package.checksums")
def test_an_export_verifies_under_the_policy_of_this_machine(
    filled: Service, tmp_path: Path
) -> None:
    filled.send(logs_protobuf(batch(Emitter("more of them"), 3)))
    package, policy = tmp_path / "evidence.zip", tmp_path / "policy.txt"
    said = ok(filled.tallystick("export", "--from", "today", "--out", str(package)))
    assert str(package.stat().st_size) in said
    assert [one.name for one in tmp_path.iterdir()] == ["evidence.zip"]
    ok(filled.tallystick("keys", "policy", "--output", str(policy)))
    with policy.open("a") as file:
        file.write(f"emitter {EMITTER.key.vkey}\n")
    verdict = filled.tallystick("verify", str(package), "--policy", str(policy))
    assert verdict.returncode == 0, verdict.stdout
    live = filled.tallystick(
        "verify", "--url", f"http://127.0.0.1:{filled.port}", "--policy", str(policy)
    )
    assert live.returncode == 0, live.stdout + live.stderr
    copy = tmp_path / "copy"
    ok(filled.tallystick("snapshot", str(copy)))
    stopped = filled.tallystick("verify", "--data", str(copy), "--policy", str(policy))
    assert stopped.returncode == 0, stopped.stdout


def test_a_download_that_fails_leaves_nothing_behind(filled: Service, tmp_path: Path) -> None:
    away = Service(filled.root, environ={"TALLYSTICK_API_KEY": "unknown"})
    done = away.tallystick("export", "--from", "1h", "--out", str(tmp_path / "x.zip"))
    assert (done.returncode, "401" in done.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
