"""The service's commands, one file a group; the entry points find them here."""

from tallystick_ingest.cli.asking import actions, credentials, tools, trace
from tallystick_ingest.cli.backing import backup, restore
from tallystick_ingest.cli.erasing import erase
from tallystick_ingest.cli.following import sql, tail
from tallystick_ingest.cli.health import health
from tallystick_ingest.cli.keeping import export, snapshot
from tallystick_ingest.cli.keys import api_keys
from tallystick_ingest.cli.operating import tenants
from tallystick_ingest.cli.restoring import rebuild
from tallystick_ingest.cli.retaining import retention
from tallystick_ingest.cli.settled import config
from tallystick_ingest.cli.starting import up

__all__ = [
    "actions",
    "api_keys",
    "backup",
    "config",
    "credentials",
    "erase",
    "export",
    "health",
    "rebuild",
    "restore",
    "retention",
    "snapshot",
    "sql",
    "tail",
    "tenants",
    "tools",
    "trace",
    "up",
]
