"""The command for API keys: it asks the running service, which records each change."""

import argparse
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tallystick_ingest.auth.api_keys import SCOPES
from tallystick_ingest.auth.reaches import DIMENSIONS, reach_of, said_reach, shown_reach
from tallystick_ingest.cli.arguments import add_reach_options, chosen_reach, print_json
from tallystick_ingest.cli.settled import add_settings, loaded_settings
from tallystick_ingest.service_keys import DEFAULT_TENANT, tenant_secrets

_PLACES: Final = ("home", "secrets")
"""The settings that say where the service keeps its secrets."""
_US_PER_S: Final = 1_000_000
_COLUMNS: Final = ("id", "state", "expires", "used", "name", "scopes", "reach", "limits")
_AS_SET: Final = "as set"


def api_keys(arguments: Sequence[str]) -> int:
    """List, make, limit and revoke API keys of the service of this machine, or of TALLYSTICK_ENDPOINT."""
    chosen = _parser().parse_args(list(arguments))
    core = loaded_settings(chosen).config.core
    secrets = tenant_secrets(core.secrets, chosen.tenant)
    from tallystick_ingest.questions import Questions, segment  # noqa: PLC0415 - slow to import

    questions = Questions.of_operator(core.home, secrets)
    if chosen.action == "create":
        body = {
            "name": chosen.key_name,
            "scopes": chosen.scope,
            "expires": chosen.expires,
            "reach": shown_reach(chosen_reach(chosen)),
            "limits": _chosen_limits(chosen),
        }
        made = questions.post("/api/v1/keys", body)
        print(f"key      {made['id']}, {', '.join(made['scopes'])}, {_reach(made)}")
        print(f"expires  {_moment(made['expires_us'])}")
        print(f"api key  {made['api_key']}")
        print(f"limits   {_limits(made)}")
    elif chosen.action == "limit":
        limited = questions.put(f"/api/v1/keys/{segment(chosen.id)}/limits", _chosen_limits(chosen))
        print(f"{chosen.id}: {_limits(limited)}")
    elif chosen.action == "revoke":
        questions.delete(f"/api/v1/keys/{segment(chosen.id)}")
        print(f"{chosen.id} was revoked: it opens nothing any more.")
    else:
        _list(questions.get_list("/api/v1/keys"), is_json=chosen.json)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tallystick keys", description=api_keys.__doc__)
    places = argparse.ArgumentParser(add_help=False)
    add_settings(places, _PLACES)
    places.add_argument(
        "--tenant", default=DEFAULT_TENANT, help="whose keys; default: the operator's"
    )
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser(
        "create", parents=[places], help="make a key and print it, this once"
    )
    create.add_argument("key_name", metavar="name", help="what it is for")
    create.add_argument(
        "--scope",
        action="append",
        required=True,
        choices=SCOPES,
        help="what it may do; several times for several",
    )
    create.add_argument(
        "--expires", help="a moment, or how long from now, such as 90d; default: never"
    )
    add_reach_options(create)
    _add_limit_options(create)
    listing = actions.add_parser("list", parents=[places], help="list the keys, revoked ones too")
    listing.add_argument("--json", action="store_true", help="print one JSON object a line")
    limit = actions.add_parser(
        "limit", parents=[places], help="set how often a key may ask, at once"
    )
    limit.add_argument("id", help="its id, such as key-1f2e3d4c")
    _add_limit_options(limit)
    revoke = actions.add_parser(
        "revoke", parents=[places], help="revoke a key, at once and for good"
    )
    revoke.add_argument("id", help="its id, such as key-1f2e3d4c")
    return parser


def _add_limit_options(parser: argparse.ArgumentParser) -> None:
    for name, what in (("requests", "OTLP requests"), ("questions", "requests to the query API")):
        parser.add_argument(
            f"--{name}-per-s",
            type=int,
            metavar="NUMBER",
            help=f"{what} a second; 0: any number; not named: as the service's settings say",
        )


def _chosen_limits(chosen: argparse.Namespace) -> dict[str, int | None]:
    return {name: getattr(chosen, name) for name in ("requests_per_s", "questions_per_s")}


def _list(found: Sequence[Mapping[str, Any]], *, is_json: bool) -> None:
    if is_json:
        print_json(found)
        return
    rows = [_COLUMNS, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip())


def _row(key: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        key["id"],
        key["state"],
        _moment(key["expires_us"]),
        key["used_on"] or "never",
        key["name"],
        ",".join(key["scopes"]),
        _reach(key),
        _limits(key),
    )


def _reach(key: Mapping[str, Any]) -> str:
    return said_reach(reach_of({name: key["reach"][name] for name in DIMENSIONS}))


def _limits(key: Mapping[str, Any]) -> str:
    own = {name.partition("_")[0]: rate for name, rate in key["limits"].items() if rate is not None}
    return ", ".join(f"{rate or 'any'} {what}/s" for what, rate in own.items()) or _AS_SET


def _moment(us: int | None) -> str:
    if us is None:
        return "never"
    return datetime.fromtimestamp(us // _US_PER_S, UTC).strftime("%Y-%m-%d %H:%MZ")
