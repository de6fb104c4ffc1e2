"""A fault that nobody foresaw, in the form of the address that was asked."""

import asyncio
import json
from typing import Any

import pytest

from tallystick_ingest.edge import Edge


class _Heads:
    def newest_note(self) -> str | None:
        return None

    def is_seen(self, note: str) -> bool:
        return True

    def observe(self, note: str) -> None:
        """Look at nothing."""


@pytest.mark.parametrize(
    ("path", "members"),
    [("/v1/logs", {"code", "message", "details"}), ("/api/v1/actions", {"error"})],
)
def test_a_fault_is_a_503_in_the_form_of_its_address(path: str, members: set[str]) -> None:
    sent: list[dict[str, Any]] = []

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("somebody's data")

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    scope = {"type": "http", "path": path, "method": "GET", "headers": []}
    asyncio.run(Edge(fails, _Heads())(scope, receive, send))
    body = b"".join(event.get("body", b"") for event in sent)
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"1") in [(name.lower(), value) for name, value in sent[0]["headers"]]
    assert json.loads(body).keys() == members
    assert b"somebody" not in body
    assert b"internal fault; try again; the service's log says where" in body
