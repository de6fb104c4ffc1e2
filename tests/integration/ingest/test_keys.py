"""API keys over their life: made, listed, expired, revoked; and what each step leaves in the log."""

import json
import re
import socket
import stat
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from tallystick_ingest.auth.api_keys import SCOPES
from tallystick_ingest.auth.gate import OPERATOR_FILE
from tests.patience import PATIENCE_S
from tests.ports import free_port
from tests.requirements import requirement
from tests.sending import JSON, as_protobuf, span_json
from tests.serving import Answer, Service

pytestmark = pytest.mark.e2e

Headers = dict[str, str]


def make_key(service: Service, by: Headers, **wanted: Any) -> Answer:
    return service.make_key(*wanted.pop("scopes", ["read"]), by=by, **wanted)


def with_key(answer: Answer) -> Headers:
    assert answer.status == 200, answer.body
    return {"Authorization": f"Bearer {answer.json['api_key']}"}


def shown(service: Service, id_: str) -> Any:
    listed = service.ask("GET", "/api/v1/keys", headers=service.operator).json
    return next(one for one in listed if one["id"] == id_)


@requirement("auth.keys")
def test_a_key_states_what_it_may_and_until_when_in_list_and_log(service: Service) -> None:
    reach = {"agents": ["buyer*"], "tools": ["search", "pay ada@example.com"]}
    made = make_key(service, service.operator, expires="90d", reach=reach).json
    whole = {"environments": None, "resources": [], **reach}
    assert (made["scopes"], made["reach"], made["state"]) == (["read"], whole, "valid")
    assert 0 <= made["created_us"] + 90 * 86_400_000_000 - made["expires_us"] < 60_000_000
    listed = shown(service, made["id"])
    assert listed == {name: value for name, value in made.items() if name != "api_key"}
    [stated] = [one for one in service.statements("key.added") if one["key.name"] == made["id"]]
    assert stated["key.scopes"] == ["read"]
    assert stated["key.expires_us"] == made["expires_us"]
    assert stated["key.reach"]["agents"] == "buyer*"
    assert "ada@example.com" not in json.dumps(stated)
    assert stated["client.id"] == "operator"


@requirement("auth.keys")
def test_a_revoked_key_opens_nothing_from_the_answer_on(service: Service) -> None:
    made = make_key(service, service.operator)
    key, path = with_key(made), f"/api/v1/keys/{made.json['id']}"
    assert service.ask("GET", "/api/v1/actions", headers=key).status == 200
    revoked = service.ask("DELETE", path, headers=service.operator)
    assert (revoked.status, revoked.json["state"]) == (200, "revoked")
    refused = service.ask("GET", "/api/v1/actions", headers=key)
    assert refused.status == 401
    assert "was revoked" in refused.json["error"]
    assert service.ask("DELETE", path, headers=service.operator).status == 200
    stated = [
        one for one in service.statements("key.revoked") if one["key.name"] == made.json["id"]
    ]
    assert [one["client.id"] for one in stated] == ["operator", "operator"]
    assert shown(service, made.json["id"])["state"] == "revoked"


@requirement("auth.keys")
def test_a_revoked_key_stays_revoked_after_a_crash(make_service: Callable[..., Service]) -> None:
    service = make_service().start()
    made = make_key(service, service.operator)
    service.ask("DELETE", f"/api/v1/keys/{made.json['id']}", headers=service.operator)
    service.kill()
    service.start()
    assert service.ask("GET", "/api/v1/actions", headers=with_key(made)).status == 401
    assert len(service.statements("key.revoked")) == 1


