"""A proxy that refuses, resets, re-batches, reorders and repeats: nothing is lost, doubled or alarming."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.attacks.proxy import FAULTS, Proxy, a_proxy
from tests.attacks.world import SETTLED_WITHIN_S, World, a_world, until
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SEED: Final = 20261122
AGENTS: Final = 4
CALLS: Final = 150


@requirement("spool.forgets-what-a-200-covered", "otlp.success-after-commit")
def test_behind_a_hostile_proxy_every_record_arrives_once_and_no_alarm_is_false(
    tmp_path: Path,
) -> None:
    ledger = tmp_path / "ledger"
    with a_world(tmp_path / "world") as world:
        world.start()
        proxy = Proxy(world.port, random.Random(SEED))
        with a_proxy(proxy) as address:
            there = {"TALLYSTICK_ENDPOINT": address, "TALLYSTICK_API_KEY": world.api_key()}
            agents = [
                world.spawn("worker.py", ledger, f"p{number}", 2, CALLS, **there)
                for number in range(AGENTS)
            ]
            until(
                lambda: len(lines(ledger)) > CALLS // 2, PATIENCE_S, lambda: "the agents hardly ran"
            )
            agents[0].kill()  # its tail and what states it are torn apart on the way
            for agent in agents[1:]:
                agent.finish()
            proxy.fault_rate = 0.8
            world.run("reporter.py", "last", 20, **there)
            proxy.is_calm = True
            settled = json.loads(world.run("settle.py", SETTLED_WITHIN_S, **there).out)
        assert settled["left"] == []
        assert (settled["alarms"], settled["lost"], settled["rejected"]) == ([], {}, 0)
        assert proxy.done["rebatched"] > 0
        assert sum(proxy.done[fault] for fault in FAULTS) > 0, "the weather was fair"
        assert_each_once(world, lines(ledger))
        live = world.verify_live()
        assert live.code == 0, live.out
        policy = world.policy()
        world.stop()
        verdict = world.verify_data(policy)
        assert verdict.code == 0, verdict.out


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split() if path.exists() else []


def assert_each_once(world: World, acknowledged: list[str]) -> None:
    stored = Counter(one["tool.call_id"] for one in world.statements(type="tool.completed"))
    assert [label for label in acknowledged if stored[label] != 1] == []
    assert max(stored.values()) == 1
    assert len(acknowledged) >= (AGENTS - 1) * CALLS
