"""An asynchronous generator that is watched: what goes in and out of it stays as it was.

Values, `asend`, `athrow` and `aclose` reach the inner generator. What watches is current inside of it, and
not in whoever consumes it.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol


class Watch(Protocol):
    """What is told of each step."""

    async def begin(self) -> None:
        """Before the first step. What it raises, the consumer gets; the inner generator is not made then."""

    def active(self) -> AbstractContextManager[object]:
        """Surround one step of the inner generator."""

    def note(self, item: object) -> None:
        """Take one value that was given."""

    def end(self, error: BaseException | None) -> None:
        """Take how it ended: by `error`, else by itself."""


def streamed(
    make: Callable[..., AsyncGenerator[Any, Any]],
    watch_of: Callable[[tuple[Any, ...], dict[str, Any]], Watch],
) -> Callable[..., AsyncGenerator[Any, Any]]:
    """Return an asynchronous generator function that gives what `make` gives, watched.

    `watch_of` makes the watch from the arguments of a call. Raises what `make` and `Watch.begin` raise.
    """

    async def watched(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        watch = watch_of(args, kwargs)
        await watch.begin()
        inner = make(*args, **kwargs)
        sent: Any = None
        thrown: BaseException | None = None
        try:
            while True:
                with watch.active():
                    step = inner.asend(sent) if thrown is None else inner.athrow(thrown)
                    item = await step
                watch.note(item)
                sent = thrown = None
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - goes where the consumer threw it
                    thrown = error
        except StopAsyncIteration:
            watch.end(None)
        except BaseException as error:
            watch.end(error)
            raise

    return watched
