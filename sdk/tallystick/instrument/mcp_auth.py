"""Who calls an MCP server, and whom its bearer middleware turns away.

Identity comes from the request at hand, `request.scope`, not from mcp's context variable: that of 1.30 was
seen to hold the token of an earlier request after a refresh.

Refusals of mcp's own `RequireAuthMiddleware` (401, 403) are recorded as `authz.decision`, also where no call
follows; what it let through is stated by the call, as allowed. Not covered: a 401 without any credential,
which is how every OAuth discovery begins, and refusals by other middleware.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final

from tallystick import runtime
from tallystick.capture.context import current_caller, said_agent, stated_identity
from tallystick.capture.decision import Decision
from tallystick.capture.identity import Identity, local_user
from tallystick.capture.presented import caller_of, refused_caller
from tallystick.event import Draft
from tallystick.instrument.framework import Framework
from tallystick.instrument.mcp_registration import with_kind
from tallystick.instrument.patch import argument

POLICY: Final = "mcp.bearer"
_PASSED: Final = "tallystick.required_scopes"
"""Member of an ASGI scope: the scopes that mcp's middleware asked for and found."""
_scope: Final[ContextVar[Mapping[str, Any] | None]] = ContextVar("tallystick_scope", default=None)


def server_identity(
    request: Any,
    client_info: Any,
    transport: str | None,
) -> Identity:
    """Return who calls: the token's claims over HTTP, else what the process knows of its own user."""
    known = caller_of(request.scope) if request is not None else _from_process(transport)
    name, version = getattr(client_info, "name", None), getattr(client_info, "version", None)
    client = replace(
        with_kind(known.client),
        name=name,
        version=version,
        basis=known.client.basis if known.client.id else "asserted" if name else "unknown",
    )
    return replace(known, client=client)


def passed_check(request: Any) -> Decision | None:
    """Return the answer of mcp's own check of token and scopes, None where it was not asked."""
    required = request.scope.get(_PASSED) if request is not None else None
    return None if required is None else Decision("allow", POLICY, rule=required or None)


def _from_process(transport: str | None) -> Identity:
    if current_caller() is not None:
        return replace(stated_identity(), agent=said_agent())
    user = local_user()
    method = "stdio" if transport == "stdio" else None
    return Identity(replace(user, auth_method=method), agent=said_agent())


class Refusals:
    """Wrappers around mcp's bearer middleware: one remembers the request, one records the refusal."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework

    async def call(
        self,
        wrapped: Callable[..., Awaitable[None]],
        instance: object,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Remember the request while `RequireAuthMiddleware.__call__` looks at it."""
        scope = argument(0, "scope", args, kwargs)
        token = _scope.set(scope)
        required = getattr(instance, "required_scopes", None) or ()
        self._framework.safely(lambda: scope.__setitem__(_PASSED, " ".join(required)))
        try:
            await wrapped(*args, **kwargs)
        finally:
            _scope.reset(token)

    async def send_error(
        self,
        wrapped: Callable[..., Awaitable[None]],
        instance: object,  # noqa: ARG002 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Record what `RequireAuthMiddleware._send_auth_error` refuses, then let it."""
        error = argument(2, "error", args, kwargs)
        reason = argument(3, "description", args, kwargs)
        if self._framework.is_on:
            self._framework.safely(lambda: _record(str(error), str(reason)), records=True)
        await wrapped(*args, **kwargs)


def _record(rule: str, reason: str) -> None:
    running, scope = runtime.current(), _scope.get()
    if running is None or scope is None:
        return
    identity = refused_caller(scope)
    if identity is None:
        return
    decision = Decision("deny", POLICY, rule=rule, reason=reason)
    parts = identity.draft_parts()
    statement = {
        **decision.statement(),
        **parts.statement,
        "observer": "mcp_server",
        "outcome": "denied",
        "mcp.transport": "http",
    }
    disclosures = parts.disclosures | decision.disclosures()
    running.recorder.record(Draft("authz.decision", statement, disclosures, parts.tokens))
