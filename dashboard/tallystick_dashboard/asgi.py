"""The application: Streamlit's, with our login, downloads and files beside it and our guard around it."""

import logging
import secrets
from pathlib import Path
from typing import Any, Final

import streamlit as st
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from streamlit import config as streamlit_config

from tallystick.errors import ConfigError
from tallystick_dashboard import app, theme
from tallystick_dashboard.client import Client
from tallystick_dashboard.config import DashboardConfig
from tallystick_dashboard.document import DOOR, document
from tallystick_dashboard.downloads import download_routes
from tallystick_dashboard.login import Door
from tallystick_dashboard.middleware import Guard
from tallystick_dashboard.session import SERVICE
from tallystick_dashboard.sites import Sites
from tallystick_dashboard.visitors import Visitors

PAGES: Final = frozenset(f"/{entry.path}" for entry in app.ENTRIES)
MAX_MESSAGE_MB: Final = 50
MAX_UPLOAD_MB: Final = 1
"""A system card is a few kilobytes."""

_HERE: Final = Path(__file__).resolve().parent
_log = logging.getLogger("tallystick.dashboard")


def create_app(config: DashboardConfig) -> Guard:
    """Return the ASGI application; raise ConfigError where Streamlit is not what we know.

    Streamlit is configured for the whole process: one application in one process.
    """
    configure(config)

    def client_of(token: str | None) -> Client:
        return Client(config.service, token)

    visitors = Visitors(client_of)
    screens = st.App(
        _HERE / "script" / "visit.py",
        secrets={SERVICE: config.service},
        routes=[
            *Door(client_of, visitors).routes(),
            *download_routes(client_of),
            Mount(DOOR, StaticFiles(directory=_HERE / "door")),
        ],
        on_script_error=_show_fault,
    )
    return Guard(screens, Sites.of(config.hosts), visitors, document(), PAGES)


def configure(config: DashboardConfig) -> None:
    """Set Streamlit's options; whatever its files or the environment say, these win."""
    streamlit_config.get_config_options(
        force_reparse=True, options_from_flags=streamlit_options(config)
    )
    if streamlit_config.get_option("server.enableAgentApi"):
        raise ConfigError("Streamlit's agent interface is on, and it would let strangers in")


def streamlit_options(config: DashboardConfig) -> dict[str, Any]:
    """Return every option of Streamlit that this dashboard sets."""
    return {
        **theme.options(),
        "server.headless": True,
        "server.address": config.host,
        "server.port": config.port,
        "server.allowedHosts": list(config.hosts),
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "server.xsrfCookieSameSite": "strict",
        "server.enableAgentApi": False,
        "server.enableStaticServing": False,
        "server.fileWatcherType": "none",
        "server.maxUploadSize": MAX_UPLOAD_MB,
        "server.maxMessageSize": MAX_MESSAGE_MB,
        "runner.magicEnabled": False,
    }


def _show_fault(fault: BaseException) -> bool:
    """Log what nobody foresaw, and show its number alone: a message could hold anybody's data."""
    number = secrets.token_hex(4)
    _log.error("fault %s: %s", number, type(fault).__name__, exc_info=fault)
    with st.container(key="page_error"):
        st.error(f"Something in the dashboard failed. Its log says what, under number {number}.")
    return True
