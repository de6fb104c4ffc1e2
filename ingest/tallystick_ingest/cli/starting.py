"""The command that starts the service: up."""

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Final

from tallystick.errors import ConfigError, TallystickError
from tallystick.log_lines import Form, configure
from tallystick.private_file import (
    make_files_private,
    make_private_directory,
    private_file_warnings,
)
from tallystick_ingest.cli.settled import add_settings, loaded_settings
from tallystick_ingest.operations.notify import READY, notify
from tallystick_ingest.settings import Loaded, ServiceConfig
from tallystick_ingest.settings.sources import DEFAULT

if TYPE_CHECKING:
    from tallystick_ingest.dashboard import Dashboard
    from tallystick_ingest.tenants import Tenants

_NAME_COLUMNS: Final = 11

_log = logging.getLogger("tallystick.up")


def up(arguments: Sequence[str]) -> int:
    """Start the service: it takes records and spans over OTLP/HTTP, keeps and serves them."""
    parser = argparse.ArgumentParser(prog="tallystick up", description=up.__doc__)
    add_settings(parser)
    parser.add_argument(
        "--admin-link",
        action="store_true",
        help="Print a new one-time admin link; voids an older one.",
    )
    chosen = parser.parse_args(list(arguments))
    make_files_private()
    loaded = loaded_settings(chosen)
    form = loaded.config.operations.log_format
    configure(form, loaded.config.operations.log_level)
    try:
        _run(loaded, is_link_wanted=chosen.admin_link)
    except TallystickError as error:
        if form == "text":
            raise
        _log.error("%s", error)
        return 1
    return 0


def _run(loaded: Loaded, *, is_link_wanted: bool) -> None:
    config = loaded.config
    sys.meta_path.insert(0, _NoPandas())
    from tallystick_ingest.dashboard import Dashboard, beside  # noqa: PLC0415 - slow to import
    from tallystick_ingest.serving import (  # noqa: PLC0415
        address_of,
        bind,
        private_of,
        rpc_port,
        serve,
    )
    from tallystick_ingest.tenants import Tenants  # noqa: PLC0415

    listener = bind(config.core.host, config.core.port)
    is_stated = loaded.settled["grpc_port"].source != DEFAULT
    grpc_port, grpc_said = rpc_port(config.core.host, config.core.grpc_port, is_stated=is_stated)
    _make_home(config)
    private = private_of(config.tls)
    url = address_of(listener if private is None else private.local)
    reached = {"address": url}
    if private is not None:
        reached = {
            "address": address_of(listener, "https"),
            "this machine": f"{url}, without TLS",
        }
    dashboard = beside(config.dashboard, url, config.operations)
    tenants = Tenants.open(config)
    try:
        facts = dict(_facts(loaded, tenants, url, {**reached, "gRPC": grpc_said}, dashboard))
        is_first = tenants.operator.keys.is_new and config.operations.log_format == "text"
        link = _admin_link(tenants, url, dashboard) if is_link_wanted or is_first else None
    except BaseException:
        tenants.close("the start failed")
        raise

    def ready() -> None:
        _tell(facts, link, config.operations.log_format)
        if isinstance(dashboard, Dashboard):
            dashboard.start()
        notify(READY)

    try:
        serve(tenants, listener, ready, grpc_port, private)
    finally:
        if isinstance(dashboard, Dashboard):
            dashboard.stop()
    said = "Tallystick has stopped: everything accepted is kept."
    if config.operations.log_format == "text":
        print(said, flush=True)
    else:
        _log.info(said)


def _make_home(config: ServiceConfig) -> None:
    try:
        make_private_directory(config.core.home)
        kept = sorted(config.core.secrets.glob("*"))
    except OSError as error:
        raise ConfigError(
            f"cannot use the home directory {config.core.home}: {error.strerror}; "
            "name another with --home or TALLYSTICK_HOME"
        ) from None
    for warning in private_file_warnings(kept):
        _log.warning("%s", warning)


def _facts(
    loaded: Loaded,
    tenants: "Tenants",
    url: str,
    reached: Mapping[str, str],
    dashboard: "Dashboard | str",
) -> Iterator[tuple[str, str]]:
    """Give what whoever starts the service wants to know, by name."""
    from tallystick.masking.compiled import form  # noqa: PLC0415 - slow to import
    from tallystick_ingest.local_credentials import keep_credentials  # noqa: PLC0415

    service, core = tenants.operator, loaded.config.core
    yield from reached.items()
    if loaded.file is not None:
        yield "settings", str(loaded.file)
    yield "data", str(core.data)
    yield "secrets", str(core.secrets)
    yield "log", f"{service.keys.name}, {service.store.size} entries"
    yield "log key", service.keys.log.key.vkey
    if service.store.evidence is None:
        yield "credentials", str(keep_credentials(service, url))
    else:
        yield "evidence", f"read only, takes no records and signs nothing: {service.store.evidence}"
        yield (
            "credentials",
            "none are written: programs must not send here; the admin link opens it",
        )
    yield "masking", form()
    yield "dashboard", dashboard if isinstance(dashboard, str) else f"{dashboard.url}/"
    if len(tenants.names) > 1:
        yield "tenants", ", ".join(tenants.names[1:])
    notices = [notice for one in tenants for notice in one.store.notices]
    if notices:
        yield "note", f"\n  {'note'.ljust(_NAME_COLUMNS)}  ".join(notices)


def _admin_link(tenants: "Tenants", url: str, dashboard: "Dashboard | str") -> str:
    door = f"{url}/admin" if isinstance(dashboard, str) else f"{dashboard.url}/login"
    return f"{door}#{tenants.operator.door.new_link_token()}"


def _tell(facts: Mapping[str, str], link: str | None, form: Form) -> None:
    """Say that the service answers. The link opens the service once: it stands in no log line."""
    if form == "json":
        _log.setLevel(logging.INFO)
        _log.info("the service takes requests", extra={"fields": facts})
    else:
        address, *others = facts.items()
        print(f"Tallystick takes OTLP and questions at {address[1]}")
        for name, value in others:
            print(f"  {name.ljust(_NAME_COLUMNS)}  {value}")
    if link is not None:
        print(f"  {'admin link'.ljust(_NAME_COLUMNS)}  {link}   (works once)")
    sys.stdout.flush()


class _NoPandas(MetaPathFinder):
    """Finds no pandas: the service never uses it.

    Arrow imports it with its first array, wherever it is installed: 0.7 s and 60 MB for nothing.
    """

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        """Refuse pandas, and leave everything else to the other finders."""
        if fullname == "pandas":
            raise ModuleNotFoundError("the service uses no pandas", name="pandas")
        return None
