"""Retention over the API: what is due, holds, and a deletion by two people, with the answers it states."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tallystick.errors import StoreError
from tallystick_ingest.app import create_app
from tallystick_ingest.tenants import Tenants
from tests.requirements import requirement
from tests.retained import ANNA, BERT, OldService
from tests.serving import REVEALING

PASSWORD = "a long password of the tests"
ROLES = {"anna": "compliance", "bert": "admin", "carl": "viewer"}


class Desk:
    """The API of an old service, and the sessions of three people."""

    def __init__(self, old: OldService, client: TestClient) -> None:
        self.old, self.client = old, client
        self.tokens, self.ids = {}, {}
        for name, role in ROLES.items():
            self.ids[name] = old.service.accounts.add(name, role, PASSWORD).id
            body = {"name": name, "password": PASSWORD}
            self.tokens[name] = client.post("/api/v1/login", json=body).json()["session"]

    def ask(
        self, who: str, method: str, path: str, body: object = None, *, is_revealing: bool = False
    ) -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {self.tokens[who]}"}
        headers |= REVEALING if is_revealing else {}
        answer = self.client.request(method, f"/api/v1{path}", json=body, headers=headers)
        return answer.status_code, answer.json()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    old = OldService(tmp_path / "home")
    old.calls(["alpha", "beta", "gamma"])
    old.wait_months(8)
    with TestClient(
        create_app(Tenants(old.service, old.clock)), base_url="http://127.0.0.1"
    ) as client:
        yield Desk(old, client)
    old.close()


@requirement("retention.two-people")
def test_a_deletion_from_the_plan_to_the_end(desk: Desk) -> None:
    status, plan = desk.ask("anna", "GET", "/retention")
    assert status == 200
    assert [(one["name"], one["keep"], one["due"]) for one in plan["classes"]] == [
        ("calls", "P7M", 3)
    ]
    body = {"class_name": "calls", "filter": {"tool": "b*"}, "reason": "their time is over"}
    status, asked = desk.ask("anna", "POST", "/deletions", body)
    assert (status, asked["state"], asked["count"]) == (200, "waiting", 1)
    path = f"/deletions/{asked['id']}/confirm"
    assert desk.ask("anna", "POST", path, {"digest": asked["digest"]})[0] == 403
    assert desk.ask("bert", "POST", path, {"digest": "0" * 64})[0] == 409
    status, done = desk.ask("bert", "POST", path, {"digest": asked["digest"], "reason": "seen"})
    assert (status, done["state"], done["left"]) == (200, "being carried out", 1)
    desk.old.service.retention.close()
    assert desk.old.indexes("tool_name = 'beta'") == []
    assert desk.ask("bert", "POST", path, {"digest": asked["digest"]})[0] == 409
    status, listed = desk.ask("anna", "GET", "/deletions")
    [one] = listed["deletions"]
    assert (one["state"], one["left"]) == ("carried out", 0)
    assert (one["done"]["entries"], one["done"]["events"], one["done"]["spans"]) == (1, None, None)
    [(rx_us,)] = desk.old.service.store.database.rows(
        "SELECT rx_us FROM events WHERE type = 'access.delete' AND log_index = ?",
        [one["done"]["log_index"]],
    )
    assert one["done"]["at_us"] == rx_us
    desk.old.service.retention.carry_out()
    assert len(desk.old.indexes("type = 'access.delete'")) == 1


@requirement("retention.hold")
def test_a_hold_from_its_beginning_to_its_end(desk: Desk) -> None:
    body = {"name": "case 7", "filter": {"tool": "beta"}, "reason": "a complaint"}
    status, hold = desk.ask("anna", "POST", "/holds", body)
    assert (status, hold["released_index"]) == (200, None)
    assert desk.ask("anna", "GET", "/retention")[1]["classes"][0]["on_hold"] == 1
    path = f"/holds/{hold['id']}/release"
    assert desk.ask("anna", "POST", path, {"reason": ""})[0] == 403
    assert desk.ask("bert", "POST", path, {"reason": "settled"})[0] == 200
    assert desk.ask("bert", "POST", path, {"reason": "settled"})[0] == 409
    assert desk.ask("bert", "POST", f"/holds/{'0' * 32}/release", {"reason": ""})[0] == 404
    assert desk.ask("bert", "GET", "/holds")[1]["holds"][0]["released_index"] is not None


@requirement("retention.standing")
def test_a_deletion_that_a_hold_keeps_from_its_end_says_how_much_is_left(desk: Desk) -> None:
    service = desk.old.service
    asked = desk.old.ask()
    service.retention.confirm(BERT, asked.id, asked.digest, "seen")
    held = service.two_people.hold(ANNA, "case 7", {"tool": "beta"}, "a complaint")
    service.retention.carry_out()
    [one] = desk.ask("anna", "GET", "/deletions")[1]["deletions"]
    assert (one["state"], one["left"], one["done"]) == ("being carried out", 1, None)
    assert desk.old.indexes("type = 'access.delete'") == []
    service.two_people.release(BERT, held.id, "settled")
    service.retention.carry_out()
    [one] = desk.ask("anna", "GET", "/deletions")[1]["deletions"]
    assert (one["state"], one["left"], one["done"]["entries"]) == ("carried out", 0, 3)


@requirement("retention.standing")
def test_a_deletion_is_carried_out_once_the_log_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = desk.old.service
    asked = desk.old.ask()
    service.retention.confirm(BERT, asked.id, asked.digest, "seen")

    def refuse(_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(service.two_people, "say_done", refuse)
        service.retention.carry_out()
    assert desk.old.indexes("tool_name = 'beta'") == []
    [one] = desk.ask("anna", "GET", "/deletions")[1]["deletions"]
    assert (one["state"], one["left"], one["done"]) == ("being carried out", 0, None)
    service.retention.carry_out()
    [one] = desk.ask("anna", "GET", "/deletions")[1]["deletions"]
    assert (one["state"], one["done"]["entries"]) == ("carried out", 3)


@requirement("retention.standing")
def test_an_erasure_that_was_carried_out_says_when_and_how_much_in_both_lists(desk: Desk) -> None:
    [index, *_] = desk.old.indexes()
    wanted = {"log_index": index, "reason": "she asked for it"}
    asked = desk.ask("anna", "POST", "/erasures", wanted)[1]
    agreed = {"digest": asked["digest"], "reason": "seen"}
    confirmed = desk.ask("bert", "POST", f"/erasures/{asked['id']}/confirm", agreed)
    assert (confirmed[0], confirmed[1]["done"]) == (200, None)
    desk.old.service.erasures.close()
    [listed] = desk.ask("anna", "GET", "/erasures")[1]["erasures"]
    [among] = desk.ask("anna", "GET", "/deletions")[1]["deletions"]
    for one in (listed, among):
        assert one["state"] == "carried out"
        done = one["done"]
        assert (done["entries"], done["events"], done["spans"]) == (1, 1, 0)
        assert desk.old.indexes("type = 'access.delete'") == [done["log_index"]]
        assert done["at_us"] > 0


@requirement("retention.words")
def test_names_and_reasons_are_shown_to_who_may_reveal_and_says_why_and_it_is_on_record(
    desk: Desk,
) -> None:
    body = {"name": "case 7", "filter": {"tool": "beta"}, "reason": "a complaint"}
    placed = desk.ask("anna", "POST", "/holds", body)[1]
    path = f"/holds/{placed['id']}/release"
    said = {"reason": "settled"}
    released = desk.ask("bert", "POST", path, said, is_revealing=True)[1]
    wanted = {"class_name": "calls", "reason": "their time is over"}
    desk.ask("anna", "POST", "/deletions", wanted)
    until_us = desk.old.clock.now_us() + 30 * 86_400_000_000
    shorter = {"keep": "P1M", "until_us": until_us, "reason": "a law"}
    desk.ask("anna", "POST", "/retention/exceptions", shorter)
    for words in (placed["placed"], released["placed"], released["released"]):
        assert _texts(words) == (None, None, None)
        assert words["absent"]["needs"] == "reveal"
    for who, is_revealing in (("anna", False), ("bert", False), ("bert", True)):
        hold = desk.ask(who, "GET", "/holds", is_revealing=is_revealing)[1]["holds"][0]
        asked = desk.ask(who, "GET", "/deletions", is_revealing=is_revealing)[1]["deletions"][0]
        exception = desk.ask(who, "GET", "/retention/exceptions", is_revealing=is_revealing)[1]
        [exception] = exception["exceptions"]
        told = [hold["placed"], hold["released"], asked["asked"], exception["asked"]]
        if not is_revealing:
            assert {_texts(one) for one in told} == {(None, None, None)}
            assert {one["absent"]["why"] for one in told} == {"withheld"}
            continue
        assert [_texts(one) for one in told] == [
            ("anna", "case 7", "a complaint"),
            ("bert", None, "settled"),
            ("anna", None, "their time is over"),
            ("anna", None, "a law"),
        ]
        assert [one["absent"] for one in told] == [None] * 4
    desk.old.service.accesses.sweep(everything=True)
    revealed = desk.old.service.store.database.rows(
        "SELECT access_target FROM events WHERE type = 'access.reveal' ORDER BY 1"
    )
    assert revealed == [("deletions",), ("exceptions",), ("holds",)]


def _texts(words: Any) -> tuple[str | None, ...]:
    return words["by_name"], words["name"], words["reason"]


@requirement("retention.exception")
def test_an_exception_from_its_beginning_to_its_end(desk: Desk) -> None:
    until_us = desk.old.clock.now_us() + 30 * 86_400_000_000
    body = {"keep": "P4W", "until_us": until_us, "reason": "a law"}
    status, asked = desk.ask("anna", "POST", "/retention/exceptions", body)
    assert (status, asked["state"], asked["keep"], asked["class_name"]) == (
        200,
        "waiting",
        "P28D",
        None,
    )
    path = f"/retention/exceptions/{asked['id']}"
    agreed = {"digest": asked["digest"], "reason": "seen"}
    assert desk.ask("anna", "POST", f"{path}/confirm", agreed)[0] == 403
    assert desk.ask("bert", "POST", f"{path}/confirm", {"digest": "0" * 64})[0] == 409
    status, confirmed = desk.ask("bert", "POST", f"{path}/confirm", agreed)
    assert (status, confirmed["state"], confirmed["confirmed_by"]) == (
        200,
        "in force",
        desk.ids["bert"],
    )
    assert desk.ask("anna", "GET", "/deletions")[1]["deletions"] == []
    [plan] = desk.ask("anna", "GET", "/retention")[1]["classes"]
    assert plan["exceptions"] == [asked["id"]]
    status, revoked = desk.ask("anna", "POST", f"{path}/revoke", {"reason": "over"})
    assert (status, revoked["state"]) == (200, "revoked")
    assert desk.ask("anna", "POST", f"{path}/revoke", {"reason": "over"})[0] == 409
    missing = f"/retention/exceptions/{'0' * 32}"
    assert desk.ask("bert", "POST", f"{missing}/confirm", {"digest": "0" * 64})[0] == 404
    assert desk.ask("anna", "POST", f"{missing}/revoke", {"reason": ""})[0] == 404
    assert desk.ask("anna", "POST", "/retention/exceptions", {**body, "keep": "P6M"})[0] == 400
    [listed] = desk.ask("anna", "GET", "/retention/exceptions")[1]["exceptions"]
    assert listed == revoked


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/retention", None),
        ("GET", "/retention/exceptions", None),
        ("POST", "/retention/exceptions", {"keep": "P1M", "until_us": 2**52, "reason": "x"}),
        ("POST", f"/retention/exceptions/{'0' * 32}/confirm", {"digest": "0" * 64}),
        ("POST", f"/retention/exceptions/{'0' * 32}/revoke", {"reason": ""}),
        ("GET", "/holds", None),
        ("GET", "/deletions", None),
        ("POST", "/holds", {"name": "x", "filter": {}, "reason": ""}),
        ("POST", "/deletions", {"class_name": "calls", "reason": ""}),
        ("POST", f"/deletions/{'0' * 32}/confirm", {"digest": "0" * 64}),
        ("POST", f"/deletions/{'0' * 32}/withdraw", {"reason": ""}),
    ],
)
def test_who_has_no_right_to_decide_sees_and_does_nothing(
    desk: Desk, method: str, path: str, body: object
) -> None:
    before = desk.old.indexes("type LIKE 'log.%' AND type != 'log.reject'")
    assert desk.ask("carl", method, path, body)[0] == 403
    assert desk.old.indexes("type LIKE 'log.%' AND type != 'log.reject'") == before


@pytest.mark.parametrize(
    "body",
    [
        {"reason": ""},
        {"class_name": "no such class", "reason": ""},
        {"filter": {"weather": "rain"}, "reason": ""},
        {"filter": {"tool": ""}, "reason": ""},
        {"filter": {"from_us": "0"}, "reason": ""},
        {"filter": {"tool": "x" * 300}, "reason": ""},
    ],
)
def test_what_makes_no_sense_is_refused(desk: Desk, body: object) -> None:
    assert desk.ask("anna", "POST", "/deletions", body)[0] == 400


@pytest.mark.parametrize("value", ["'", "') OR true --", "%", "_", "*' OR '1'='1"])
def test_a_filter_is_a_pattern_and_no_sql(desk: Desk, value: str) -> None:
    body = {"filter": {"tool": value}, "reason": ""}
    assert desk.ask("anna", "POST", "/deletions", body)[0] == 409  # nothing matches
    assert desk.ask("anna", "POST", "/holds", {"name": "x", **body})[0] == 200
    assert desk.ask("anna", "GET", "/retention")[1]["classes"][0]["on_hold"] == 0


def test_a_request_can_be_turned_down(desk: Desk) -> None:
    _, asked = desk.ask("anna", "POST", "/deletions", {"class_name": "calls", "reason": ""})
    path = f"/deletions/{asked['id']}/withdraw"
    assert desk.ask("bert", "POST", path, {"reason": "no"})[1]["state"] == "withdrawn"
    assert desk.ask("anna", "POST", path, {"reason": "no"})[0] == 409
