"""What a stranger or a holder of a lesser key sends to a service, and what must not come of it."""

import asyncio
import http.client
import json
import re
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tallystick_ingest.api.evidence import MAX_SNAPSHOTS
from tallystick_ingest.edge import CutOffError, Edge
from tests.patience import PATIENCE_S
from tests.requirements import requirement
from tests.serving import Service

SECRET = "ada@" + "example.com"

pytestmark = requirement("otlp.never-500")


class NoHeads:
    def newest_note(self) -> str | None:
        return None

    def is_seen(self, note: str) -> bool:
        return True

    def observe(self, note: str) -> None:
        raise AssertionError(note)


def ask_edge(edge: Edge) -> list[MutableMapping[str, Any]]:
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/fault",
        "raw_path": b"/fault",
        "query_string": b"",
        "headers": [],
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
    }
    asyncio.run(edge(scope, receive, send))
    return sent


def test_a_fault_that_nobody_foresaw_in_a_framework_route_is_a_503_and_shows_no_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = FastAPI()

    @app.get("/fault")
    def fault() -> None:
        raise ValueError(SECRET)

    sent = ask_edge(Edge(app, NoHeads()))
    assert [event.get("status") for event in sent] == [503, None]
    assert json.loads(sent[1]["body"])
    told = caplog.text + "".join(str(one.__dict__.get("fields")) for one in caplog.records)
    assert SECRET not in told
    assert "ValueError" in told


def test_a_fault_in_the_midst_of_an_answer_cuts_it_off_and_shows_no_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError(SECRET)

    with pytest.raises(CutOffError) as raised:
        ask_edge(Edge(app, NoHeads()))
    assert raised.value.__suppress_context__
    assert SECRET not in caplog.text


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("service")).start()
    yield made
    made.kill()


@pytest.mark.e2e
@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "/new",
        "a/b",
        "a\0x",
        "\ud800",
        "A",
        "x" * 65,
        "a\n",
        "%2e%2e",
        "c:\\x",
    ],
)
def test_a_snapshot_to_a_place_of_somebodys_choice_is_refused(service: Service, name: str) -> None:
    body = json.dumps({"name": name, "directory": str(service.root / "elsewhere")}).encode()
    headers = {**service.authorization, "Content-Type": "application/json"}
    answer = service.ask("POST", "/api/v1/snapshot", body, headers)
    assert answer.status == 400
    assert not (service.home / "snapshots").exists()
    assert not (service.root / "elsewhere").exists()


@pytest.mark.e2e
def test_snapshots_fill_the_disk_no_further_than_a_few(tmp_path: Path) -> None:
    made = Service(tmp_path).start()
    headers = {**made.authorization, "Content-Type": "application/json"}
    try:
        for number in range(MAX_SNAPSHOTS + 1):
            body = json.dumps({"name": f"copy-{number}"}).encode()
            answer = made.ask("POST", "/api/v1/snapshot", body, headers)
            assert answer.status == (200 if number < MAX_SNAPSHOTS else 400)
        assert "remove them" in answer.json["error"]
        again = made.ask("POST", "/api/v1/snapshot", b'{"name": "copy-0"}', headers)
        assert "of this name" in again.json["error"]
    finally:
        made.kill()


@pytest.mark.e2e
@pytest.mark.parametrize("origin", ["http://[::", "http://[bad]x", "null", "http://elsewhere"])
def test_an_origin_that_is_none_is_a_stranger(service: Service, origin: str) -> None:
    headers = {"Cookie": "tallystick_admin=guessed", "Origin": origin}
    assert service.ask("GET", "/api/v1/status", None, headers).status == 401


@pytest.mark.e2e
@pytest.mark.parametrize("path", ["/admin/claim", "/api/v1/enroll", "/api/v1/keys"])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_stranger_cannot_fill_the_memory_with_a_body(
    service: Service, path: str, is_chunked: bool
) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            yield b" " * 65_536

    body = chunks() if is_chunked else b"".join(chunks())
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert (answer.status, b"larger than 262144 bytes" in answer.read()) == (413, True)
    connection.close()


@pytest.mark.e2e
def test_a_scope_that_is_none_is_not_repeated(service: Service) -> None:
    link = re.search(r"/admin#(\S+)", service.output)
    assert link is not None
    headers = {"Content-Type": "application/json"}
    claim = service.ask("POST", "/admin/claim", json.dumps({"token": link[1]}).encode(), headers)
    cookie = {"Cookie": claim.headers["set-cookie"].partition(";")[0], **headers}
    body = json.dumps({"name": "one", "scopes": ["x" * 10_000]}).encode()
    answer = service.ask("POST", "/api/v1/keys", body, cookie)
    assert (answer.status, len(answer.body) < 200) == (400, True)
