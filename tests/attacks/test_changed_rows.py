"""Whoever holds the disk changes any one row; the service starts, says which, and answers everything else."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from starlette.testclient import TestClient

from tallystick_ingest.app import create_app
from tallystick_ingest.auth.api_keys import SCOPES, NewKey
from tallystick_ingest.drafts import Access
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.tenants import Tenants
from tests.requirements import requirement
from tests.sending import JSON, batch, logs_protobuf, span_json
from tests.stores import EMITTER, Emitter

TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "span-tool"}
PATHS = [
    "/api/v1/status",
    "/api/v1/actions?limit=1000",
    "/api/v1/actions?sealing=unsealed",
    "/api/v1/traces",
    "/api/v1/sessions",
    "/api/v1/overview?from=2020-01-01&to=2099-01-01",
    "/api/v1/integrity",
    "/api/v1/records?from=0&to=1000",
    "/api/v1/keys",
    "/api/v1/tools",
]
CHANGES = {
    "events": [
        "statement = replace(statement, '\"time_us\":1', '\"time_us\":2'), key_vkey = 'x'",
        "statement = NULL, disclosures = NULL, sender = NULL, rx_us = NULL, leaf_hash = NULL",
        "type = NULL, session = NULL, seq = NULL, time_us = NULL, origin = NULL, statement = '{'",
    ],
    "seals": ["body = NULL, root = NULL, session = NULL, old_size = NULL, size = NULL"],
    "spans": ["record = NULL, leaf_hash = NULL", "trace_id = NULL, start_ns = NULL"],
    "checkpoints": ["note = NULL, root = NULL", "size = NULL, note = 'x'"],
}
KINDS = {"events": "type, key_purpose", "seals": "sender", "spans": "trace_id"}
"""One row of each kind is changed: the newest."""


@contextmanager
def served(home: Path) -> Iterator[tuple[Service, TestClient]]:
    service = Service.open(load_service_config({"home": str(home)}, {}))
    try:
        _, text = service.create_api_key(NewKey("reader", SCOPES))
        headers = {"Authorization": f"Bearer {text}"}
        with TestClient(create_app(Tenants(service)), headers=headers) as client:
            yield service, client
    finally:
        service.close("the test is over")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a service with an emitter, a foreign span and a reader, and stop it."""
    home = tmp_path_factory.mktemp("original")
    with served(home) as (service, client):
        assert service.enrol(EMITTER.key)
        sent = {"Content-Type": "application/x-protobuf"}
        body = logs_protobuf(batch(Emitter("first"), 2))
        assert client.post("/v1/logs", content=body, headers=sent).status_code == 200
        span = {"Content-Type": JSON}
        assert client.post("/v1/traces", content=span_json(TOOL), headers=span).status_code == 200
        caller = service.gate.caller(dict(client.headers))
        service.accesses.record(Access("access.read", "trace", caller, {}, 1))
    return home


def places(home: Path, table: str) -> list[int]:
    """Give the place of the newest row of each kind."""
    kind = f" GROUP BY {KINDS[table]}" if table in KINDS else ""
    query = f"SELECT max(rowid) FROM {table}{kind}"  # noqa: S608 - a table
    with duckdb.connect(str(home / "data" / "tallystick.duckdb"), read_only=True) as connection:
        return [row[0] for row in connection.execute(query).fetchall()]


def changed(original: Path, home: Path, table: str, place: int, assignment: str) -> None:
    if home.exists():
        shutil.rmtree(home)
    shutil.copytree(original, home)
    with duckdb.connect(str(home / "data" / "tallystick.duckdb")) as connection:
        change = f"UPDATE {table} SET {assignment} WHERE rowid = {place}"  # noqa: S608 - the attack
        connection.execute(change).fetchall()


def everything(client: TestClient) -> list[Any]:
    """Ask everything there is to ask; give the answers that are no 200."""
    actions = client.get("/api/v1/actions?limit=1000").json()["actions"]
    traces = [one["trace_id"] for one in client.get("/api/v1/traces").json()["traces"]]
    paths = [*PATHS, *(f"/api/v1/traces/{one}" for one in traces)]
    paths += [f"/api/v1/actions/{one['action_id']}" for one in actions]
    answers = [client.get(path) for path in paths]
    answers += [
        one
        for log_index in range(client.get("/api/v1/status").json()["log"]["size"])
        if (one := client.get(f"/api/v1/events/{log_index}")).status_code != 404
    ]
    return [(str(one.url), one.text) for one in answers if one.status_code != 200]


@requirement("dashboard.corrupt-row", "otlp.never-500")
@pytest.mark.parametrize(
    ("table", "assignment"),
    [(table, one) for table, several in CHANGES.items() for one in several],
)
def test_whatever_row_is_changed_everything_is_answered(
    original: Path, tmp_path: Path, table: str, assignment: str
) -> None:
    for place in places(original, table):
        home = tmp_path / "home"
        changed(original, home, table, place, assignment)
        with served(home) as (_, client):
            assert everything(client) == [], (place, assignment)
