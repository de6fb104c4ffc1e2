"""Turns: one sender's work never fills all workers, and what came to nothing is followed by rest."""

import asyncio

from tallystick_ingest.turns import Turns
from tests.requirements import requirement

MANY = 100
"""Steps of the loop after which whoever need not wait has had a turn."""


class Asked:
    """Somebody who waits for a turn, and holds it for ever."""

    def __init__(self, turns: Turns, sender: str) -> None:
        self.has_turn = False
        self._task = asyncio.create_task(self._hold(turns, sender))

    async def _hold(self, turns: Turns, sender: str) -> None:
        async with turns.turn(sender):
            self.has_turn = True
            await asyncio.Event().wait()

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def settled() -> None:
    for _ in range(MANY):
        await asyncio.sleep(0)


@requirement("otlp.bounded-cost")
def test_a_sender_has_so_many_turns_and_others_have_theirs() -> None:
    async def run() -> list[bool]:
        turns = Turns(2)
        asked = [Asked(turns, name) for name in ("greedy", "greedy", "greedy", "other")]
        await settled()
        found = [one.has_turn for one in asked]
        await asked[0].end()
        await settled()
        return [*found, asked[2].has_turn]

    assert asyncio.run(run()) == [True, True, False, True, True]


@requirement("otlp.bounded-cost")
def test_a_sender_whose_work_came_to_nothing_rests_and_nobody_else() -> None:
    async def run() -> list[bool]:
        turns = Turns(1)
        async with turns.turn("sender of garbage") as work:
            work.spent_s = 1_000.0
        async with turns.turn("good sender") as work:
            work.spent_s, work.is_void = 1_000.0, False
        asked = [Asked(turns, name) for name in ("sender of garbage", "good sender")]
        await settled()
        return [one.has_turn for one in asked]

    assert asyncio.run(run()) == [False, True]


def test_a_fault_in_a_turn_gives_it_back() -> None:
    async def run() -> bool:
        turns = Turns(1)
        for _ in range(3):
            try:
                async with turns.turn("sender") as work:
                    work.do(lambda: 1 / 0)
            except ZeroDivisionError:
                assert work.spent_s >= 0
        return True

    assert asyncio.run(run())
