"""Serve the dashboard alone, for a service elsewhere: `tallystick dashboard --service URL`."""

import argparse
import asyncio
import contextlib
import logging
import os
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Final

import uvicorn
import uvloop

from tallystick.errors import ConfigError, TallystickError
from tallystick.log_lines import FORMS, LEVELS, configure
from tallystick_dashboard.config import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    DashboardConfig,
    dashboard_config,
)

GRACE_S: Final = 3
"""How long requests in progress may take at the end; a screen that is cut off asks again."""
ORPHANED_S: Final = 5.0
"""How long an end in order may take once whoever started us is gone."""
_PORT_END: Final = 65_536


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the dashboard alone, for a service that runs elsewhere; until it is told to stop."""
    chosen = _parser().parse_args(arguments)
    configure(chosen.log_format, chosen.log_level)
    try:
        hosts = [*chosen.allowed_host, *os.environ.get("TALLYSTICK_DASHBOARD_HOSTS", "").split(",")]
        proxies = chosen.trusted_proxy or os.environ.get("TALLYSTICK_TRUSTED_PROXIES", "").split(
            ","
        )
        config = dashboard_config(chosen.service, chosen.host, chosen.port, hosts, proxies)
        listener = (
            socket.socket(fileno=chosen.socket) if chosen.socket is not None else _bind(config)
        )
        _serve(config, listener, is_child=chosen.until_stdin_closes)
    except TallystickError as error:
        print(f"tallystick dashboard: {error}", file=sys.stderr)  # noqa: T201 - a command says why it ends
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tallystick dashboard", description=main.__doc__)
    parser.add_argument("--service", required=True, help="address of the service, http://host:port")
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="port to listen on")
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name under which browsers reach it; may be repeated (TALLYSTICK_DASHBOARD_HOSTS)",
    )
    parser.add_argument(
        "--trusted-proxy",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="proxy whose X-Forwarded-For counts; may be repeated (TALLYSTICK_TRUSTED_PROXIES)",
    )
    parser.add_argument("--log-format", choices=FORMS, default=FORMS[0], help="form of log lines")
    parser.add_argument(
        "--log-level", choices=LEVELS, default="warning", help="lines below it are not written"
    )
    parser.add_argument("--socket", type=int, help="listen on this open descriptor instead")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input closes: when whoever started it is gone, however it ended",
    )
    return parser


def _port(text: str) -> int:
    if text.isdecimal() and text.isascii() and int(text) < _PORT_END:
        return int(text)
    raise argparse.ArgumentTypeError(f"expected a whole number below {_PORT_END}, got {text!r}")


def _bind(config: DashboardConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {config.host}, port {config.port}: {error.strerror}; "
            "choose another port with --port"
        ) from None
    return listener


def _serve(config: DashboardConfig, listener: socket.socket, *, is_child: bool) -> None:
    from tallystick_dashboard.asgi import create_app  # noqa: PLC0415 - slow to import

    listener.setblocking(False)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(config),
            http="httptools",
            lifespan="on",
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            server_header=False,
            proxy_headers=bool(config.proxies),
            forwarded_allow_ips=list(config.proxies),
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    if is_child:
        threading.Thread(target=_end_with_stdin, args=(server,), daemon=True).start()
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(server.serve(sockets=[listener]))


def _end_with_stdin(server: uvicorn.Server) -> None:
    """Stop the server when the other end of standard input is gone, in order or not."""
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    server.should_exit = True
    threading.Event().wait(ORPHANED_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
