"""The service's settings: one table an area, one frozen object, built once at the edge.

A setting's name is its option (`--max-records`), its variable (`TALLYSTICK_MAX_RECORDS`), its key in the
file (`max_records`) and its row in docs/settings.md.
To add one, add it to SETTINGS and to the object of its area; a test asks for the row.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tallystick_ingest.settings import (
    access,
    core,
    dashboard,
    identity,
    operations,
    otlp,
    store,
    tls,
)
from tallystick_ingest.settings.access import AccessSettings
from tallystick_ingest.settings.core import CoreSettings, core_settings
from tallystick_ingest.settings.dashboard import DashboardSettings
from tallystick_ingest.settings.identity import IdentitySettings, identity_settings
from tallystick_ingest.settings.operations import OperationsSettings
from tallystick_ingest.settings.otlp import OtlpSettings
from tallystick_ingest.settings.setting import Setting, area
from tallystick_ingest.settings.sources import Settled, find_sources
from tallystick_ingest.settings.store import StoreSettings
from tallystick_ingest.settings.tls import TlsSettings, tls_settings


class Area(NamedTuple):
    """One area: its heading in docs/settings.md, its attribute of ServiceConfig, its table."""

    heading: str
    attribute: str
    settings: tuple[Setting, ...]


AREAS: Final = (
    Area("Addresses and directories", "core", core.SETTINGS),
    Area("OTLP", "otlp", otlp.SETTINGS),
    Area("Store", "store", store.SETTINGS),
    Area("Access", "access", access.SETTINGS),
    Area("Identity", "identity", identity.SETTINGS),
    Area("TLS", "tls", tls.SETTINGS),
    Area("Operations", "operations", operations.SETTINGS),
    Area("Dashboard", "dashboard", dashboard.SETTINGS),
)
SETTINGS: Final = tuple(setting for one in AREAS for setting in one.settings)
"""All of them: `tallystick up --help` prints them."""


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """Every setting of `tallystick up`, checked."""

    core: CoreSettings
    otlp: OtlpSettings
    store: StoreSettings
    access: AccessSettings
    identity: IdentitySettings
    tls: TlsSettings
    operations: OperationsSettings
    dashboard: DashboardSettings


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and where each comes from."""

    config: ServiceConfig
    settled: Mapping[str, Settled]
    """Name of the setting -> its value and source."""
    file: Path | None
    """The file that was read; None: none."""


def load_settings(
    given: Mapping[str, str | None],
    environ: Mapping[str, str] | None = None,
    file: str | None = None,
) -> Loaded:
    """Build the settings: an option in `given` wins over the environment, that over the file (sources.py).

    Raises ConfigError for a value that does not fit, and for a file that cannot be understood whole.
    """
    sources = find_sources(SETTINGS, given, os.environ if environ is None else environ, file)
    settled = {setting.name: sources.settle(setting) for setting in SETTINGS}
    values = {name: one.value for name, one in settled.items()}
    config = ServiceConfig(
        core=core_settings(values),
        otlp=area(OtlpSettings, otlp.SETTINGS, values),
        store=area(StoreSettings, store.SETTINGS, values),
        access=area(AccessSettings, access.SETTINGS, values),
        identity=identity_settings(values),
        tls=tls_settings(values),
        operations=area(OperationsSettings, operations.SETTINGS, values),
        dashboard=area(DashboardSettings, dashboard.SETTINGS, values),
    )
    return Loaded(config, settled, sources.file)


def load_service_config(
    given: Mapping[str, str | None], environ: Mapping[str, str] | None = None
) -> ServiceConfig:
    """Build the settings where nobody asks for their sources; as above."""
    return load_settings(given, environ).config
