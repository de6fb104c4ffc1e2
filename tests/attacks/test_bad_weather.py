"""The service away, hanging or refusing, disks full, clocks wrong, copies restored: the agent goes on."""

import base64
import itertools
import json
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.attacks.world import (
    PROGRAMS,
    SETTLED_WITHIN_S,
    Finished,
    Running,
    World,
    a_world,
    until,
)
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HOST_SLOWED_S: Final = 20.0
"""A call that waits for a service that hangs takes 30 s; one on a busy machine, less than this."""
DAY_S: Final = 86_400
SHIFTED: Final = str(PROGRAMS / "shifted")
SPAN: Final = json.dumps(
    {
        "resourceSpans": [
            {"scopeSpans": [{"spans": [{"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "x"}]}]}
        ]
    }
).encode()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "world") as one:
        yield one


def labels(name: str, count: int) -> set[str]:
    return {f"{name}-n{number}" for number in range(count)}


def called(world: World) -> set[str]:
    """The calls of which the store holds the end."""
    return {str(one["tool.call_id"]) for one in world.statements(type="tool.completed")}


def settle(world: World) -> dict[str, Any]:
    """Let a healthy process deliver what others left; nothing may be lost, refused or alarming."""
    settled: dict[str, Any] = json.loads(world.run("settle.py", SETTLED_WITHIN_S).out)
    assert settled["left"] == []
    assert (settled["alarms"], settled["lost"], settled["rejected"]) == ([], {}, 0)
    return settled


def verified(world: World) -> Finished:
    """Stop the service, and verify its store under the auditor's policy."""
    world.stop()
    verdict = world.verify_data(world.policy())
    assert verdict.code == 0, verdict.out
    return verdict


def test_a_service_that_was_never_there_costs_nothing_but_delay(world: World) -> None:
    report = json.loads(world.run("reporter.py", "early", 50, "does not answer").out)
    assert report["slowest_s"] < HOST_SLOWED_S
    assert (report["recorded"], report["lost"], report["spool_error"]) == (101, {}, None)
    assert "does not answer" in report["shipping"]
    doctor = world.tallystick("doctor")
    assert doctor.code == 1
    assert f"{world.endpoint} does not answer" in doctor.out
    world.start()
    settle(world)
    assert called(world) == labels("early", 50)
    verified(world)


def test_a_service_that_hangs_costs_nothing_but_delay(world: World) -> None:
    world.start()
    world.run("reporter.py", "before", 1)
    assert world.service is not None
    world.service.process.send_signal(signal.SIGSTOP)
    agent = world.spawn("reporter.py", "during", 50, TALLYSTICK_EXIT_FLUSH_MS="2000")
    report = json.loads(agent.finish().out)
    assert report["slowest_s"] < HOST_SLOWED_S
    assert (report["lost"], report["unshipped"] > 0) == ({}, True)
    world.service.process.send_signal(signal.SIGCONT)
    settle(world)
    assert called(world) == labels("before", 1) | labels("during", 50)
    verified(world)


@requirement("auth.from-the-first-start", "spool.forgets-what-a-200-covered")
def test_records_sent_with_a_wrong_key_are_held_until_it_is_right(world: World) -> None:
    world.start()
    wrong = {"TALLYSTICK_API_KEY": "tallystick_wrong"}
    report = json.loads(world.run("reporter.py", "held", 20, "401", **wrong).out)
    assert "the service answers 401: the API key is missing or unknown" in report["shipping"]
    assert (report["acked"], report["lost"], report["rejected"]) == (0, {}, 0)
    doctor = world.tallystick("doctor", **wrong)
    assert doctor.code == 1
    assert "refused by the service: HTTP 401" in doctor.out
    assert "tallystick_wrong" not in doctor.out + doctor.err + json.dumps(report)
    settle(world)
    assert called(world) == labels("held", 20)
    world.stop()
    world.start()
    refused = world.statements(type="log.reject")
    assert {one["reject.sender"] for one in refused} == {"anonymous"}
    assert {one["reject.path"] for one in refused} == {"/api/v1", "/v1/traces"}
    verified(world)


@contextmanager
def a_file_in_its_place(world: World, spool: Path) -> Iterator[Callable[[Running], None]]:
    spool.write_text("not a directory", encoding="ascii")
    yield lambda agent: spool.unlink()


@contextmanager
def a_limit_on_files(world: World, spool: Path) -> Iterator[Callable[[Running], None]]:
    whole = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    yield lambda agent: lift(agent, whole)


def lift(agent: Running, limits: tuple[int, int]) -> None:
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def a_full_disk(world: World, spool: Path) -> Iterator[Callable[[Running], None]]:
    spool.mkdir(parents=True)
    mount(spool, "size=128k")
    try:
        yield lambda agent: mount(spool, "remount,size=64m")
    finally:
        world.end()
        subprocess.run(["umount", str(spool)], check=True)


def mount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)


def can_mount() -> bool:
    """Whether this user may mount a file system of their own; only then a disk can be filled."""
    with tempfile.TemporaryDirectory() as place:
        command = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", place]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            return False
        subprocess.run(["umount", place], check=True)
        return True


Weather = Callable[[World, Path], AbstractContextManager[Callable[[Running], None]]]
WEATHERS: Final[list[Weather]] = [
    a_file_in_its_place,
    a_limit_on_files,
    *([a_full_disk] if can_mount() else []),
]
CALLS: Final = 40
PROGRAM: Final[dict[str, list[object]]] = {
    "a_limit_on_files": ["limited.py", 65_536, "s", CALLS, 90_000],  # larger than a file may be
}


@requirement("sdk.required-or-refused", "sdk.host-never-broken")
@pytest.mark.parametrize("weather", WEATHERS, ids=lambda weather: weather.__name__)
def test_while_the_spool_is_unwritable_the_agent_goes_on_and_required_tools_do_not(
    world: World, weather: Weather
) -> None:
    world.start()
    spool = world.root / "own-spool"
    environment = {"TALLYSTICK_SPOOL_DIR": str(spool), "TALLYSTICK_REQUIRED": "pay"}
    with weather(world, spool) as cure:
        usual = ["stubborn.py", "s", CALLS, 4_000]
        program, *arguments = PROGRAM.get(weather.__name__, usual)
        agent = world.spawn(str(program), *arguments, **environment)
        until(
            lambda: agent.out.read_bytes().count(b"\n") == 1,
            PATIENCE_S,
            lambda: agent.finish(0.1),
        )
        [stuck] = [json.loads(line) for line in agent.out.read_text(encoding="utf-8").splitlines()]
        assert (stuck["results"], stuck["paid"]) == (CALLS, False)
        assert stuck["spool_error"]
        assert 0 < stuck["backlog"] <= 2 * CALLS + 2
        assert stuck["lost"] == {}
        cure(agent)
        _, cured = agent.finish().lines
        assert (cured["paid"], cured["delivered"]) == (True, True)
        assert (cured["backlog"], cured["lost"], cured["spool_error"]) == (0, {}, None)
        assert called(world) >= labels("s", CALLS) | {"s-paid"}
        refused = [
            one["tool.call_id"] for one in world.statements(**{"error.type": "RefusedError"})
        ]
        assert refused == ["s-paid-too-soon"]
        settle(world)
        verified(world)


def test_a_short_write_costs_a_segment_and_no_record(world: World) -> None:
    world.start()
    world.run("limited.py", 65_536, "short", 60, 8_000, TALLYSTICK_REQUIRED="pay")
    settle(world)
    assert called(world) >= labels("short", 60) | {"short-paid"}
    verified(world)


def test_a_clock_that_jumps_back_breaks_no_order(world: World) -> None:
    world.start()
    back, at_once = str(-DAY_S), world.root / "now"
    jump = {"PYTHONPATH": SHIFTED, "SHIFT_S": back, "SHIFT_WHEN": str(at_once)}
    agent = world.spawn("worker.py", world.root / "ledger", "jump", 5, 100, at_once, **jump)
    until(lambda: bool(called(world)), PATIENCE_S, lambda: agent)  # a day off, it could not enrol
    at_once.touch()
    assert agent.finish().out == "True\n"
    world.stop()
    world.start(PYTHONPATH=SHIFTED, SHIFT_S=back)
    world.run("reporter.py", "behind", 10, "delivered")
    settle(world)
    assert called(world) == labels("jump", 100) | labels("behind", 10)
    times_us = [one["time_us"] for one in world.statements(type="tool.completed")]
    assert max(times_us) - min(times_us) > (DAY_S - 600) * 1_000_000, "the clock did not jump"
    received_us = [json.loads(one["entry"])["rx_us"] for one in world.records()]
    assert all(before <= after for before, after in itertools.pairwise(received_us))
    verified(world)


@requirement("seal.every-record")
def test_two_processes_and_a_fork_share_one_home(world: World) -> None:
    world.start()
    ledgers = [world.root / name for name in ("first", "second", "forked")]
    workers = [world.spawn("worker.py", one, one.name, 1, 150) for one in ledgers[:2]]
    forked = world.spawn("forking.py", ledgers[2], "forked")
    assert forked.finish().out == "[0, 0]\n"
    assert [one.finish().out for one in workers] == ["True\n", "True\n"]
    settle(world)
    written = {line for one in ledgers for line in one.read_text(encoding="ascii").split()}
    assert len(written) == 2 * 150 + 4 * 20
    assert called(world) == written
    sessions = {one["session"] for one in world.statements(type="tool.completed")}
    assert len(sessions) == 5
    emitters = {one["emitter.name"] for one in world.statements(type="session.open")}
    assert len(emitters) == 2, "one of this home, and the service"
    verified(world)


@requirement("log.entangled")
def test_a_restored_backup_signs_nothing_and_raises_an_alarm(world: World) -> None:
    world.start()
    world.run("reporter.py", "kept", 5, "delivered")
    world.stop()
    shutil.copytree(world.data, world.root / "backup")
    world.start()
    kept_size = world.ask("/api/v1/status").json["log"]["size"]
    world.run("worker.py", world.root / "ledger", "forgotten", 40, 40)
    held = next(one for one in (world.home / "log-head").iterdir() if one.suffix == "")
    while int(held.read_text(encoding="utf-8").split("\n")[1]) <= kept_size:  # signed later
        world.run("reporter.py", "forgotten too", 1, "delivered")
    world.stop()
    policy = world.policy()
    shutil.rmtree(world.data)
    shutil.copytree(world.root / "backup", world.data)
    world.start()
    alarmed = json.loads(world.run("reporter.py", "after", 5, "the log").out)
    assert any("rewritten" in one or "shrunk" in one for one in alarmed["alarms"])
    assert world.ask("/readyz").json["log"] == "stopped"
    state = world.ask("/api/v1/status").json["log"]
    assert "checkpoint" in state["signing_stopped"]
    before = state["signed_size"]
    world.run("reporter.py", "later", 5, "the log")
    state = world.ask("/api/v1/status").json["log"]
    assert (state["signed_size"], state["size"] > before) == (before, True)
    assert called(world) == labels("kept", 5) | labels("after", 5) | labels("later", 5)
    assert len(world.statements(type="log.pause")) == 1
    doctor = world.tallystick("doctor")
    assert (doctor.code, "ALARM" in doctor.out) == (1, True)
    assert "signing stopped" in (world.stop().err)
    world.start()
    assert world.ask("/readyz").json["log"] == "stopped", "a restart does not forget"
    world.stop()
    note = base64.b64encode(held.read_bytes()).decode()
    policy.write_text(f"{policy.read_text(encoding='ascii')}checkpoint {note}\n", encoding="ascii")
    verdict = world.verify_data(policy)
    assert (verdict.code, "FAULT" in verdict.out) == (1, True)


@requirement("auth.from-the-first-start", "access.recorded")
def test_a_caller_without_rights_is_refused_and_recorded(world: World) -> None:
    world.start()
    keys = {scope: new_key(world, scope) for scope in ("ingest", "read")}
    json_body = {"Content_Type": "application/json"}
    assert world.ask("/api/v1/actions", key=None).status == 401
    assert world.ask("/api/v1/actions", key="tallystick_unknown").status == 401
    assert world.request("POST", "/v1/traces", SPAN, None, **json_body).status == 401
    for path in ("actions", "traces/ab", "records?from=0&to=9", "status", "export?from=1d", "keys"):
        assert world.ask(f"/api/v1/{path}", key=keys["ingest"]["api_key"]).status == 403, path
    assert (
        world.request("POST", "/v1/traces", SPAN, keys["ingest"]["api_key"], **json_body).status
        == 200
    )
    assert (
        world.request("POST", "/v1/traces", SPAN, keys["read"]["api_key"], **json_body).status
        == 403
    )
    assert world.ask("/api/v1/actions", key=keys["read"]["api_key"]).status == 200
    world.stop()
    world.start()
    by_sender: dict[str, dict[str, int]] = {}
    for one in world.statements(type="log.reject"):
        counted = by_sender.setdefault(one["reject.sender"], {})
        for reason, count in one["reject.counts"].items():
            counted[reason] = counted.get(reason, 0) + count
    assert by_sender == {
        "anonymous": {"unauthenticated": 3 + 1},  # the admin link, claimed a second time
        keys["ingest"]["id"]: {"forbidden": 6},
        keys["read"]["id"]: {"forbidden": 1},
    }
    verified(world)


def new_key(world: World, scope: str) -> dict[str, str]:
    """Make a key as the administrator does, who has the link that the service printed."""
    assert world.service is not None
    printed = world.service.out.read_text(encoding="utf-8")
    body = {"Content_Type": "application/json"}
    if not (world.root / "cookie").exists():
        link = re.search(r"/admin#(\S+)", printed)
        assert link, printed
        claim = json.dumps({"token": link[1]}).encode()
        claimed = world.request("POST", "/admin/claim", claim, None, **body)
        assert claimed.status == 200, claimed
        (world.root / "cookie").write_text(claimed.headers["set-cookie"], encoding="ascii")
        assert world.request("POST", "/admin/claim", claim, None, **body).status == 401
    cookie = (world.root / "cookie").read_text(encoding="ascii").partition(";")[0]
    wanted = json.dumps({"name": scope, "scopes": [scope]}).encode()
    made = world.request("POST", "/api/v1/keys", wanted, None, Cookie=cookie, **body)
    assert made.status == 200, made
    key: dict[str, str] = made.json
    return key
