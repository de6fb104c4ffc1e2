"""`audited_tool`: every call of a function is recorded, of whatever kind the function is.

Each call is a `tool_call`, with the arguments by their names and what the function returned.
"""

import functools
import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from typing import Any, Final, TypeVar, overload

from tallystick.capture.definition import read_definition
from tallystick.instrument.functions import Tool, ToolCall, hints
from tallystick.instrument.signature import signature_schema
from tallystick.instrument.streams import streamed

Function = TypeVar("Function", bound=Callable[..., Any])

MAX_ITEMS: Final = 1000
"""Values of a generator that are kept for the record; all of them are counted."""
_RECEIVERS: Final = ("self", "cls")


@overload
def audited_tool(function: Function, /) -> Function: ...


@overload
def audited_tool(
    *, name: str | None = None, read_only: bool | None = None, destructive: bool | None = None
) -> Callable[[Function], Function]: ...


def audited_tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    read_only: bool | None = None,
    destructive: bool | None = None,
) -> Any:
    """Record each call of a function, method, coroutine function or generator function of any kind.

    It may stand above or below `classmethod` and `staticmethod`.
    Signature, return value, exceptions and cancellation stay as they are. A generator's call lasts from
    its first value to its last; its result is the values that it gave.
    """
    if function is None:
        return functools.partial(
            audited_tool, name=name, read_only=read_only, destructive=destructive
        )
    if isinstance(function, classmethod | staticmethod):  # the decorator stands above theirs
        inner = audited_tool(name=name, read_only=read_only, destructive=destructive)(
            function.__func__
        )
        return type(function)(inner)
    tool_name = name or function.__name__
    signature = inspect.signature(function)
    definition = read_definition(
        {
            "name": tool_name,
            "description": inspect.getdoc(function),
            "inputSchema": signature_schema(signature, _receiver(signature)),
            "annotations": hints(read_only, destructive),
        }
    )
    address = f"{function.__module__}:{getattr(function, '__qualname__', tool_name)}"
    return _wrapped(function, Tool(tool_name, definition, address=address), signature)


def _wrapped(
    function: Callable[..., Any], tool: Tool, signature: inspect.Signature
) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):
        wrap = _async_generator
    elif inspect.iscoroutinefunction(function):
        wrap = _coroutine
    elif inspect.isgeneratorfunction(function):
        wrap = _generator
    else:
        wrap = _function
    return functools.wraps(function)(wrap(function, tool, signature))


def _function(
    function: Callable[..., Any], tool: Tool, signature: inspect.Signature
) -> Callable[..., Any]:
    def audited(*args: Any, **kwargs: Any) -> Any:
        with tool.call(lambda: _arguments(signature, args, kwargs)) as call:
            returned = function(*args, **kwargs)
            call.result(returned)
            return returned

    return audited


def _coroutine(
    function: Callable[..., Any], tool: Tool, signature: inspect.Signature
) -> Callable[..., Any]:
    async def audited(*args: Any, **kwargs: Any) -> Any:
        async with tool.call(lambda: _arguments(signature, args, kwargs)) as call:
            returned = await function(*args, **kwargs)
            call.result(returned)
            return returned

    return audited


def _generator(
    function: Callable[..., Any], tool: Tool, signature: inspect.Signature
) -> Callable[..., Any]:
    def audited(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        call, given = tool.call(lambda: _arguments(signature, args, kwargs)), _Given()
        call.begin()
        try:
            returned = yield from _stepped(call, given, function(*args, **kwargs))
        except BaseException as error:
            call.end(error)
            raise
        call.result(given.as_result())
        call.end(None)
        return returned

    return audited


def _stepped(
    call: ToolCall, given: "_Given", inner: Generator[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    """Drive a generator; the call is current inside it, and not in whoever consumes it."""
    sent: Any = None
    thrown: BaseException | None = None
    while True:
        try:
            with call.active():
                item = inner.send(sent) if thrown is None else inner.throw(thrown)
        except StopIteration as stop:
            return stop.value
        given.add(item)
        sent = thrown = None
        try:
            sent = yield item
        except GeneratorExit:
            inner.close()
            raise
        except BaseException as error:  # noqa: BLE001 - goes where the consumer threw it
            thrown = error


def _async_generator(
    function: Callable[..., Any], tool: Tool, signature: inspect.Signature
) -> Callable[..., Any]:
    return streamed(
        function,
        lambda args, kwargs: _Watched(tool.call(lambda: _arguments(signature, args, kwargs))),
    )


class _Watched:
    """The call of an asynchronous generator function."""

    def __init__(self, call: ToolCall) -> None:
        self._call = call
        self._given = _Given()

    async def begin(self) -> None:
        await self._call.begin_async()

    def active(self) -> ExitStack:
        return self._call.active()

    def note(self, item: object) -> None:
        self._given.add(item)

    def end(self, error: BaseException | None) -> None:
        if error is None:
            self._call.result(self._given.as_result())
        self._call.end(error)


class _Given:
    """What a generator gave: the first values, and the number of all."""

    def __init__(self) -> None:
        self._items: list[object] = []
        self._count = 0

    def add(self, item: object) -> None:
        """Note one value."""
        self._count += 1
        if len(self._items) < MAX_ITEMS:
            self._items.append(item)

    def as_result(self) -> dict[str, object]:
        """Return what the record states as the result."""
        return {"count": self._count, "items": self._items}


def _arguments(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Mapping[str, object]:
    """Return the arguments by name, without the object or class that a method is bound to."""
    try:
        bound = signature.bind(*args, **kwargs).arguments
    except TypeError:  # the function will say so itself
        return {"args": list(args), **kwargs}
    receiver = _receiver(signature)
    return {name: value for name, value in bound.items() if name != receiver}


def _receiver(signature: inspect.Signature) -> str | None:
    """Name the parameter that holds what a method is bound to; None for a function."""
    first = next(iter(signature.parameters), None)
    return first if first in _RECEIVERS else None
