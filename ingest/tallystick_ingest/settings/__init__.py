"""The service's settings: one table an area, one frozen object, built once at the edge.

A setting's name is its option (`--max-records`), its variable (`TALLYSTICK_MAX_RECORDS`) and its row in
docs/settings.md. To add one, add it to SETTINGS and to the object of its area; a test asks for the row.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tallystick.errors import ConfigError
from tallystick_ingest.settings import access, core, dashboard, operations, otlp, store
from tallystick_ingest.settings.access import AccessSettings
from tallystick_ingest.settings.core import CoreSettings, core_settings
from tallystick_ingest.settings.dashboard import DashboardSettings
from tallystick_ingest.settings.operations import OperationsSettings
from tallystick_ingest.settings.otlp import OtlpSettings
from tallystick_ingest.settings.setting import Setting, area
from tallystick_ingest.settings.store import StoreSettings

AREAS: Final[Mapping[str, tuple[Setting, ...]]] = {
    "Addresses and directories": core.SETTINGS,
    "OTLP": otlp.SETTINGS,
    "Store": store.SETTINGS,
    "Access": access.SETTINGS,
    "Operations": operations.SETTINGS,
    "Dashboard": dashboard.SETTINGS,
}
"""Heading -> settings, as docs/settings.md has them."""
SETTINGS: Final = tuple(setting for settings in AREAS.values() for setting in settings)
"""All of them: `tallystick up --help` prints them."""


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Every setting of `tallystick up`, checked."""

    core: CoreSettings
    otlp: OtlpSettings
    store: StoreSettings
    access: AccessSettings
    operations: OperationsSettings
    dashboard: DashboardSettings


def load_service_config(
    given: Mapping[str, str | None], environ: Mapping[str, str] | None = None
) -> ServiceConfig:
    """Build the settings: an option in `given` wins over the environment, that over the default.

    Raises ConfigError for a value that does not fit.
    """
    env = os.environ if environ is None else environ
    values = {setting.name: _value(setting, given, env) for setting in SETTINGS}
    return ServiceConfig(
        core=core_settings(values),
        otlp=area(OtlpSettings, otlp.SETTINGS, values),
        store=area(StoreSettings, store.SETTINGS, values),
        access=area(AccessSettings, access.SETTINGS, values),
        operations=area(OperationsSettings, operations.SETTINGS, values),
        dashboard=area(DashboardSettings, dashboard.SETTINGS, values),
    )


def _value(setting: Setting, given: Mapping[str, str | None], env: Mapping[str, str]) -> Any:  # noqa: ANN401 - the type is that of the attribute
    option = given.get(setting.name)
    text = option if option is not None else env.get(setting.env) or setting.default
    if text is None:
        return setting.kind.unset
    try:
        return setting.kind.parse(text)
    except ValueError as expected:
        source = setting.option if option is not None else setting.env
        raise ConfigError(f"{source}: expected {expected}, got {text[:80]!r}") from None
