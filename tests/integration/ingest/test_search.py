"""Texts are looked for over the API: by those who may see payloads, page by page, and on record."""

import json
from typing import Any

import pytest

from tallystick_store.rows import EventRow, SealRow
from tests.requirements import requirement
from tests.sending import items, logs_protobuf
from tests.serving import Answer, Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

ALL = {"from": "2026-01-01", "to": "2030-01-01"}


def ask(service: Service, text: str, headers: dict[str, str] | None = None, **more: Any) -> Answer:
    body = json.dumps({"q": text, **ALL, **more}).encode()
    sent = {**(headers or service.authorization), "Content-Type": "application/json"}
    return service.ask("POST", "/api/v1/search", body, sent)


@requirement("use.search")
def test_a_text_is_found_page_by_page_and_the_search_is_on_record(service: Service) -> None:
    emitter = Emitter("searched")
    rows: list[EventRow | SealRow] = [emitter.opened()]
    rows += [*(emitter.call(n, agent__name="Searcher") for n in range(5)), emitter.seal()]
    assert service.send(logs_protobuf(items(rows))).status == 200
    found: list[str] = []
    told = ask(service, "sEARCHEr", limit=2).json
    while True:
        found += [one["action_id"] for one in told["events"]]
        assert told["incomplete"] is (told["before"] is not None)
        if told["before"] is None:
            break
        told = ask(service, "sEARCHEr", limit=2, before=told["before"]).json
    assert found == [f"{n:032x}" for n in reversed(range(5))]
    [read, *_] = service.statements("access.search")
    assert read["access.target"] == "text"
    assert "sEARCHEr" not in json.dumps(service.records())


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        ("ab", {}, "q"),
        ("x" * 257, {}, "q"),
        ("abc", {"from": "2027-01-01", "to": "2026-01-01"}, "empty"),
        ("abc", {"limit": 0}, "limit"),
        ("abc", {"before": "made-up"}, "cursor"),
    ],
)
def test_what_is_no_search_is_refused(
    service: Service, text: str, more: dict[str, Any], reason: str
) -> None:
    answer = ask(service, text, **more)
    assert answer.status == 400
    assert reason in answer.json["error"]


@requirement("use.search")
def test_a_search_takes_the_right_to_payload(service: Service) -> None:
    assert ask(service, "lookup", service.key("read")).status == 403
    assert ask(service, "lookup", service.key("payload")).status == 403
    assert ask(service, "lookup", service.key("read", "payload")).status == 200
