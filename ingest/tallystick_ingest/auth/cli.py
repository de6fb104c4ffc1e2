"""`tallystick accounts`: who may log in at the service of this machine. A running service sees each change."""

import argparse
import getpass
import sys
from collections.abc import Sequence

from tallystick.clock import SystemClock
from tallystick.errors import ConfigError
from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.passwords import generate_password, require_password
from tallystick_ingest.auth.reaches import said_reach
from tallystick_ingest.auth.roles import MEANING, ROLES
from tallystick_ingest.cli.arguments import add_reach_options, chosen_reach
from tallystick_ingest.cli.settled import add_settings, loaded_settings
from tallystick_ingest.service_keys import DEFAULT_TENANT, tenant_secrets

_PLACES = ("home", "secrets")
"""The settings that say where accounts are kept."""


def accounts(arguments: Sequence[str]) -> int:
    """Add, list and remove the accounts of people who log in at the dashboard."""
    chosen = _parser().parse_args(list(arguments))
    config = loaded_settings(chosen).config
    kept = tenant_secrets(config.core.secrets, chosen.tenant)
    book = AccountBook(kept, SystemClock().now_us)
    try:
        if chosen.action == "add":
            _add(book, chosen)
        elif chosen.action == "remove":
            book.remove(chosen.account)
            print(f"{chosen.account} was removed, and every session with it.")
        else:
            _list(book)
    except OSError as error:
        raise ConfigError(f"cannot write {kept}: {error.strerror}") from error
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tallystick accounts", description=accounts.__doc__)
    add_settings(parser, _PLACES)
    parser.add_argument(
        "--tenant", default=DEFAULT_TENANT, help="whose accounts; default: the operator's"
    )
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="add an account; the password is asked, or made up")
    add.add_argument("account", metavar="name")
    add.add_argument(
        "--role",
        required=True,
        choices=ROLES,
        help="; ".join(f"{role}: {meaning}" for role, meaning in MEANING.items()),
    )
    add_reach_options(add)
    add.add_argument(
        "--generate",
        action="store_true",
        help="make up a password and print it once, as without a terminal",
    )
    actions.add_parser("list", help="list the accounts")
    actions.add_parser("remove", help="remove an account and end its sessions").add_argument(
        "account", metavar="name"
    )
    return parser


def _add(book: AccountBook, chosen: argparse.Namespace) -> None:
    is_asked = sys.stdin.isatty() and not chosen.generate
    password = _asked() if is_asked else generate_password()
    account = book.add(chosen.account, chosen.role, password, chosen_reach(chosen))
    print(f"account   {account.name}, {account.role}, {said_reach(account.reach)}")
    if not is_asked:
        print(f"password  {password}")


def _asked() -> str:
    password = getpass.getpass("Password: ")
    require_password(password)
    if getpass.getpass("Once more: ") != password:
        raise ConfigError("the two passwords differ: nothing was added")
    return password


def _list(book: AccountBook) -> None:
    if not book.accounts:
        print("There are no accounts. Add one with: tallystick accounts add NAME --role viewer")
    width = max((len(one.name) for one in book.accounts), default=0)
    for one in book.accounts:
        print(f"{one.name.ljust(width)}  {one.role.ljust(10)}  {one.id}  {said_reach(one.reach)}")
