"""For programs that work with a framework: each step prints one JSON line with what came of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any


def say(name: str, seen: object) -> None:
    text = json.dumps({name: seen}, sort_keys=True, default=str)
    print(f"\n{text}", flush=True)  # some frameworks leave a line of their own unfinished


def raised(error: BaseException) -> dict[str, object]:
    cause = error.__cause__
    return {"raised": type(error).__name__, "text": str(error), "cause": type(cause).__name__}


def step(name: str, work: Callable[[], Any]) -> None:
    try:
        say(name, work())
    except Exception as error:  # noqa: BLE001 - whatever the program sees is the report
        say(name, raised(error))


async def step_async(name: str, work: Callable[[], Awaitable[Any]]) -> None:
    try:
        say(name, await work())
    except asyncio.CancelledError:
        say(name, "cancelled")
    except Exception as error:  # noqa: BLE001 - whatever the program sees is the report
        say(name, raised(error))


async def cancelled(work: Callable[[], Any], begun: asyncio.Event) -> Any:
    """Start something, and cancel it once it has begun."""
    task = asyncio.ensure_future(work())
    beginning = asyncio.ensure_future(begun.wait())
    await asyncio.wait({task, beginning}, return_when=asyncio.FIRST_COMPLETED)
    beginning.cancel()
    task.cancel()
    return await task
