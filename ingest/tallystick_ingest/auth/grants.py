"""What a verified claim is worth here: rules of the operator, from a claim's value to a role or to rights.

Nothing is granted by default. A rule is `CLAIM=VALUE->GRANT`, where GRANT is a role or rights joined by `+`,
and may be cut to a reach: `groups=payments->viewer@agent:pay-*@tool:ledger.*`. The first rule that fits decides
the reach; further ones add rights where they state the same reach, so that no two rules together open more
than either meant. A rule is for the operator's own tenant unless it names another, `@tenant:acme`, and the first
rule that fits decides which tenant a token is for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tallystick.errors import ConfigError
from tallystick_ingest.auth.api_keys import SCOPES
from tallystick_ingest.auth.roles import ROLES, SCOPES_OF_ROLE
from tallystick_ingest.service_keys import DEFAULT_TENANT, is_tenant_name
from tallystick_store.reach import OPEN, Reach

MAX_RULES: Final = 1_000
MAX_VALUES: Final = 1_000
"""Values of one claim that are looked at; directories send some hundred groups at most."""
_DIMENSIONS: Final = {
    "environment": "environments",
    "agent": "agents",
    "tool": "tools",
    "resource": "resources",
}
_TENANT: Final = "tenant:"
_WORDS: Final = ("scope", "scp")
"""Claims that hold words with blanks between them (RFC 8693, section 4.2; scp is Microsoft's)."""


@dataclass(frozen=True, slots=True)
class GrantRule:
    """Whoever has this value in this claim has these rights."""

    claim: str
    value: str
    scopes: tuple[str, ...]
    role: str | None
    """The role by which the rights were named."""
    reach: Reach = OPEN
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Granted:
    """What somebody may do: nothing, when no rule fits."""

    scopes: tuple[str, ...] = ()
    role: str | None = None
    reach: Reach = OPEN


@dataclass(frozen=True, slots=True)
class Grants:
    """The rules, in the operator's order, as one tenant reads them."""

    rules: tuple[GrantRule, ...] = ()
    tenant: str = DEFAULT_TENANT

    def of(self, claims: Mapping[str, Any]) -> Granted:
        """Return what the claims of a verified token are worth."""
        fitting = self.fitting(claims)
        if not fitting or fitting[0].tenant != self.tenant:
            return Granted()
        first = fitting[0]
        together = [r for r in fitting if (r.reach, r.tenant) == (first.reach, first.tenant)]
        scopes = {scope for rule in together for scope in rule.scopes}
        role = next((rule.role for rule in together if rule.role), None)
        return Granted(tuple(one for one in SCOPES if one in scopes), role, first.reach)

    def is_for_us(self, claims: Mapping[str, Any]) -> bool:
        """Whether the first rule that fits is one of this tenant."""
        return self.tenant_of(claims) == self.tenant

    def tenant_of(self, claims: Mapping[str, Any]) -> str | None:
        """Return the tenant of the first rule that fits; None where none does."""
        return next((rule.tenant for rule in self._fitting(claims)), None)

    def fitting(self, claims: Mapping[str, Any]) -> tuple[GrantRule, ...]:
        """Return the rules that fit, in their order."""
        return tuple(self._fitting(claims))

    def _fitting(self, claims: Mapping[str, Any]) -> Iterator[GrantRule]:
        """Look at each claim once, however many rules name it."""
        values: dict[str, frozenset[str]] = {}
        for rule in self.rules:
            if rule.claim not in values:
                values[rule.claim] = frozenset(_values(claims, rule.claim))
            if rule.value in values[rule.claim]:
                yield rule


def parse_grants(written: Sequence[str], tenant: str = DEFAULT_TENANT) -> Grants:
    """Read rules, as `tenant` reads them; raise ValueError with what was expected."""
    if len(written) > MAX_RULES:
        raise ValueError(f"at most {MAX_RULES} rules")
    return Grants(tuple(map(_rule, written)), tenant)


def _rule(written: str) -> GrantRule:
    condition, arrow, grant = written.rpartition("->")
    claim, equals, value = condition.partition("=")
    if not (arrow and equals and claim.strip() and value.strip()):
        raise ValueError("rules such as groups=auditors->auditor or scope=audit.write->ingest")
    rights, *cuts = (part.strip() for part in grant.split("@"))
    scopes, role = _granted(rights)
    named = [cut.removeprefix(_TENANT) for cut in cuts if cut.startswith(_TENANT)]
    if len(named) > 1 or not all(map(is_tenant_name, named)):
        raise ValueError(f"after @tenant: one name of a tenant other than {DEFAULT_TENANT}")
    reach = _reach([cut for cut in cuts if not cut.startswith(_TENANT)])
    return GrantRule(claim.strip(), value.strip(), scopes, role, reach, *named)


def _reach(cuts: Sequence[str]) -> Reach:
    """Return the reach of `agent:pay-*`, `tool:...`, `resource:...` and `environment:...`, each as often as wanted."""
    patterns: dict[str, tuple[str, ...]] = {}
    for cut in cuts:
        kind, colon, pattern = cut.partition(":")
        if not colon or kind not in _DIMENSIONS:
            raise ValueError(
                f"after @ one of {', '.join(_DIMENSIONS)}, with : and a pattern, or tenant:NAME"
            )
        patterns[_DIMENSIONS[kind]] = (*patterns.get(_DIMENSIONS[kind], ()), pattern)
    try:
        return Reach(**patterns)  # type: ignore[arg-type]  # the names of its dimensions alone
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _granted(grant: str) -> tuple[tuple[str, ...], str | None]:
    role = next((one for one in ROLES if one == grant), None)
    if role is not None:
        return SCOPES_OF_ROLE[role], role
    named = tuple(one.strip() for one in grant.split("+"))
    if not set(named) <= set(SCOPES):
        raise ValueError(
            f"after -> a role ({', '.join(ROLES)}) or rights joined by + ({', '.join(SCOPES)})"
        )
    return named, None


def _values(claims: Mapping[str, Any], name: str) -> Iterator[str]:
    """Give the texts of a claim; `a.b` is `b` within the object `a` where there is no claim of that name."""
    found = claims.get(name, _within(claims, name.split(".")))
    if isinstance(found, str):
        yield from found.split()[:MAX_VALUES] if name in _WORDS else (found,)
    elif isinstance(found, Sequence):
        yield from (one for one in found[:MAX_VALUES] if isinstance(one, str))


def _within(claims: Mapping[str, Any], path: Sequence[str]) -> object:
    found: object = claims
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
