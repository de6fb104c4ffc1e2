"""The service's commands: up, snapshot, export, actions, trace, tools, credentials."""

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tallystick.clock import SystemClock
from tallystick.errors import ConfigError
from tallystick.private_file import make_private_directory, private_file_warnings
from tallystick_ingest.moment import parse_moment
from tallystick_ingest.settings import SETTINGS, load_service_config

if TYPE_CHECKING:
    from tallystick_ingest.questions import Questions

_MOMENTS: Final = (
    "2026-11-22T15:00:00Z, 2026-11-22, today, yesterday, now, or how long ago: 30m, 2h, 7d"
)


class _Filter(NamedTuple):
    """What a filter means, and its only values: a slip of the pen must not look like an empty list."""

    sentence: str
    values: Sequence[str] | None = None


_FILTERS: Final = {
    "agent": _Filter("name of the agent"),
    "tool": _Filter("name of the tool"),
    "principal": _Filter("on whose behalf: the id as it is shown, or the keyed pseudonym"),
    "outcome": _Filter(
        "how it ended", ("success", "failure", "denied", "timeout", "cancelled", "unknown")
    ),
    "type": _Filter(
        "type of the record that tells of it",
        ("tool.started", "tool.completed", "tool.denied", "resource.read", "prompt.get"),
    ),
    "session": _Filter("session id"),
    "sealing": _Filter("how it is signed", ("sealed", "recovered", "unsealed", "derived")),
}
_TRACE_ID: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_FALLBACK_SIZE: Final = (160, 24)
_MAX_LIST: Final = 1_000


def up(arguments: Sequence[str]) -> int:
    """Start the service: it takes records and spans over OTLP/HTTP, keeps and serves them."""
    parser = argparse.ArgumentParser(prog="tallystick up", description=up.__doc__)
    for setting in SETTINGS:
        said = f"{setting.sentence} ({setting.env})".replace("%", "%%")  # argparse formats it
        parser.add_argument(setting.option, help=said, metavar="VALUE")
    parser.add_argument(
        "--admin-link",
        action="store_true",
        help="Print a new one-time admin link; voids an older one.",
    )
    chosen = parser.parse_args(list(arguments))
    config = load_service_config({s.name: getattr(chosen, s.name) for s in SETTINGS})
    sys.meta_path.insert(0, _NoPandas())
    from tallystick_ingest.dashboard import Dashboard, beside  # noqa: PLC0415 - slow to import
    from tallystick_ingest.local_credentials import keep_credentials  # noqa: PLC0415
    from tallystick_ingest.service import Service  # noqa: PLC0415
    from tallystick_ingest.serving import address_of, bind, rpc_port, serve  # noqa: PLC0415

    listener = bind(config.core.host, config.core.port)
    is_stated = chosen.grpc_port is not None or "TALLYSTICK_GRPC_PORT" in os.environ
    grpc_port, grpc_said = rpc_port(config.core.host, config.core.grpc_port, is_stated=is_stated)
    try:
        make_private_directory(config.core.home)
        kept = sorted(config.core.secrets.glob("*"))
    except OSError as error:
        raise ConfigError(
            f"cannot use the home directory {config.core.home}: {error.strerror}; "
            "name another with --home or TALLYSTICK_HOME"
        ) from None
    for warning in private_file_warnings(kept):
        print(f"tallystick: {warning}", file=sys.stderr)
    url = address_of(listener)
    dashboard = beside(config.dashboard, url)
    service = Service.open(config)
    try:
        lines = [
            f"Tallystick takes OTLP and questions at {url}",
            f"  gRPC         {grpc_said}",
            f"  data         {config.core.data}",
            f"  secrets      {config.core.secrets}",
            f"  log          {service.keys.name}, {service.store.size} entries",
            f"  log key      {service.keys.log.key.vkey}",
            f"  credentials  {keep_credentials(service, url)}",
        ]
        screen = f"{dashboard.url}/" if isinstance(dashboard, Dashboard) else dashboard
        lines.append(f"  dashboard    {screen}")
        if service.keys.is_new or chosen.admin_link:
            door = f"{screen}login" if isinstance(dashboard, Dashboard) else f"{url}/admin"
            link = f"{door}#{service.door.new_link_token()}"
            lines.append(f"  admin link   {link}   (works once)")
        lines += [f"  note         {notice}" for notice in service.store.notices]
    except BaseException:
        service.close("the start failed")
        raise

    def ready() -> None:
        print("\n".join(lines), flush=True)
        if isinstance(dashboard, Dashboard):
            dashboard.start()

    try:
        serve(service, listener, ready, grpc_port)
    finally:
        if isinstance(dashboard, Dashboard):
            dashboard.stop()
    print("Tallystick has stopped: everything accepted is kept.", flush=True)
    return 0


