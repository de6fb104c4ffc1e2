"""How a hook surrounds a call: begin, announce, let it run, end; the host notices nothing.

The call's result, its exception and its cancellation pass unchanged. Faults of ours are counted by the
framework. Only for a required tool may a hook keep the host from going on.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tallystick import runtime
from tallystick.capture.call import Call, Ending, is_required
from tallystick.errors import RefusedError
from tallystick.instrument.framework import Framework

Result = TypeVar("Result")


async def observed(
    framework: Framework,
    call: Call,
    proceed: Callable[[], Awaitable[Result]],
    ending_of: Callable[[Result], Ending],
    error_ending_of: Callable[[BaseException], Ending],
) -> Result:
    """Let a call run and record how it ends."""
    try:
        result = await proceed()
    except BaseException as error:
        failure = error
        framework.safely(lambda: call.end(error_ending_of(failure)), records=True)
        raise
    framework.safely(lambda: call.end(ending_of(result)), records=True)
    return result


async def announced(framework: Framework, call: Call) -> None:
    """Record that a call begins, off the event loop where that means waiting for the disk.

    Raises RefusedError when the tool is required and could not be recorded, for whatever reason.
    """
    if not call.is_required:
        framework.safely(call.announce, records=True)
        return
    with refusing(call.sighting.name):
        await _off_loop(call.announce)


def announced_here(framework: Framework, call: Call) -> None:
    """Do the same on this thread."""
    if not call.is_required:
        framework.safely(call.announce, records=True)
        return
    with refusing(call.sighting.name):
        call.announce()


class refusing(contextlib.AbstractContextManager[None]):  # noqa: N801 - reads as a word
    """Turn any error of ours inside `with` into RefusedError: an unrecorded required tool never runs."""

    def __init__(self, tool: str) -> None:
        self._tool = tool

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, RefusedError):
            raise RefusedError(
                f"{self._tool!r} was not run: it is required to be recorded first, and"
                f" {type(error).__name__} prevented that; `tallystick doctor` says more"
            ) from error


def refuse_unseen(framework: Framework, tool: str | None) -> None:
    """Raise RefusedError for a required tool whose call our own fault kept from being made."""
    running = runtime.current()
    if running is None or not framework.is_on or not isinstance(tool, str):
        return
    if is_required(running, tool):
        raise RefusedError(
            f"{tool!r} was not run: it is required to be recorded first, and a hook failed;"
            " `tallystick doctor` says more"
        )


async def _off_loop(work: Callable[[], None]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # trio: no loop of ours to wait on
        work()
        return
    await asyncio.to_thread(work)
