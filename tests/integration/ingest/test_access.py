"""Nothing is read or written without a credential, and what is read is on record."""

import json
import re
import subprocess
from typing import Any

import pytest

from tallystick_ingest.auth.admin import COOKIE
from tests.requirements import requirement
from tests.sending import JSON, PROTOBUF, batch, logs_protobuf, partial, span_json
from tests.serving import Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

READS = [
    "/api/v1/status",
    "/api/v1/actions",
    "/api/v1/actions/x",
    "/api/v1/traces/x",
    "/api/v1/sessions",
    "/api/v1/records?from=0&to=1",
    "/api/v1/log/checkpoint",
    "/api/v1/log/consistency?old=1&new=2",
    "/api/v1/log/inclusion?index=0&size=1",
    "/api/v1/log/range?start=0&end=1&size=1",
    "/api/v1/export?from=1h",
    "/api/v1/keys",
]
WRITES = [
    "/v1/logs",
    "/v1/traces",
    "/v1/metrics",
    "/api/v1/enroll",
    "/api/v1/snapshot",
    "/api/v1/keys",
]


def key_with(service: Service, admin: dict[str, str], *scopes: str) -> dict[str, str]:
    return service.key(*scopes, by=admin)


@pytest.fixture(scope="module")
def admin(service: Service) -> dict[str, str]:
    """Use the one-time link of the first start, as a browser would."""
    [token] = re.findall(r"/admin#([\w-]+)", service.output)
    body = json.dumps({"token": token}).encode()
    answer = service.ask("POST", "/admin/claim", body, {"Content-Type": JSON})
    assert answer.json["tenant"] == service.credentials["tenant"]
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    return {"Cookie": cookie.partition(";")[0], "Host": f"127.0.0.1:{service.port}"}


@requirement("auth.from-the-first-start")
@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_nothing_is_read_without_a_key(service: Service, path: str, key: str | None) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = service.ask("GET", path, headers=headers)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "API key" in answer.json["error"]


@requirement("auth.from-the-first-start", "otlp.content-type-answered")
@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("media_type", [JSON, PROTOBUF])
def test_nothing_is_written_without_a_key(service: Service, path: str, media_type: str) -> None:
    kept = kept_of_others(service)
    answer = service.ask("POST", path, b"{}", {"Content-Type": media_type})
    assert answer.status == 401
    if path.startswith("/v1/"):
        assert answer.headers["content-type"] == media_type
    assert kept_of_others(service) == kept


ONCE_A_MINUTE = ("session.heartbeat", "log.reject", "access.")
"""What the service says of itself when a minute is over, whoever asks for what."""


def kept_of_others(service: Service) -> dict[str, int]:
    """Count what is kept, by kind, but for what the service adds by itself once a minute."""
    counts = service.get("/api/v1/status")["counts"]
    return {
        name: count
        for name, count in counts.items()
        if name == "spans"
        or (name.startswith("event:") and not name[len("event:") :].startswith(ONCE_A_MINUTE))
    }


@pytest.mark.parametrize(
    ("scope", "path", "is_post"),
    [
        ("read", "/v1/logs", True),
        ("read", "/api/v1/enroll", True),
        ("read", "/api/v1/export?from=1h", False),
        ("read", "/api/v1/snapshot", True),
        ("ingest", "/api/v1/status", False),
        ("ingest", "/api/v1/actions", False),
        ("export", "/api/v1/records?from=0&to=1", False),
        ("read", "/api/v1/keys", False),
        ("read", "/api/v1/keys", True),
    ],
)
def test_a_key_may_do_no_more_than_its_scopes(
    service: Service, admin: dict[str, str], scope: str, path: str, *, is_post: bool
) -> None:
    limited = key_with(service, admin, scope)
    before = len(service.rejected())
    body = b'{"emitter_vkey":"","proof":"","directory":"","name":"x","scopes":["admin"]}'
    answer = service.ask(
        "POST" if is_post else "GET",
        path,
        body if is_post else None,
        {**limited, "Content-Type": JSON},
    )
    assert answer.status == 403
    assert b"is needed" in answer.body
    assert service.rejected()[before:] == [{"forbidden": 1}]


def test_any_key_may_check_the_log_itself(service: Service, admin: dict[str, str]) -> None:
    limited = key_with(service, admin, "ingest")
    note = service.ask("GET", "/api/v1/log/checkpoint", headers=limited)
    assert note.headers["content-type"].startswith("text/plain")
    assert note.body.decode().startswith(service.credentials["tenant"] + "\n")
    size = int(note.body.split(b"\n")[1])
    proof = service.ask("GET", f"/api/v1/log/consistency?old=1&new={size}", headers=limited)
    assert proof.json["proof"]


def test_the_administrator_sees_keys_by_name_and_never_their_text(
    service: Service, admin: dict[str, str]
) -> None:
    answer = service.ask("GET", "/api/v1/keys", headers=admin)
    names = [one["name"] for one in answer.json]
    assert names[0] == "this machine"
    assert service.credentials["api_key"] not in answer.body.decode()
    ids = {one["id"] for one in answer.json}
    added = {
        one["key.name"] for one in service.statements("key.added") if one["key.purpose"] == "api"
    }
    assert ids == added


