"""Several emitters at once, each killed and replaced again and again, while an auditor verifies the live log."""

import json
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.attacks.world import SETTLED_WITHIN_S, Running, World, a_world, until
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

EMITTERS: Final = 4
KILLS: Final = 12
VERIFIED_EVERY: Final = 3
MODES: Final = ("none", "group", "each")


@requirement("spool.survives-kill", "recovery.no-window", "seal.every-record")
def test_emitters_side_by_side_that_are_killed_in_turn_lose_nothing_and_alarm_nobody(
    tmp_path: Path,
) -> None:
    with a_world(tmp_path / "world") as world:
        world.start()
        ledgers: list[Path] = []
        emitters = [start(world, ledgers) for _ in range(EMITTERS)]
        for number in range(KILLS):
            ledger, emitter = emitters.pop(0)
            until(lambda ledger=ledger: bool(lines(ledger)), PATIENCE_S, lambda: "it hardly runs")  # type: ignore[misc]
            emitter.kill()
            emitters.append(start(world, ledgers))
            if number % VERIFIED_EVERY == 0:
                live = world.verify_live()
                assert live.code == 0, live.out
        for _, emitter in emitters:
            emitter.kill()
        settled = json.loads(world.run("settle.py", SETTLED_WITHIN_S).out)
        assert settled["left"] == []
        assert (settled["alarms"], settled["lost"], settled["rejected"]) == ([], {}, 0)
        stored = Counter(one["tool.call_id"] for one in world.statements(type="tool.completed"))
        acknowledged = [label for ledger in ledgers for label in lines(ledger)]
        policy = world.policy()
        world.stop()
        assert len(acknowledged) >= KILLS
        assert [label for label in acknowledged if stored[label] != 1] == []
        verdict = world.verify_data(policy)
        assert verdict.code == 0, verdict.out


def start(world: World, ledgers: list[Path]) -> tuple[Path, Running]:
    """Start an emitter; the modes of syncing take turns."""
    number = len(ledgers)
    ledger = world.root / f"ledger{number}"
    ledgers.append(ledger)
    mode = MODES[number % len(MODES)]
    return ledger, world.spawn("worker.py", ledger, f"s{number}", 5, TALLYSTICK_SYNC=mode)


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split() if path.exists() else []
