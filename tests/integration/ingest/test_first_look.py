"""Overview, integrity and the service's own verification, on a real service with a real verifier."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from tallystick.clock import SystemClock
from tallystick.tlog.note import parse_vkey
from tallystick_ingest.auth.accounts import AccountBook
from tallystick_ingest.auth.passwords import Cost
from tests.patience import until
from tests.requirements import requirement
from tests.sending import JSON, items, logs_protobuf, span_json
from tests.serving import Answer, Service
from tests.stores import START_US, Emitter

pytestmark = pytest.mark.e2e

PERIOD = f"from={START_US - 10**9}&to={START_US + 10**9}"


def send(service: Service, name: str, calls: int = 3) -> Emitter:
    """Send a sealed session with some calls."""
    emitter = Emitter(name)
    rows = [emitter.opened(), *(emitter.call(number) for number in range(calls))]
    assert service.send(logs_protobuf(items([*rows, emitter.seal()]))).status == 200
    return emitter


def signed(service: Service) -> int:
    """Wait until a checkpoint covers every entry there is now; return how many that are."""
    entries: int = service.get(f"/api/v1/overview?{PERIOD}")["log"]["size"]

    def size() -> int:
        found: int = service.get("/api/v1/integrity")["checkpoints"][0]["size"]
        return found

    until(
        lambda: size() >= entries, lambda: f"no checkpoint of {entries} entries, only of {size()}"
    )
    return entries


def verified(service: Service) -> dict[str, Any]:
    """Ask for a verification and wait for it."""
    answer = service.ask("POST", "/api/v1/verification", b"", service.authorization)
    assert answer.status == 200, answer.body
    until(lambda: verification(service)["state"] != "running")
    return verification(service)


def verification(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.get("/api/v1/verification")["verification"]
    return found


def test_the_service_verifies_itself_with_the_real_verifier(service: Service) -> None:
    emitter = send(service, "verified")
    entries = signed(service)
    found = verified(service)
    assert (found["state"], found["exit_code"], found["error"]) == ("done", 0, None)
    assert found["checkpoint"] >= entries
    assert [one["number"] for one in found["steps"]] == list(range(1, 15))
    assert {one["found"] for one in found["steps"]} == {0}
    sent = [one for one in service.statements() if one["session"] == emitter.session]
    assert found["steps"][1]["checked"]["statements"] > len(sent) == 4
    assert "operator's own check" in found["by"]
    for path in ("/api/v1/overview", "/api/v1/integrity"):
        assert service.get(path)["verification"]["checkpoint"] == found["checkpoint"]


@requirement("access.recorded")
def test_what_the_verification_reads_is_on_record_too(service: Service) -> None:
    verified(service)
    read = [one for one in service.statements("access.read") if one["client.id"] == "verifier"]
    assert read
    assert read[-1]["access.target"] == "records"


@requirement("auth.roles")
def test_a_viewer_sees_the_verification_and_cannot_ask_for_one(service: Service) -> None:
    book = AccountBook(service.home / "server", SystemClock().now_us, Cost(n=2, p=1))
    book.add("viewer", "viewer", "four words make one")
    body = json.dumps({"name": "viewer", "password": "four words make one"}).encode()
    token = service.ask("POST", "/api/v1/login", body, {"Content-Type": JSON}).json["session"]
    headers = {"Authorization": f"Bearer {token}"}
    assert service.ask("GET", "/api/v1/verification", headers=headers).status == 200
    assert service.ask("POST", "/api/v1/verification", b"", headers).status == 403


@requirement("dashboard.corrupt-row")
@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("statement = replace(statement, 'lookup', 'delete')", "log_index"),
        ("statement = 'x'", "not a statement"),
        ("leaf_hash = unhex('00')", "root"),
        ("tool_name = 'x'", None),
    ],
)
def test_a_changed_row_makes_the_verification_wrong_and_leaves_the_first_look_whole(
    make_service: Callable[..., Service], assignment: str, said: str | None
) -> None:
    service = make_service().start()
    service.enrol()
    emitter = send(service, "changed")
    target = service.get(f"/api/v1/actions?session={emitter.session}")["actions"][0]["log_index"]
    service.stop()
    with duckdb.connect(str(service.data / "tallystick.duckdb")) as connection:
        change = f"UPDATE events SET {assignment} WHERE log_index = {target}"  # noqa: S608 - the attack
        connection.execute(change).fetchall()
    service.start()
    overview = service.get(f"/api/v1/overview?{PERIOD}")
    integrity = service.get("/api/v1/integrity")
    assert overview["totals"]["actions"] == 3
    assert len(integrity["sessions"]) >= 2
    found = verified(service)
    findings = [text for step in found["steps"] for text in step["findings"]]
    if said is None:  # columns are not served: the row's own page tells
        assert found["exit_code"] == 0
        return
    assert found["exit_code"] == 1
    assert any(said in text for text in findings if text.startswith("fault")), findings
    stopped = overview["log"]["signing_stopped"]
    assert (stopped is not None) is assignment.startswith("leaf_hash")


def test_the_overview_counts_what_the_lists_show(service: Service) -> None:
    emitter = send(service, "counted", calls=4)
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "span-tool"}
    service.send(span_json({**tool, "mail": "ada@" + "example.com"}), "/v1/traces", JSON)
    found = service.get(f"/api/v1/overview?{PERIOD}")
    actions = service.get(f"/api/v1/actions?{PERIOD}&limit=1000")["actions"]
    totals = found["totals"]
    assert totals["actions"] == len(actions)
    assert totals["derived"] == sum(one["origin"] == "derived" for one in actions) >= 1
    assert totals["unmasked_at_source"] == 1
    assert totals["masked"] >= 6
    assert {one["tool"] for one in found["tools"]} == {"lookup", "span-tool"}
    assert found["period"]["from_us"] == START_US - 10**9
    assert found["log"]["size"] >= found["log"]["signed_size"] > 0
    sessions = {one["session"]: one for one in service.get("/api/v1/integrity")["sessions"]}
    assert (sessions[emitter.session]["state"], sessions[emitter.session]["gap"]) == ("open", [])


@requirement("session.silence-is-a-gap")
def test_a_hole_is_shown_with_its_session(service: Service) -> None:
    emitter = Emitter("holed")
    rows = [emitter.opened(), *(emitter.call(n) for n in range(4))]
    kept = [row for row in rows if row.record.seq != 2]
    service.send(logs_protobuf(items([*kept, emitter.seal()])))
    sessions = {one["session"]: one for one in service.get("/api/v1/integrity")["sessions"]}
    assert sessions[emitter.session]["gap"] == [{"from_seq": 2, "to_seq": 2}]
    assert service.get(f"/api/v1/overview?{PERIOD}")["totals"]["gaps"] == 1


def test_integrity_names_the_keys_and_the_newest_checkpoints(service: Service) -> None:
    found = service.get("/api/v1/integrity")
    assert parse_vkey(found["log_vkey"]).name == service.credentials["tenant"]
    assert found["service_vkey"] == service.credentials["service_vkey"]
    sizes = [one["size"] for one in found["checkpoints"]]
    assert sizes == sorted(sizes, reverse=True)
    assert found["checkpoints"][0]["note"].startswith(service.credentials["tenant"] + "\n")
    assert found["checkpoints"][0]["signed_us"] > 0


@requirement("otlp.never-500")
@pytest.mark.parametrize("name", ["from", "to"])
def test_a_period_that_is_none_is_refused(service: Service, name: str) -> None:
    for text in ["x", "-1", "", "9" * 40, "\x00", "a" * 1_000, "now", "2099-01-01"]:
        answer: Answer = service.ask(
            "GET", f"/api/v1/overview?{name}={quote(text)}", headers=service.authorization
        )
        assert answer.status in (200, 400), answer.body
    assert "answered with 503" not in service.output


def test_a_service_that_is_told_to_stop_waits_for_no_verification(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(environ={"TALLYSTICK_VERIFY_EVERY_S": "300"}).start()
    service.ask("POST", "/api/v1/verification", b"", service.authorization)
    assert service.stop() == 0
    assert "the own log" not in service.output


def test_the_first_verification_begins_with_the_service(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(environ={"TALLYSTICK_VERIFY_EVERY_S": "300"}).start()
    until(lambda: verification(service)["state"] == "done")
