"""sd_notify(3): what a service manager is told."""

import socket
from pathlib import Path

import pytest

from tallystick_ingest.operations.notify import READY, STOPPING, notify
from tests.patience import PATIENCE_S


@pytest.mark.parametrize("is_abstract", [False, True])
def test_each_state_is_one_datagram(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_abstract: bool
) -> None:
    name = f"@{tmp_path.name}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0", 1) if is_abstract else name)
        manager.settimeout(PATIENCE_S)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        for state in (READY, STOPPING):
            notify(state)
            assert manager.recv(100) == state.encode()


@pytest.mark.parametrize("name", ["", "relative", "/nowhere/at/all", "vsock:2:1"])
def test_where_nobody_listens_nothing_happens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify(READY)
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify(READY)
