"""What a real service says of credentials that were passed on or are shared, in JSON and in a terminal."""

import json

import pytest

from tallystick_store.rows import EventRow
from tests.requirements import requirement
from tests.sending import items, logs_protobuf
from tests.serving import Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

REF = "c4" * 16
TRACE = "7e" * 16


def send_calls(service: Service) -> None:
    """Send a call of a server that passes its token on, and one of another client with that token."""
    emitter = Emitter("gateway")

    def call(number: int, **more: object) -> EventRow:
        action = f"{number:032x}"
        said = {"credential__ref": REF, "credential__kind": "jwt", "outcome": "success", **more}
        return EventRow(emitter.record("tool.completed", {}, action__id=action, **said))

    server = {"observer": "mcp_server", "server__name": "front\x1b[2J"}
    client = {"observer": "mcp_client", "server__name": "back", "trace__id": TRACE}
    rows = [
        emitter.opened(),
        call(1, client__name="desk", **server),
        call(2, client__name="shop", **server),
        call(3, action__parent_id=f"{1:032x}", **client),
    ]
    assert service.send(logs_protobuf(items([*rows, emitter.seal()]))).status == 200


def told(service: Service, *arguments: str) -> str:
    done = service.tallystick("credentials", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@requirement("sdk.pass-through")
def test_an_operator_sees_what_was_passed_on_and_what_is_shared(service: Service) -> None:
    send_calls(service)
    found = service.get("/api/v1/credentials")
    [passed] = [one for one in found["passed_on"] if one["credential_ref"] == REF]
    assert (passed["passed_on_to"], passed["calls"], passed["trace_id"]) == ("back", 1, TRACE)
    [common] = [one for one in found["shared"] if one["credential_ref"] == REF]
    assert (common["clients"], common["calls"]) == (["desk", "shop"], 3)
    text = told(service)
    assert f"PASSED ON   jwt {REF[:12]}" in text
    assert "which sent it to back" in text
    assert "clients     desk, shop" in text
    assert f"trace {TRACE}" in text
    assert "\x1b" not in text
    assert json.loads(told(service, "--json")) == service.get("/api/v1/credentials")
    accesses = service.statements("access.search")
    assert "credentials" in {one["access.target"] for one in accesses}


def test_whoever_may_not_read_sees_no_credentials(service: Service) -> None:
    assert service.ask("GET", "/api/v1/credentials").status == 401
