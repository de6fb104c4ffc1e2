"""The trace page over a real service, without a browser: what Python hands to the components."""

import json
import subprocess
import sys
import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.patience import PATIENCE_S, until
from tests.requirements import requirement
from tests.sending import JSON, pairs, spans_json
from tests.serving import Service

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FOREIGN = "fe" * 16
HOSTILE = "<img src=x onerror=alert(1)>\u202egpj.exe\x1b[31m"

PROGRAM = """
import sys
import tallystick

tallystick.instrument()
hostile = sys.argv[1]
with tallystick.caller(user_id="alice", client_id="desk"), tallystick.agent("planner"):
    with tallystick.tool_call("ask", {"question": "greta.evans4@example.com"}) as asked:
        with tallystick.agent("researcher"):
            with tallystick.tool_call("look_up", {"n": 1}) as found:
                found.result({"text": hostile})
        asked.result("done")
with tallystick.agent(hostile), tallystick.tool_call(hostile, {hostile: hostile}) as call:
    call.result("a b " * 12_000)
try:
    with tallystick.tool_call("break"):
        raise ValueError(hostile)
except ValueError:
    pass
"""


@pytest.fixture(scope="module")
def recorded(service: Service) -> dict[str, Any]:
    """Record calls by the SDK and one foreign span; give the last record of each tool by name."""
    subprocess.run(
        [sys.executable, "-c", PROGRAM, HOSTILE],
        env=service.environment,
        timeout=PATIENCE_S,
        check=True,
    )
    start_ns = time.time_ns()
    foreign = {
        "traceId": FOREIGN,
        "spanId": "0" * 15 + "1",
        "name": f"execute_tool {HOSTILE}",
        "kind": 1,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(start_ns + 1_000_000),
        "attributes": pairs({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": HOSTILE}),
    }
    assert service.send(spans_json([foreign]), "/v1/traces", JSON).status == 200
    actions = service.get("/api/v1/actions")["actions"]
    found = {one["statement"]["tool.name"]: one for one in actions if one["origin"] == "native"}
    until(lambda: service.get(f"/api/v1/events/{found['break']['log_index']}")["inclusion"])
    return found


def script(url: str, key: str) -> None:
    from tallystick_dashboard.client import Client, Person
    from tallystick_dashboard.pages import trace

    trace.draw(Client(url, key), Person("1", "ann", "viewer", ("read",)))


def opened(service: Service, **query: str) -> AppTest:
    url, key = f"http://127.0.0.1:{service.port}", service.credentials["api_key"]
    app = AppTest.from_function(script, kwargs={"url": url, "key": key})
    for name, value in query.items():
        app.query_params[name] = value
    app.run(timeout=PATIENCE_S)
    assert not app.exception, [one.message for one in app.exception]
    return app


def data_of(app: AppTest, name: str) -> list[dict[str, Any]]:
    return [
        json.loads(one.proto.json)
        for one in app.get("bidi_component")
        if one.proto.component_name == f"tallystick.{name}"
    ]


def blocks_of(app: AppTest, kind: str) -> list[dict[str, Any]]:
    panels = data_of(app, "panel")
    return [one for panel in panels for one in panel["blocks"] if one["type"] == kind]


def test_nested_agents_stand_below_the_calls_that_called_them(
    service: Service, recorded: dict[str, Any]
) -> None:
    app = opened(service, id=recorded["look_up"]["trace_id"])
    [rows] = data_of(app, "waterfall")
    told = list(zip(rows["kind"], rows["noun"], rows["depth"], rows["proof"], strict=True))
    assert told == [
        ("agent", "planner", 0, "none"),
        ("tool", "ask", 1, "sealed"),
        ("agent", "researcher", 2, "none"),
        ("tool", "look_up", 3, "sealed"),
    ]
    assert not app.error


@requirement("dashboard.proof")
def test_every_step_of_the_proof_of_a_real_record_holds(
    service: Service, recorded: dict[str, Any]
) -> None:
    call = recorded["look_up"]
    app = opened(service, id=call["trace_id"], span=call["span_id"])
    steps = [step for block in blocks_of(app, "steps") for step in block["rows"]]
    assert len(steps) >= 8
    assert [step for step in steps if step["state"] != "ok"] == []


def test_the_detail_pane_tells_who_acted_and_what_was_masked(
    service: Service, recorded: dict[str, Any]
) -> None:
    call = recorded["ask"]
    app = opened(service, id=call["trace_id"], span=call["span_id"])
    facts = [row for block in blocks_of(app, "facts") for row in block["rows"]]
    names = [(row["value"], row["hint"]) for row in facts if row["label"] == "name"]
    assert names[0] == ("withheld: needs the right `reveal`, with a reason", "asserted")
    assert ("planner", "asserted") in names
    assert "1 x email" in [row["value"] for row in facts]
    arguments = blocks_of(app, "code")[0]
    assert "example.com" not in arguments["text"]
    assert "email" in arguments["text"]


@requirement("dashboard.trace-red")
def test_a_failed_call_makes_its_trace_red(service: Service, recorded: dict[str, Any]) -> None:
    app = opened(service, id=recorded["break"]["trace_id"])
    assert [one.value for one in app.error] == ["1 call failed"]


@requirement("dashboard.derived-unsealed")
def test_a_foreign_span_is_derived_and_says_so_in_its_proof(
    service: Service, recorded: dict[str, Any]
) -> None:
    app = opened(service, id=FOREIGN)
    [rows] = data_of(app, "waterfall")
    assert rows["proof"] == ["derived"]
    steps = blocks_of(app, "steps")[0]["rows"]
    assert (steps[0]["name"], steps[0]["state"]) == ("Source", "not checked")
    assert {step["state"] for step in steps[1:]} <= {"ok", "not checked"}


@requirement("dashboard.inert")
def test_hostile_texts_reach_the_components_alone(
    service: Service, recorded: dict[str, Any]
) -> None:
    call = recorded[HOSTILE]
    app = opened(service, id=call["trace_id"], span=call["span_id"])
    [rows] = data_of(app, "waterfall")
    assert HOSTILE in rows["noun"]
    written = [*app.markdown, *app.error, *app.title, *app.caption, *app.get("html")]
    assert [one for one in written if "onerror" in str(one.proto)] == []
    result = next(one for one in blocks_of(app, "code") if one["title"].startswith("Result"))
    assert len(result["text"]) <= 20_000
    assert result["rest"]


def test_an_unknown_trace_and_a_bad_id_are_named(service: Service) -> None:
    for trace_id, why in (("00" * 15 + "01", "No record and no span"), ("../x", "no trace id")):
        blocks = data_of(opened(service, id=trace_id), "panel")[0]["blocks"]
        assert trace_id in blocks[0]["noun"]
        assert why in blocks[1]["text"]


def test_without_an_id_the_newest_traces_are_listed(
    service: Service, recorded: dict[str, Any]
) -> None:
    listed = opened(service).get("html")[-1]
    assert f'href="/trace?id={FOREIGN}"' in listed.proto.body
    assert f'href="/trace?id={recorded["ask"]["trace_id"]}"' in listed.proto.body
    assert "<img" not in listed.proto.body
