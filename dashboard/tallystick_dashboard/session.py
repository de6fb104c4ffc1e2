"""The session of whoever looks: where the service is, and the cookie that came with the connection."""

import streamlit as st

from tallystick_dashboard.client import Client

COOKIE = "tallystick_session"
"""Holds the token of a session of the service; HttpOnly, so that no script of a page can read it."""
SERVICE = "service"
"""Name under which the application tells its scripts the address of the service."""


def client_of_visitor() -> Client:
    """Return a client with the rights of the visitor; without a session it has none."""
    return Client(str(st.secrets[SERVICE]), st.context.cookies.get(COOKIE))