def snapshot(arguments: Sequence[str]) -> int:
    """Copy the running service's store into a new directory, for `tallystick verify --data`."""
    parser = argparse.ArgumentParser(prog="tallystick snapshot", description=snapshot.__doc__)
    parser.add_argument("directory", type=Path, help="a directory that does not exist yet")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import

    target = chosen.directory.absolute()
    Questions.of_this_machine().post("/api/v1/snapshot", {"directory": str(target)})
    print(f"{target}: check it with `tallystick verify --data {target} --policy POLICY`")
    return 0


def export(arguments: Sequence[str]) -> int:
    """Write an evidence package of a period: everything that an auditor needs, in one zip."""
    parser = argparse.ArgumentParser(prog="tallystick export", description=export.__doc__)
    parser.add_argument("--from", dest="since", required=True, help=f"start: {_MOMENTS}")
    parser.add_argument("--to", dest="until", default="now", help="end, not included; default: now")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    parser.add_argument(
        "--regime", help="add a report on what the records show for a law, such as eu-ai-act"
    )
    parser.add_argument(
        "--card", type=Path, help="with --regime: the system card, a YAML file of the operator's"
    )
    chosen = parser.parse_args(list(arguments))
    if chosen.card is not None and chosen.regime is None:
        parser.error("--card belongs to a report: give --regime too, such as --regime eu-ai-act")
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import

    period = _period(parser, chosen)
    target = chosen.out.absolute()
    if target.exists():
        raise ConfigError(f"{target} exists already: choose another name, or remove it first")
    questions = Questions.of_this_machine()
    if chosen.regime is None:
        size = questions.download("/api/v1/export", period, target)
        print(f"{target}: {size} bytes; check it with `tallystick verify {target} --policy POLICY`")
        return 0
    from tallystick_ingest.exporting import Wanted, export_report  # noqa: PLC0415

    wanted = Wanted(period, chosen.regime, _card(chosen.card))
    size = export_report(questions, wanted, target)
    print(f"{target}: {size} bytes; read report.html in it, and check it with")
    print(f"  tallystick verify {target} --policy POLICY")
    return 0


