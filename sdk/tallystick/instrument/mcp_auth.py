"""Who calls an MCP server, and whom its bearer middleware turns away.

Identity comes from the request at hand, `request.scope["user"]`, not from mcp's context variable: that
of 1.30 was seen to hold the token of an earlier request after a refresh.

Refusals of mcp's own `RequireAuthMiddleware` (401, 403) are recorded as `authz.decision`. Not covered: a
401 without any credential, which is how every OAuth discovery begins, and refusals by other middleware.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any, Final

from tallystick import runtime
from tallystick.context import current_caller, said_agent, stated_identity
from tallystick.decision import Decision
from tallystick.event import Draft
from tallystick.identity import (
    Client,
    Credential,
    Identity,
    Principal,
    credential_kind,
    from_access_token,
    local_user,
)
from tallystick.instrument.framework import Framework
from tallystick.instrument.patch import argument

POLICY: Final = "mcp.bearer"
_BEARER: Final = "bearer "
_scope: Final[ContextVar[Mapping[str, Any] | None]] = ContextVar("tallystick_scope", default=None)


def server_identity(
    request: Any,
    client_info: Any,
    transport: str | None,
) -> Identity:
    """Return who calls: the token's claims over HTTP, else what the process knows of its own user."""
    known = _from_scope(request.scope) if request is not None else _from_process(transport)
    name, version = getattr(client_info, "name", None), getattr(client_info, "version", None)
    client = replace(
        known.client,
        name=name,
        version=version,
        basis=known.client.basis if known.client.id else "asserted" if name else "unknown",
    )
    return replace(known, client=client)


def _from_scope(scope: Mapping[str, Any]) -> Identity:
    token = getattr(scope.get("user"), "access_token", None)
    return from_access_token(token) if token is not None else Identity()


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
        instance: object,  # noqa: ARG002 - wrapt's form
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Remember the request while `RequireAuthMiddleware.__call__` looks at it."""
        token = _scope.set(argument(0, "scope", args, kwargs))
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
    identity = _refused(scope)
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


def _refused(scope: Mapping[str, Any]) -> Identity | None:
    """Return who was refused, None when nobody showed a credential."""
    known = _from_scope(scope)
    if known.credential.secret:
        return known
    for name, value in scope.get("headers") or ():
        header = value.decode("latin-1")
        if name.lower() == b"authorization" and header.lower().startswith(_BEARER):
            secret = header[len(_BEARER) :]
            return Identity(
                Principal(), Client(), credential=Credential(credential_kind(secret), secret)
            )
    return None