@requirement("auth.keys")
def test_grpc_takes_nothing_from_a_revoked_key_on_an_open_connection(
    make_service: Callable[..., Service],
) -> None:
    port = free_port()
    service = make_service(options=["--grpc-port", str(port)]).start()
    made = make_key(service, service.operator, scopes=["ingest"])
    metadata = (("authorization", with_key(made)["Authorization"]),)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        send = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        body = as_protobuf(span_json({}))
        send(body, metadata=metadata, timeout=PATIENCE_S, wait_for_ready=True)
        service.ask("DELETE", f"/api/v1/keys/{made.json['id']}", headers=service.operator)
        with pytest.raises(grpc.RpcError) as refused:
            send(body, metadata=metadata, timeout=PATIENCE_S)
        twice = (*operator_metadata(service), *metadata)
        with pytest.raises(grpc.RpcError) as doubled:
            send(body, metadata=twice, timeout=PATIENCE_S)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert doubled.value.code() == grpc.StatusCode.UNAUTHENTICATED


def operator_metadata(service: Service) -> tuple[tuple[str, str], ...]:
    return (("authorization", service.authorization["Authorization"]),)


@requirement("auth.keys")
def test_a_key_whose_time_is_over_is_not_made(service: Service) -> None:
    for expires in ("2020-01-01", "now", "0s", "soon", "999999w", "9999-12-31", "x" * 65):
        refused = make_key(service, service.operator, expires=expires)
        assert refused.status == 400, expires
    listed = service.tallystick("keys", "list")
    assert (listed.returncode, "2255" in listed.stdout) == (0, False), listed.stderr
    assert "x" * 65 not in refused.body.decode()


@requirement("auth.keys", "access.recorded")
def test_reading_the_list_of_keys_is_on_record(service: Service) -> None:
    before = len(_reads_of_keys(service))
    admin = with_key(make_key(service, service.operator, scopes=["keys", "read"]))
    assert service.ask("GET", "/api/v1/keys", headers=admin).status == 200
    assert len(_reads_of_keys(service)) == before + 1


def _reads_of_keys(service: Service) -> list[Any]:
    return [one for one in service.statements("access.read") if one["access.target"] == "keys"]


@requirement("auth.keys")
def test_the_list_says_on_which_day_a_key_was_used(service: Service) -> None:
    made = make_key(service, service.operator)
    assert shown(service, made.json["id"])["used_on"] is None
    service.ask("GET", "/api/v1/actions", headers=with_key(made))
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", shown(service, made.json["id"])["used_on"])


@pytest.fixture(scope="module")
def manager(service: Service) -> Headers:
    """Hold a key that manages keys, with some scopes and a part of the reach."""
    reach = {"agents": ["buyer", "seller"]}
    scopes = ["keys", "read", "ingest"]
    return with_key(make_key(service, service.operator, scopes=scopes, reach=reach))


@requirement("auth.keys")
@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"reach": {"agents": ["buyer"]}}, 200),
        ({"reach": {"agents": ["seller"], "tools": ["search"]}}, 200),
        ({"scopes": ["ingest", "keys"], "reach": {"agents": []}}, 200),
        ({}, 403),
        ({"reach": {"agents": ["*"]}}, 403),
        ({"reach": {"agents": ["buyer", "other"]}}, 403),
        ({"reach": {"tools": ["search"]}}, 403),
        ({"scopes": ["payload"], "reach": {"agents": ["buyer"]}}, 403),
        ({"scopes": ["admin"], "reach": {"agents": ["buyer"]}}, 403),
    ],
    ids=str,
)
def test_nobody_gives_a_key_more_than_they_have(
    service: Service, manager: Headers, wanted: dict[str, Any], status: int
) -> None:
    answer = make_key(service, manager, **wanted)
    assert answer.status == status, answer.body