def actions(arguments: Sequence[str]) -> int:
    """Tell what was done: one line per tool call, with who, outcome and how it is signed."""
    parser = argparse.ArgumentParser(prog="tallystick actions", description=actions.__doc__)
    parser.add_argument("--from", dest="since", help=f"not before: {_MOMENTS}")
    parser.add_argument("--to", dest="until", help="before this moment")
    for name, wanted in _FILTERS.items():
        parser.add_argument(f"--{name}", help=wanted.sentence, choices=wanted.values)
    parser.add_argument(
        "--limit",
        type=_limit,
        default=50,
        help=f"how many, newest; 1 to {_MAX_LIST}, default 50",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told import action_lines  # noqa: PLC0415

    query = {name: getattr(chosen, name) for name in (*_FILTERS, "limit")}
    query |= _period(parser, chosen)
    found = Questions.of_this_machine().get("/api/v1/actions", query)
    if chosen.json:
        _print_json(found["actions"])
        return 0
    print("\n".join(action_lines(found["actions"], _width())))
    if found["before"] is not None:
        print(f"There are older ones: --limit {_MAX_LIST}, or --from and --to.")
    return 0


def trace(arguments: Sequence[str]) -> int:
    """Tell one trace: every call in it with its stages, and how it is signed."""
    parser = argparse.ArgumentParser(prog="tallystick trace", description=trace.__doc__)
    parser.add_argument(
        "id",
        type=_trace_id,
        help="trace id, 32 hex digits: `trace_id` in `tallystick actions --json`",
    )
    parser.add_argument("--json", action="store_true", help="print the answer of the service")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions, segment  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told import trace_lines  # noqa: PLC0415

    found = Questions.of_this_machine().get(f"/api/v1/traces/{segment(chosen.id)}")
    if chosen.json:
        _print_json([found])
    else:
        print("\n".join(trace_lines(found, chosen.id, _width())))
    return 0


def tools(arguments: Sequence[str]) -> int:
    """Tell which tools are known: their definitions, what is flagged in them, and what changed."""
    parser = argparse.ArgumentParser(prog="tallystick tools", description=tools.__doc__)
    parser.add_argument("--server", help="name of the server")
    parser.add_argument("--tool", help="name of the tool")
    parser.add_argument(
        "--history", action="store_true", help="tell each definition, and how it differs"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told_tools import history_lines, tool_lines  # noqa: PLC0415

    questions = Questions.of_this_machine()
    shown = list(_tools(questions, {"server": chosen.server, "tool": chosen.tool}))
    if chosen.history:
        shown = [{**one, **_history(questions, one)} for one in shown if one["is_listed"]]
    if chosen.json:
        _print_json(shown)
        return 0
    if chosen.history and shown:
        lines = [
            line for one in shown for line in history_lines(one, one["versions_seen"], _width())
        ]
    else:
        lines = tool_lines(shown, _width())
    print("\n".join(lines))
    return 0


def credentials(arguments: Sequence[str]) -> int:
    """Tell which credentials a server passed on, and which several people, programs or agents use."""
    parser = argparse.ArgumentParser(prog="tallystick credentials", description=credentials.__doc__)
    parser.add_argument("--json", action="store_true", help="print the answer of the service")
    chosen = parser.parse_args(list(arguments))
    from tallystick_ingest.questions import Questions  # noqa: PLC0415 - slow to import
    from tallystick_ingest.told_credentials import credential_lines  # noqa: PLC0415

    found = Questions.of_this_machine().get("/api/v1/credentials")
    if chosen.json:
        _print_json([found])
        return 0
    print("\n".join(credential_lines(found["passed_on"], found["shared"], _width())))
    if found["is_cut"]:
        print("There are more: docs/identity.md has the queries to the database.")
    return 0


def _tools(questions: "Questions", query: Mapping[str, str | None]) -> Iterator[Mapping[str, Any]]:
    after: str | None = None
    while True:
        found = questions.get("/api/v1/tools", {**query, "after": after})
        yield from found["tools"]
        after = found["after"]
        if after is None:
            return


def _history(questions: "Questions", tool: Mapping[str, object]) -> dict[str, object]:
    members = ("observer", "server", "server_ref", "service", "agent", "tool")
    key = {name: tool[name] for name in members}
    return {"versions_seen": questions.get("/api/v1/tools/history", key)["versions"]}


class _NoPandas(MetaPathFinder):
    """Finds no pandas: the service never uses it.

    Arrow imports it with its first array, wherever it is installed: 0.7 s and 60 MB for nothing.
    """

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        """Refuse pandas, and leave everything else to the other finders."""
        if fullname == "pandas":
            raise ModuleNotFoundError("the service uses no pandas", name="pandas")
        return None


def _period(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> dict[str, int | None]:
    """Read --from and --to; end with a usage error where nothing can lie between them."""
    now_us = SystemClock().now_us()
    since, until = (
        _moment(option, text, now_us)
        for option, text in (("--from", chosen.since), ("--to", chosen.until))
    )
    if since is not None and until is not None and since >= until:
        parser.error("the period is empty: --from must lie before --to")
    return {"from": since, "to": until}


def _card(path: Path | None) -> str | None:
    """Read a system card; what it must look like is for the service to say."""
    try:
        return None if path is None else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--card: {path} cannot be read as a text: {error}") from None


def _moment(option: str, text: str | None, now_us: int) -> int | None:
    try:
        return None if text is None else parse_moment(text, now_us)
    except ConfigError as error:
        raise ConfigError(f"{option}: {error}") from None


def _limit(text: str) -> int:
    if text.isdecimal() and text.isascii() and 1 <= int(text) <= _MAX_LIST:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number from 1 to {_MAX_LIST}, got {text!r}")


def _trace_id(text: str) -> str:
    if _TRACE_ID.fullmatch(text.lower()):
        return text.lower()
    raise argparse.ArgumentTypeError(f"expected 32 hex digits, got {text!r}")


def _print_json(values: Sequence[object]) -> None:
    """Print JSON lines; outside ASCII everything is escaped, so that nothing acts on a terminal."""
    for value in values:
        print(json.dumps(value, sort_keys=True))


def _width() -> int:
    """Return the terminal's width; wide where the output is no terminal."""
    if not sys.stdout.isatty():
        return _FALLBACK_SIZE[0]
    return max(40, shutil.get_terminal_size(_FALLBACK_SIZE).columns)
