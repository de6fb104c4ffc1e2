"""A trace in two steps is the trace: the rows of the skeleton, and the stages of calls that are asked for by name."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallystick.profile import encode
from tallystick.testing import FakeClock
from tallystick_dashboard.trace.model import read_trace
from tallystick_dashboard.trace.skeleton import unpacked
from tallystick_ingest.app import create_app
from tallystick_ingest.auth.api_keys import NewKey
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.tenants import Tenants
from tallystick_store.rows import EventRow, SpanBatch, SpanRow
from tests.requirements import requirement
from tests.stores import EMITTER, START_US, Emitter, span, write

pytestmark = requirement("dashboard.large-trace")

TRACE = "5e" * 16
MANY = "6e" * 16
COUNT = 2_000
CALLS = 12


class World:
    """A trace of calls with two ends, decisions, approvals, look-ups and definitions, and a long one."""

    def __init__(self, service: Service, client: TestClient) -> None:
        self.service, self.client = service, client
        service.enrol(EMITTER.key)
        _, text = service.ring.add(NewKey("reader", ("read", "payload")))
        self.headers = {"authorization": f"Bearer {text}"}
        self.emitter = Emitter("skeleton")
        write(service.store, [self.emitter.opened()])
        write(service.store, [EventRow(one) for one in self._records()])
        write(service.store, [SpanBatch(tuple(map(SpanRow.of, _spans())))])
        write(service.store, [EventRow(self._long(n)) for n in range(COUNT)])
        write(service.store, [self.emitter.seal()])
        service.store.publisher.publish_now()

    def get(self, path: str, **query: Any) -> Any:
        answer = self.client.get(f"/api/v1/traces/{path}", params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _records(self) -> Iterator[Any]:
        for n in range(CALLS):
            client, server = f"{n:032x}", f"{n + 100:032x}"
            common = {
                "trace__id": TRACE,
                "tool__name": f"tool_{n % 3}",
                "mcp__method": "tools/call",
            }
            mine = {
                **common,
                "action__id": client,
                "span__id": f"{n + 16:016x}",
                "observer": "mcp_client",
                "agent__name": "planner",
            }
            theirs = {
                **common,
                "action__id": server,
                "span__id": f"{n + 512:016x}",
                "span__parent_id": f"{n + 256:016x}",
                "observer": "mcp_server",
                "server__name": "desk",
            }
            times = {"span__start_us": START_US + 100 * n, "span__end_us": START_US + 100 * n + 50}
            yield self.emitter.record("tool.started", None, **mine)
            if n % 4 == 1:
                asked = {"trace__id": TRACE, "action__parent_id": client, "approval__id": f"a-{n}"}
                yield self.emitter.record("approval.requested", None, **asked)
                decided = {**asked, "approval__decision": "approved"}
                yield self.emitter.record("approval.decided", None, **decided)
            if n % 4 == 2:
                above = {"trace__id": TRACE, "span__parent_id": f"{n + 512:016x}"}
                yield self.emitter.record("authz.decision", None, **above, decision__effect="allow")
            if n % 4 == 3:
                denied = {"decision__effect": "deny", "decision__rule": "no"}
                yield self.emitter.record("tool.denied", None, **theirs, **denied)
            else:
                done = {"outcome": "success", "result__size_bytes": n}
                yield self.emitter.record("tool.completed", None, **theirs, **times, **done)
            hits = {"mask__hits": {"params:email": n}} if n else {}
            outcome = "failure" if n == 5 else "success"
            if n != 7:
                told = {**mine, **times, **hits, "outcome": outcome}
                yield self.emitter.record("tool.completed", {"params": "{}"}, **told)

    def _long(self, n: int) -> Any:
        return self.emitter.record(
            "tool.completed",
            {"params": f'{{"n":{n}}}', "result": '"x"'},
            action__id=f"{n + 10_000:032x}",
            trace__id=MANY,
            span__id=f"{n + 10_000:016x}",
            span__parent_id=f"{n // 10 + 10_000:016x}",
            span__start_us=START_US + 1_000 * n,
            span__end_us=START_US + 1_000 * n + 250,
            observer="mcp_client",
            mcp__method="tools/call",
            tool__name=f"tool_{n % 40}",
            server__name="desk",
            agent__name="planner",
            principal__ref="ab" * 16,
            params__digest=f"{n:064x}",
            outcome="success",
        )


def _spans() -> Sequence[bytes]:
    """Spans between the two ends of each call, and look-ups below the server's."""
    made = []
    for n in range(CALLS):
        parents = {n + 256: n + 16, n + 768: n + 512}
        for number, parent in parents.items():
            record = span(number, TRACE).replace(b'"parent_id":""', b'"parent_id":"%016x"' % parent)
            system = encode({"db.system": "sqlite"}).decode().replace('"', '\\"').encode()
            looked = number >= 768
            record = record.replace(b'"attributes":"{}"', b'"attributes":"%s"' % system)
            made.append(record.replace(b'"kind":1', b'"kind":3') if looked else record)
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    config = load_service_config({"home": str(tmp_path_factory.mktemp("home"))}, {})
    service = Service.open(config, FakeClock())
    with TestClient(
        create_app(Tenants(service, service.clock)), base_url="http://127.0.0.1"
    ) as client:
        yield World(service, client)
    service.close("the test is over")