@pytest.mark.parametrize(
    "wanted",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": [*SCOPES, "read"]},
        {"name": ""},
        {"name": "a\nb"},
        {"reach": {"agents": [""]}},
        {"reach": {"agents": ["a" * 257]}},
        {"reach": {"agents": ["a"] * 65}},
        {"reach": {"agents": "buyer"}},
        {"reach": {"agents": ["a\nb"]}},
    ],
    ids=str,
)
def test_a_senseless_key_is_refused_and_not_made(service: Service, wanted: dict[str, Any]) -> None:
    before = service.ask("GET", "/api/v1/keys", headers=service.operator).json
    assert make_key(service, service.operator, **wanted).status == 400
    after = service.ask("GET", "/api/v1/keys", headers=service.operator).json
    assert [one["id"] for one in after] == [one["id"] for one in before]


@pytest.mark.parametrize("id_", ["key-00000000", "x", "%2e%2e", "a" * 64])
def test_a_key_that_is_none_cannot_be_revoked(service: Service, id_: str) -> None:
    answer = service.ask("DELETE", f"/api/v1/keys/{id_}", headers=service.operator)
    assert answer.status == 404


@requirement("auth.from-the-first-start")
@pytest.mark.parametrize("path", ["/v1/traces", "/api/v1/status", "/api/v1/enroll"])
def test_two_authorization_headers_are_refused_whatever_they_hold(
    service: Service, path: str
) -> None:
    good = service.authorization["Authorization"]
    is_post = path != "/api/v1/status"
    for first, second in ((good, "Bearer wrong"), ("Bearer wrong", good), (good, good)):
        answer = _with_headers(service, path, [first, second], is_post=is_post)
        assert answer == 401


def _with_headers(service: Service, path: str, values: list[str], *, is_post: bool) -> int:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
    body = b'{"emitter_vkey":"","proof":""}' if is_post else b""
    connection.putrequest("POST" if is_post else "GET", path)
    for value in values:
        connection.putheader("Authorization", value)
    connection.putheader("Content-Type", JSON)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def command(service: Service) -> Callable[..., list[str]]:
    """Run `tallystick keys`, and return the lines of what it prints."""

    def run(*arguments: str) -> list[str]:
        done = service.tallystick("keys", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@requirement("auth.keys")
def test_the_operator_makes_lists_and_revokes_keys_by_command(
    service: Service, command: Callable[..., list[str]]
) -> None:
    lines = command(
        "create", "ci of shop", "--scope", "read", "--agent", "buyer*", "--expires", "7d"
    )
    key_id = lines[0].split()[1].rstrip(",")
    text = lines[2].split()[-1]
    headers = {"Authorization": f"Bearer {text}"}
    assert service.ask("GET", "/api/v1/actions", headers=headers).status == 200
    [row] = [line for line in command("list") if line.startswith(key_id)]
    assert "ci of shop" in row
    assert "agents buyer*" in row
    assert text not in "".join(command("list", "--json"))
    command("revoke", key_id)
    assert service.ask("GET", "/api/v1/actions", headers=headers).status == 401
    [row] = [line for line in command("list") if line.startswith(key_id)]
    assert "revoked" in row


def test_the_operators_token_is_private_and_new_at_each_start(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    file = service.home / "server" / OPERATOR_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    old = service.operator
    service.stop()
    service.start()
    assert service.ask("GET", "/api/v1/keys", headers=old).status == 401
    assert service.ask("GET", "/api/v1/keys", headers=service.operator).status == 200


def test_without_the_secrets_the_command_says_what_it_needs(service: Service) -> None:
    done = service.tallystick("keys", "list", "--secrets", str(service.root / "elsewhere"))
    assert done.returncode != 0
    assert "TALLYSTICK_API_KEY" in done.stderr


@requirement("auth.keys")
def test_the_command_connects_to_no_stranger_with_the_operators_token(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.setblocking(False)
        environment = {
            **service.environment,
            "TALLYSTICK_ENDPOINT": f"http://localhost:{stranger.getsockname()[1]}",
        }
        done = service.tallystick("keys", "list", environment=environment)
        with pytest.raises(BlockingIOError):
            stranger.accept()
    assert done.returncode != 0
    assert "TALLYSTICK_API_KEY" in done.stderr
