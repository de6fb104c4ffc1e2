"""The command that starts the service: up."""

import argparse
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

from tallystick.errors import ConfigError
from tallystick.private_file import make_private_directory, private_file_warnings
from tallystick_ingest.cli.settled import add_settings, loaded_settings
from tallystick_ingest.settings.sources import DEFAULT


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
    loaded = loaded_settings(chosen)
    config = loaded.config
    sys.meta_path.insert(0, _NoPandas())
    from tallystick_ingest.dashboard import Dashboard, beside  # noqa: PLC0415 - slow to import
    from tallystick_ingest.local_credentials import keep_credentials  # noqa: PLC0415
    from tallystick_ingest.serving import address_of, bind, rpc_port, serve  # noqa: PLC0415
    from tallystick_ingest.tenants import Tenants  # noqa: PLC0415

    listener = bind(config.core.host, config.core.port)
    is_stated = loaded.settled["grpc_port"].source != DEFAULT
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
    tenants = Tenants.open(config)
    service = tenants.operator
    try:
        lines = [
            f"Tallystick takes OTLP and questions at {url}",
            *([f"  settings     {loaded.file}"] if loaded.file else []),
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
        if len(tenants.names) > 1:
            lines.append(f"  tenants      {', '.join(tenants.names[1:])}")
        lines += [f"  note         {notice}" for one in tenants for notice in one.store.notices]
    except BaseException:
        tenants.close("the start failed")
        raise

    def ready() -> None:
        print("\n".join(lines), flush=True)
        if isinstance(dashboard, Dashboard):
            dashboard.start()

    try:
        serve(tenants, listener, ready, grpc_port)
    finally:
        if isinstance(dashboard, Dashboard):
            dashboard.stop()
    print("Tallystick has stopped: everything accepted is kept.", flush=True)
    return 0


class _NoPandas(MetaPathFinder):
    """Finds no pandas: the service never uses it.

    Arrow imports it with its first array, wherever it is installed: 0.7 s and 60 MB for nothing.
    """

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        """Refuse pandas, and leave everything else to the other finders."""
        if fullname == "pandas":
            raise ModuleNotFoundError("the service uses no pandas", name="pandas")
        return None
