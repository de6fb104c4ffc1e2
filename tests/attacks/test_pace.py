"""One caller who asks or guesses without end: told to wait, and of no concern to anybody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tallystick_ingest.app import create_app
from tallystick_ingest.auth.api_keys import NewKey
from tallystick_ingest.auth.limits import BURST_S, FREE_GUESSES, FREE_LOGINS
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.tenants import Tenants
from tests.requirements import requirement
from tests.sending import JSON, span_json

pytestmark = [pytest.mark.e2e, requirement("auth.rate-limits")]

World = tuple[Tenants, TestClient]
MANY = BURST_S * 40


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Allow one request and one question a second."""
    given = {"home": str(tmp_path), "max_questions_per_s": "1", "max_requests_per_s": "1"}
    tenants = Tenants.open(load_service_config(given, {}))
    try:
        with TestClient(create_app(tenants)) as client:
            yield tenants, client
    finally:
        tenants.close("the test is over")


def key(world: World) -> dict[str, str]:
    _, text = world[0].operator.ring.add(NewKey("somebody", ("ingest", "read")))
    return {"authorization": f"Bearer {text}", "content-type": JSON}


def test_questions_beyond_the_rate_get_429_and_a_time_to_wait(world: World) -> None:
    client, busy, other = world[1], key(world), key(world)
    answers = [client.get("/api/v1/me", headers=busy) for _ in range(MANY)]
    refused = [one for one in answers if one.status_code != 200]
    assert refused
    assert {one.status_code for one in refused} == {429}
    assert refused[0].headers["retry-after"] == "1"
    assert "try again in 1 s" in refused[0].json()["error"]
    assert client.get("/api/v1/me", headers=other).status_code == 200


@pytest.mark.parametrize("path", ["/v1/traces", "/api/v1/enroll"])
def test_requests_beyond_the_rate_get_the_503_that_senders_repeat_after(
    world: World, path: str
) -> None:
    client, busy, other = world[1], key(world), key(world)
    bodies = {"/v1/traces": span_json({}), "/api/v1/enroll": b"{}"}
    answers = [client.post(path, content=bodies[path], headers=busy) for _ in range(MANY)]
    refused = [one for one in answers if one.status_code == 503]
    assert refused
    assert refused[0].headers["retry-after"] == "1"
    assert client.post("/v1/traces", content=span_json({}), headers=other).status_code == 200


def test_guesses_are_slowed_and_a_good_key_of_the_same_address_is_not(world: World) -> None:
    client, good = world[1], key(world)
    guess = {"authorization": "Bearer tallystick_guess"}
    found = [client.get("/api/v1/me", headers=guess) for _ in range(FREE_GUESSES * 3)]
    assert {one.status_code for one in found} == {401, 429}
    assert [one.status_code for one in found[:FREE_GUESSES]] == [401] * FREE_GUESSES
    assert client.get("/api/v1/me", headers=good).status_code == 200


def test_log_ins_from_one_address_are_slowed_whatever_the_name(world: World) -> None:
    client = world[1]
    found = [
        client.post("/api/v1/login/link", json={"token": f"guess {number}"}).status_code
        for number in range(FREE_LOGINS * 3)
    ]
    assert set(found) == {401, 429}


@requirement("auth.secure-headers")
@pytest.mark.parametrize("path", ["/healthz", "/admin", "/api/v1/me", "/v1/traces", "/nowhere"])
def test_every_answer_tells_a_browser_to_keep_it_to_itself(world: World, path: str) -> None:
    headers = world[1].get(path, headers=key(world)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    secure = world[1].get(f"https://testserver{path}", headers=key(world)).headers
    assert secure["strict-transport-security"] == "max-age=31536000"
