"""The tenants of one process: each is a service of its own, and a credential belongs to one of them.

A tenant has its own store, log, keys, pseudonyms, accounts and sessions, below the directories of the
operator, which is the tenant that every service begins with:

    DATA/tenants/NAME/     as DATA itself, see store.py
    SECRETS/tenants/NAME/  as SECRETS itself, see service_keys.py

Nothing is shared but the process, so no question can reach from one tenant into another.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from tallystick.clock import Clock
from tallystick.errors import ConfigError, TallystickError
from tallystick.private_file import make_private_directory
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.auth.grants import parse_grants
from tallystick_ingest.auth.leads import Leads
from tallystick_ingest.auth.tokens import Token
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.service import Service
from tallystick_ingest.service_keys import (
    DEFAULT_TENANT,
    MAX_TENANTS,
    TENANT_FOLDER,
    require_new_tenant,
    tenant_log,
    tenant_names,
)
from tallystick_ingest.settings import ServiceConfig

_ACCOUNT_MARK: Final = "/"
_LINK_MARK: Final = "."
"""Stands in no token, see secrets.token_urlsafe."""


class Tenants:
    """The open services by tenant. Safe to use from several threads."""

    def __init__(self, operator: Service, clock: Clock | None = None) -> None:
        """Begin with the operator's service alone."""
        self.operator = operator
        """The tenant `default`: whoever administers it may add further ones."""
        self._clock = clock
        self._adding = threading.Lock()
        self._services: dict[str, Service] = {DEFAULT_TENANT: operator}
        self._leads = Leads(parse_grants(operator.config.identity.grants))
        self._url = ""
        self._is_closing = False

    @classmethod
    def open(cls, config: ServiceConfig, clock: Clock | None = None) -> "Tenants":
        """Open the operator's service and that of each tenant; all or none.

        Raises ConfigError or StoreError, which name the tenant.
        """
        tenants = cls(Service.open(config, clock), clock)
        try:
            for name in tenant_names(config.core.secrets):
                tenants._open(name)
        except BaseException:
            tenants.close("the start failed")
            raise
        return tenants

    def __iter__(self) -> Iterator[Service]:
        """Yield the services that are open now, the operator's first."""
        return iter(tuple(self._services.values()))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tenants, the operator's first."""
        return tuple(self._services)

    def named(self, name: str) -> Service | None:
        """Return the service of a tenant; None for a name that no tenant has."""
        return self._services.get(name)

    def of_account(self, text: str) -> tuple[Service, str]:
        """Return the service that knows an account, and its name there: `ada`, or `acme/ada` of the tenant acme."""
        return self._split(text, _ACCOUNT_MARK)

    def of_link(self, text: str) -> tuple[Service, str]:
        """Return the service that a one-time link leads to, and its token there, see `link_token`."""
        return self._split(text, _LINK_MARK)

    def _split(self, text: str, mark: str) -> tuple[Service, str]:
        before, _, behind = text.partition(mark)
        service = self._services.get(before) if behind else None
        return (self.operator, text) if service is None else (service, behind)

    def holder(self, headers: Mapping[str, str]) -> Service:
        """Return whose credential a request shows (names in lower case); the operator's for one of nobody."""
        further = [one for one in self if one is not self.operator]
        token = self.operator.gate.issuers_token(headers) if further else None
        if token is not None:
            return self._services.get(self._leads.tenant(token) or DEFAULT_TENANT, self.operator)
        return next((one for one in further if one.gate.holds(headers)), self.operator)

    def arrive(self, token: Token) -> tuple[Service, Caller]:
        """Note that whom a checked ID token names logged in, in the tenant to which the rules lead them now.

        Sessions that they have in other tenants end with that. Raises as PeopleBook.arrive.
        """
        found = next((one for one in self if one.people.is_for_us(token)), self.operator)
        for service in self:
            if service is not found:
                service.people.leave(token)
        return found, found.people.arrive(token)

    def add(self, name: str) -> Service:
        """Make a tenant, and record that in the operator's log; it is served when this returns.

        Raises ConfigError for a name that cannot be one or is taken, and for one tenant too many; BusyError
        when it cannot be recorded, and then it is not made.
        """
        with self._adding:
            require_new_tenant(self.operator.config.core.secrets, name)
            if self._is_closing or self.operator.intake.is_stopping:
                raise BusyError("the service is stopping: add the tenant after its next start")
            return self._open(name)

    def discover(self) -> None:
        """Open tenants that `tallystick tenants add` made meanwhile. Raises ConfigError and BusyError."""
        with self._adding:
            made = () if self._is_closing else tenant_names(self.operator.config.core.secrets)
            for name in made:
                if name not in self._services and len(self._services) < MAX_TENANTS:
                    self._open(name)

    def verify(self, url: str) -> None:
        """Let each service, and those that are added later, verify its log, at the address of all."""
        with self._adding:
            self._url = url
            for service in self:
                service.verifier.start(url)

    def stop(self) -> None:
        """Answer further requests with 503, and end what runs beside them."""
        for service in self:
            service.intake.is_stopping = True
            service.live.close()
            service.verifier.stop()

    def close(self, reason: str) -> None:
        """Close every service, the operator's last; no other is added."""
        with self._adding:
            self._is_closing = True
        for service in reversed(tuple(self)):
            service.close(reason)

    def _open(self, name: str) -> Service:
        operator = self.operator
        config = _config_of(operator.config, name, tenant_log(operator.keys.name, name))
        if not config.core.data.exists():
            operator.state([operator.drafts.changed("tenant", name)])
        try:
            make_private_directory(config.core.secrets.parent)
            service = Service.open(config, self._clock, name, operator.readers)
        except (TallystickError, OSError) as error:
            raise ConfigError(f"the tenant {name} cannot be opened: {error}") from error
        self._services = {**self._services, name: service}
        if self._url:
            service.verifier.start(self._url)
        return service


def link_token(name: str, token: str) -> str:
    """Return what stands in the one-time link of a tenant's administrator: `NAME.TOKEN`."""
    return token if name == DEFAULT_TENANT else f"{name}{_LINK_MARK}{token}"


def _config_of(config: ServiceConfig, name: str, log_name: str) -> ServiceConfig:
    core = replace(
        config.core,
        data=config.core.data / TENANT_FOLDER / name,
        secrets=config.core.secrets / TENANT_FOLDER / name,
        name=log_name,
    )
    return replace(config, core=core)
