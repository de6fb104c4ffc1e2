"""The machine's clock jumps ahead and back: order, delivery and waits do not follow it."""

from pathlib import Path
from typing import Final

import pytest

from tests.attacks.world import PROGRAMS, a_world, until
from tests.patience import PATIENCE_S
from tests.requirements import requirement

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DAY_S: Final = 86_400
CALLS: Final = 200


@requirement("spool.survives-kill")
@pytest.mark.parametrize("shift_s", [30 * DAY_S, -30 * DAY_S], ids=["ahead", "back"])
def test_an_emitter_whose_clock_jumps_by_a_month_delivers_everything_in_its_order(
    tmp_path: Path, shift_s: int
) -> None:
    ledger, now = tmp_path / "ledger", tmp_path / "now"
    with a_world(tmp_path / "world") as world:
        world.start()
        jump = {
            "PYTHONPATH": str(PROGRAMS / "shifted"),
            "SHIFT_S": str(shift_s),
            "SHIFT_WHEN": str(now),
        }
        agent = world.spawn("worker.py", ledger, "jump", 20, CALLS, now, **jump)
        until(lambda: bool(world.statements(type="tool.completed")), PATIENCE_S, lambda: agent)
        now.touch()
        assert agent.finish().out == "True\n", "what it recorded was not delivered"
        calls = world.statements(type="tool.completed")
        assert [one["tool.call_id"] for one in sorted(calls, key=lambda one: one["seq"])] == [
            f"jump-n{number}" for number in range(CALLS)
        ]
        times_us = [one["time_us"] for one in calls]
        assert max(times_us) - min(times_us) > 29 * DAY_S * 1_000_000, "the clock did not jump"
        policy = world.policy()
        world.stop()
        verdict = world.verify_data(policy)
        assert verdict.code == 0, verdict.out
