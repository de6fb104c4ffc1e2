"""How a call of a function ended: by its result, or by what it raised."""

from tallystick.capture.call import ABSENT, Ending
from tallystick.errors import RefusedError
from tallystick.instrument.mcp_facts import cancelled


def ended_well(result: object) -> Ending:
    """Say that a call gave `result`."""
    return Ending("success", result)


def ended_with(error: BaseException, result: object = ABSENT) -> Ending:
    """Say how a call ended that raised `error`; `result` is what it had given until then."""
    if isinstance(error, RefusedError):
        return Ending("denied", error_type="RefusedError", error_message=str(error))
    if isinstance(error, TimeoutError):
        return Ending("timeout", result, "TimeoutError", str(error))
    if isinstance(error, GeneratorExit):  # the consumer wanted no more
        return Ending("cancelled", result)
    if not isinstance(error, Exception):
        return cancelled(error)
    return Ending("failure", result, type(error).__qualname__, str(error))
