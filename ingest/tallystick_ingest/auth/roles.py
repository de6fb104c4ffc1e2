"""Roles of people, and the scopes that each one has."""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from tallystick_ingest.auth.api_keys import SCOPES, Scope

Role = Literal["viewer", "developer", "security", "compliance", "auditor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

SCOPES_OF_ROLE: Final[Mapping[str, tuple[Scope, ...]]] = {
    "viewer": ("read",),
    "developer": ("read", "payload"),
    "security": ("read", "payload", "reveal", "export", "sql"),
    "compliance": ("read", "payload", "export", "retain", "delete.request"),
    "auditor": ("read", "payload", "export", "sql"),
    "admin": SCOPES,
}
"""An administrator may give any of these rights to anybody, so the role has them; each use is on record.
A deletion still takes two: whoever asked for it cannot confirm it."""

MEANING: Final[Mapping[str, str]] = {
    "viewer": "what happened, without arguments, results and names",
    "developer": "arguments and results too, names of people withheld",
    "security": "names too, each time with a reason; exports, and queries in SQL",
    "compliance": "arguments and results; exports; retention, and asking for deletions",
    "auditor": "arguments and results; exports, and queries in SQL",
    "admin": "everything, keys included",
}
