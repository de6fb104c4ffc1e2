"""What a program says about itself: `caller()` and `agent()`, for everything that happens inside them.

Both are assertions, held in context variables: they follow tasks, and threads that copy the context.
They never leave the process by themselves, and never in OpenTelemetry baggage, which mcp 2.x would
hand to every server that is called. Both work in `with` and in `async with`.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self, TypeVar

from tallystick import runtime
from tallystick.capture.either_way import EitherWay
from tallystick.capture.identity import Agent, Client, Identity, Principal
from tallystick.profile import JsonValue
from tallystick.tracing import semconv
from tallystick.tracing.spans import SpanRequest, open_span

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf the program says that it works."""

    principal: Principal
    client: Client
    roles: tuple[str, ...]
    actors: tuple[Mapping[str, JsonValue], ...]


_callers: Final[ContextVar[Caller | None]] = ContextVar("tallystick_caller", default=None)
_agents: Final[ContextVar[Agent | None]] = ContextVar("tallystick_agent", default=None)


class Scope(EitherWay):
    """Something that holds inside `with` or `async with`; made for one use."""

    def __init__(self, enter: Callable[[ExitStack], None]) -> None:
        self._enter = enter
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._enter(self._stack)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def caller(
    user_id: str | None = None,
    *,
    client_id: str | None = None,
    issuer: str | None = None,
    type: Literal["human", "service", "unknown"] = "unknown",  # noqa: A002 - the record's word
    roles: Sequence[str] = (),
    on_behalf_of: Sequence[str] = (),
) -> Scope:
    """State on whose behalf the calls inside are made; asserted, never authenticated.

    `on_behalf_of` is a chain of actors, the one acting now first (RFC 8693 `act`).
    """
    said = Caller(
        Principal(user_id, issuer, type, "asserted" if user_id else "unknown", "context"),
        Client(id=client_id, basis="asserted" if client_id else "unknown"),
        tuple(roles),
        tuple({"sub": actor} for actor in on_behalf_of),
    )
    return Scope(lambda stack: stack.enter_context(_held(_callers, said)))


def agent(name: str, *, id: str | None = None, version: str | None = None) -> Scope:  # noqa: A002
    """State which agent makes the calls inside; an agent inside an agent has that one as its parent.

    Opens a span `invoke_agent NAME`, so that the calls of one run of an agent share a trace.
    """

    def enter(stack: ExitStack) -> None:
        above = current_agent()
        acting = Agent(name, id, version, above.name if above else None)
        stack.enter_context(_held(_agents, acting))
        if runtime.current() is not None:
            stack.enter_context(_agent_span(acting))

    return Scope(enter)


def current_caller() -> Caller | None:
    """Return what `caller()` says here."""
    return _callers.get()


def said_agent() -> Agent | None:
    """Return the agent of the innermost `agent()`."""
    return _agents.get()


def current_agent() -> Agent | None:
    """Return the agent of the innermost `agent()`, else the configured one."""
    said = _agents.get()
    if said is not None:
        return said
    running = runtime.current()
    name = running.config.agent_name if running is not None else None
    return Agent(name) if name else None


def stated_identity() -> Identity:
    """Return what `caller()` and `agent()` say here, as the identity of a call."""
    said, acting = current_caller(), current_agent()
    if said is None:
        return Identity(agent=acting)
    return Identity(said.principal, said.client, acting, actors=said.actors, roles=said.roles)


@contextmanager
def _held(variable: ContextVar[Value | None], value: Value) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        with suppress(ValueError):  # left from another context, where there is nothing to reset
            variable.reset(token)


@contextmanager
def _agent_span(acting: Agent) -> Iterator[None]:
    attributes = {
        semconv.GEN_AI_OPERATION_NAME: semconv.INVOKE_AGENT,
        semconv.GEN_AI_AGENT_NAME: acting.name,
        semconv.GEN_AI_AGENT_ID: acting.id,
        semconv.GEN_AI_AGENT_VERSION: acting.version,
    }
    stated = {name: value for name, value in attributes.items() if value}
    name = f"{semconv.INVOKE_AGENT} {acting.name}"
    span = open_span(SpanRequest(name, "internal", stated, time.time_ns() // 1000))
    error_type = None
    try:
        with span.active():
            yield
    except BaseException as error:
        error_type = type(error).__qualname__
        raise
    finally:
        span.end(time.time_ns() // 1000, error_type)