@requirement("auth.from-the-first-start")
def test_the_admin_link_is_used_up_and_its_page_asks_no_other_address(
    service: Service, admin: dict[str, str]
) -> None:
    assert COOKIE in admin["Cookie"]
    [token] = re.findall(r"/admin#([\w-]+)", service.output)
    body = json.dumps({"token": token}).encode()
    again = service.ask("POST", "/admin/claim", body, {"Content-Type": JSON})
    assert again.status == 401
    assert "works once" in again.json["error"]
    page = service.ask("GET", "/admin")
    assert page.status == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert b"http" not in page.body.replace(b"http://", b"") or b"https://" not in page.body
    assert token not in page.body.decode()


@requirement("access.recorded")
def test_a_login_and_each_read_is_recorded_before_it_is_answered(
    service: Service, admin: dict[str, str]
) -> None:
    limited = key_with(service, admin, "read", "export")
    emitter = Emitter("read by somebody")
    service.send(logs_protobuf(batch(emitter, 2)))
    before = len(accesses(service))
    service.ask("GET", f"/api/v1/actions?session={emitter.session}", headers=limited)
    service.ask("GET", "/api/v1/traces/" + "0" * 32, headers=limited)
    service.ask("GET", "/api/v1/export?from=1h", headers=limited)
    made = [
        one for one in accesses(service)[before:] if one["client.id"] == own_id(service, limited)
    ]
    assert [(one["type"], one["access.target"]) for one in made] == [
        ("access.search", "actions"),
        ("access.read", "trace"),
        ("access.export", "export"),
    ]
    assert [one["access.rows"] for one in made[:2]] == [2, 0]
    assert made[2]["access.rows"] > 5
    assert {one["credential.kind"] for one in made} == {"api_key"}
    assert emitter.session not in json.dumps(made)
    [login] = service.statements("access.login")
    assert (login["principal.type"], login["client.id"]) == ("human", "admin")


@requirement("access.recorded")
def test_the_same_question_within_a_minute_is_one_record(
    service: Service, admin: dict[str, str]
) -> None:
    limited = key_with(service, admin, "read")
    before = len(accesses(service))
    for _ in range(5):
        service.ask("GET", "/api/v1/actions?tool=x", headers=limited)
    service.ask("GET", "/api/v1/actions?tool=y", headers=limited)
    made = [
        one for one in accesses(service)[before:] if one["client.id"] == own_id(service, limited)
    ]
    assert [one["access.count"] for one in made] == [1, 1]
    assert made[0]["access.query_digest"] != made[1]["access.query_digest"]


def own_id(service: Service, headers: dict[str, str]) -> Any:
    """Ask under which id a key is on record."""
    return service.ask("GET", "/api/v1/me", headers=headers).json["id"]


def accesses(service: Service) -> list[Any]:
    return [one for one in service.statements() if one["type"].startswith("access.")]


@requirement("admit.forged-refused")
def test_another_sender_cannot_write_into_a_session(
    service: Service, admin: dict[str, str]
) -> None:
    emitter = Emitter("belongs to one sender")
    service.send(logs_protobuf(batch(emitter, 1)))
    limited = key_with(service, admin, "ingest")
    body = logs_protobuf(batch(emitter, 1, opened=False))
    answer = service.ask("POST", "/v1/logs", body, {**limited, "Content-Type": PROTOBUF})
    refused, text = partial(answer.body)
    assert (refused, "wrong_sender x2" in text) == (2, True)


def test_no_secret_stands_in_the_log_the_output_or_the_data(
    service: Service, admin: dict[str, str]
) -> None:
    secrets = [
        service.credentials["api_key"],
        service.credentials["token_key"],
        admin["Cookie"].partition("=")[2],
    ]
    service.ask("GET", "/api/v1/actions", headers={"Authorization": f"Bearer {secrets[0]}x"})
    found = subprocess.run(
        ["grep", "-rlaF", *(word for one in secrets for word in ("-e", one)), str(service.data)],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert found.stdout == b""
    assert [one for one in secrets if one in service.output] == []
    assert (service.home / "credentials.json").stat().st_mode & 0o777 == 0o600
    assert service.home.stat().st_mode & 0o777 == 0o700


def test_a_foreign_span_reaches_the_list_of_actions(service: Service) -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "span-tool"}
    service.send(span_json(tool), "/v1/traces", JSON)
    [action] = service.get("/api/v1/actions?tool=span-tool")["actions"]
    assert (action["origin"], action["sealing"], action["outcome"]) == (
        "derived",
        "derived",
        "success",
    )
    trace = service.get(f"/api/v1/traces/{action['trace_id']}")
    assert [one["name"] for one in trace["spans"]] == ["execute_tool lookup"]
    assert trace["calls"][0]["action_id"] == action["action_id"]
    assert service.get(f"/api/v1/actions/{action['action_id']}")["events"][0]["origin"] == "derived"


@pytest.mark.parametrize("media_type", [None, "application/x-www-form-urlencoded", "text/plain"])
def test_a_body_that_is_not_stated_to_be_json_is_answered_with_what_to_send(
    service: Service, admin: dict[str, str], media_type: str | None
) -> None:
    body = json.dumps({"name": "a key", "scopes": ["read"]}).encode()
    stated = {name: value for name, value in admin.items() if name.lower() != "content-type"}
    if media_type is not None:
        stated["Content-Type"] = media_type
    answer = service.ask("POST", "/api/v1/keys", body, stated)
    assert answer.status == 400
    assert "send `Content-Type: application/json`" in answer.json["error"]
    stated["Content-Type"] = "application/json"
    wrong = service.ask("POST", "/api/v1/keys", b"[]", stated)
    assert (wrong.status, "Content-Type" in wrong.json["error"]) == (400, False)
