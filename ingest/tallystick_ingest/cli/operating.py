"""The command of the operator: tenants."""

import argparse
from collections.abc import Sequence

from tallystick.errors import ConfigError
from tallystick_ingest.cli.settled import add_settings, loaded_settings

_PLACES = ("home", "secrets")
"""The settings that say where tenants' keys are kept."""


def tenants(arguments: Sequence[str]) -> int:
    """Add and list the tenants of the service of this machine, each with a log and accounts of its own."""
    parser = argparse.ArgumentParser(prog="tallystick tenants", description=tenants.__doc__)
    add_settings(parser, _PLACES)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="list the tenants, the operator's first")
    actions.add_parser("add", help="make a tenant with keys of its own").add_argument("name")
    chosen = parser.parse_args(list(arguments))
    secrets = loaded_settings(chosen).config.core.secrets
    from tallystick_ingest.service_keys import (  # noqa: PLC0415 - slow to import
        DEFAULT_TENANT,
        make_tenant,
        tenant_names,
    )

    try:
        if chosen.action == "list":
            print("\n".join([DEFAULT_TENANT, *tenant_names(secrets)]))
            return 0
        keys = make_tenant(secrets, chosen.name)
    except OSError as error:
        raise ConfigError(f"cannot write {secrets}: {error.strerror}") from error
    print(f"tenant    {chosen.name}: a service that runs takes it up within a minute")
    print(f"log       {keys.name}")
    print(f"log key   {keys.log.key.vkey}")
    print(
        f"accounts  tallystick accounts --tenant {chosen.name} add NAME --role admin;"
        f" they log in as {chosen.name}/NAME"
    )
    return 0