def test_the_rows_of_a_skeleton_are_those_of_the_whole_trace(world: World) -> None:
    whole = world.get(TRACE, payload="none")
    for one in (*whole["events"], *whole["spans"]):
        hits = one.get("hits") or one.get("statement", {}).get("mask.hits", {})
        one["masked"] = sum(hits.values())
    told = read_trace(TRACE, unpacked(world.get(f"{TRACE}/skeleton")))
    expected = read_trace(TRACE, whole)
    assert told.rows == expected.rows
    assert len(told.rows) > 3 * CALLS
    assert (told.alarms, told.notices) == (expected.alarms, expected.notices)
    assert (told.agents, told.masked, told.first) == (
        expected.agents,
        expected.masked,
        expected.first,
    )
    assert [one["action_ids"] for one in told.calls] == [
        one["action_ids"] for one in expected.calls
    ]
    assert {len(one["action_ids"]) for one in told.calls} == {2}


def test_calls_that_are_asked_for_by_name_have_the_stages_that_the_whole_trace_gives(
    world: World,
) -> None:
    whole = world.get(TRACE)["calls"]
    assert len(whole) == CALLS
    for one in whole:
        found = world.get(f"{TRACE}/calls", action=one["action_ids"])
        assert found["calls"] == [{**one, "parent": found["calls"][0]["parent"]}]
    several = [action for one in whole[2:7] for action in one["action_ids"]]
    assert world.get(f"{TRACE}/calls", action=several)["calls"] == whole[2:7]
    observed = {stage["name"] for one in whole for stage in one["stages"] if stage["observer"]}
    assert observed == {
        "client request",
        "validation",
        "tool execution",
        "data retrieval",
        "response",
    }


def test_an_action_that_the_trace_does_not_have_is_passed_over(world: World) -> None:
    found = world.get(f"{TRACE}/calls", action=["f" * 32])
    assert found["calls"] == []
    answer = world.client.get(
        f"/api/v1/traces/{'0' * 32}/calls", params={"action": "a"}, headers=world.headers
    )
    assert answer.status_code == 404
    missing = world.client.get(f"/api/v1/traces/{'0' * 32}/skeleton", headers=world.headers)
    assert missing.status_code == 404


@pytest.mark.parametrize("actions", [[], ["a"] * 201])
def test_no_action_and_too_many_are_refused(world: World, actions: list[str]) -> None:
    answer = world.client.get(
        f"/api/v1/traces/{TRACE}/calls", params={"action": actions}, headers=world.headers
    )
    assert answer.status_code == 400


def test_a_skeleton_takes_less_than_300_bytes_a_call(world: World) -> None:
    answer = world.client.get(f"/api/v1/traces/{MANY}/skeleton", headers=world.headers)
    assert answer.json()["calls"]["count"] == COUNT
    assert len(answer.content) < 300 * COUNT
    assert len(read_trace(MANY, unpacked(answer.json())).rows) == COUNT


def test_what_a_row_does_not_need_stands_in_no_skeleton(world: World) -> None:
    found = world.get(f"{TRACE}/skeleton")
    assert not {"disclosures", "statement", "stages", "mask.hits"} & {
        name for rows in ("events", "spans", "calls") for name in found[rows]["columns"]
    }
