"""Why a value is not in an answer: kept back from this caller, erased by two people, or not kept; and who may know."""

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from tallystick.testing import FakeClock
from tallystick_ingest.api.listing import ARROW_STREAM
from tallystick_ingest.app import create_app
from tallystick_ingest.auth.api_keys import NewKey
from tallystick_ingest.auth.gate import Caller
from tallystick_ingest.service import Service
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.tenants import Tenants
from tallystick_store.reach import OPEN, Reach
from tallystick_store.rows import EventRow
from tests.erasable import ADA, TRACE_OF_ADA, TRACE_OF_BOB, Records
from tests.requirements import requirement
from tests.serving import REVEALING
from tests.stores import EMITTER, Emitter, write

SCOPES = ("read", "delete.request", "delete.confirm")
ANNA = Caller("account-0000000a", "anna", SCOPES, is_human=True, role="admin")
BERT = Caller("account-0000000b", "bert", SCOPES, is_human=True, role="admin")


class Asking:
    """A service in which ada's values were erased, and one record never had all of its own."""

    def __init__(self, service: Service, client: TestClient) -> None:
        self.service, self.client = service, client
        service.enrol(EMITTER.key)
        self.records = Records(service.store)
        other = Emitter("other")
        bare = other.record(
            "tool.completed", {"params": "{}"}, tool__name="lookup", action__id=f"{7:032x}"
        )
        write(service.store, [other.opened(), EventRow(bare._replace(disclosures=()))])
        self.bare = service.store.size - 1
        self.request = service.erasures.ask(ANNA, {"principal": ADA}, "she asked for it")
        service.erasures.confirm(BERT, self.request.id, self.request.digest, "seen")
        service.erasures.close()
        assert service.erasures.failure is None

    def as_one(self, *scopes: str, reach: Reach = OPEN) -> dict[str, str]:
        _, text = self.service.ring.add(NewKey("reader", ("read", *scopes), reach))
        return {"authorization": f"Bearer {text}"}

    def get(self, path: str, headers: dict[str, str]) -> Any:
        answer = self.client.get(f"/api/v1{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def absent(self, log_index: int, headers: dict[str, str]) -> Any:
        return self.get(f"/events/{log_index}", headers)["absent"]


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    home = tmp_path_factory.mktemp("home")
    service = Service.open(load_service_config({"home": str(home)}, {}), FakeClock())
    with TestClient(
        create_app(Tenants(service, service.clock)), base_url="http://127.0.0.1"
    ) as client:
        yield Asking(service, client)
    service.close("the test is over")


@requirement("erasure.told")
@pytest.mark.parametrize("scopes", [(), ("payload",), ("payload", "reveal")])
def test_whoever_reaches_the_whole_log_is_told_of_an_erasure_whatever_their_rights(
    asking: Asking, scopes: tuple[str, ...]
) -> None:
    absent = asking.absent(asking.records.first + 2, asking.as_one(*scopes))
    assert (absent["why"], absent["needs"], absent["values"]) == ("erased", None, 3)
    erasure = absent["erasure"]
    assert erasure["request"] == asking.request.id
    log_index, rx_us, statement = _record(asking, erasure["stated_index"])
    assert (log_index, statement["type"]) == (erasure["stated_index"], "access.delete")
    assert statement["request.id"] == asking.request.id
    assert erasure["stated_us"] == rx_us
    confirmed = _record(asking, erasure["confirmed_index"])[2]
    assert confirmed["type"] == "log.delete.confirmed"


def _record(asking: Asking, log_index: int) -> tuple[int, int, dict[str, Any]]:
    [(rx_us, text)] = asking.service.store.database.rows(
        "SELECT rx_us, statement FROM events WHERE log_index = ?", [log_index]
    )
    return log_index, rx_us, json.loads(text)


@requirement("erasure.told")
def test_what_is_withheld_says_by_which_right_it_is_shown(asking: Asking) -> None:
    bobs = asking.records.first + 6
    viewer = asking.absent(bobs, asking.as_one())
    assert viewer == {"values": 2, "why": "withheld", "needs": "payload", "erasure": None}
    payload = asking.absent(bobs, asking.as_one("payload"))
    assert payload == {"values": 1, "why": "withheld", "needs": "reveal", "erasure": None}
    assert asking.absent(bobs, {**asking.as_one("payload", "reveal"), **REVEALING}) is None


@requirement("erasure.told")
def test_what_nobody_decided_to_erase_is_not_called_erased(asking: Asking) -> None:
    everything = {**asking.as_one("payload", "reveal"), **REVEALING}
    absent = asking.absent(asking.bare, everything)
    assert absent == {"values": 1, "why": "not kept", "needs": None, "erasure": None}


@requirement("erasure.told")
@pytest.mark.parametrize("scopes", [(), ("payload",)])
def test_whoever_reaches_a_part_of_the_log_learns_nothing_of_an_erasure(
    asking: Asking, scopes: tuple[str, ...]
) -> None:
    cut = asking.as_one(*scopes, reach=Reach(tools=("look*",)))
    indexes = (asking.records.first + 2, asking.records.first + 6, asking.bare)
    told = [asking.absent(one, cut) for one in indexes]
    assert {one["why"] for one in told} == {"unknown"}
    assert {json.dumps([one["needs"], one["erasure"]]) for one in told} == {"[null, null]"}


@requirement("erasure.told")
def test_a_trace_tells_it_of_its_events_and_spans(asking: Asking) -> None:
    everything = {**asking.as_one("payload", "reveal"), **REVEALING}
    adas = asking.get(f"/traces/{TRACE_OF_ADA}", everything)
    assert {one["absent"]["why"] for one in (*adas["events"], *adas["spans"])} == {"erased"}
    assert len(adas["spans"]) == 2
    bobs = asking.get(f"/traces/{TRACE_OF_BOB}", everything)
    assert {one["absent"] for one in (*bobs["events"], *bobs["spans"])} == {None}
    viewed = asking.get(f"/traces/{TRACE_OF_BOB}", asking.as_one())
    assert {one["absent"]["needs"] for one in (*viewed["events"], *viewed["spans"])} == {"payload"}
    listed = asking.get("/actions", everything)["actions"]
    assert [one["absent"]["why"] for one in listed] == ["not kept"]


def test_an_arrow_answer_tells_it_as_well(asking: Asking) -> None:
    headers = {**asking.as_one("payload"), "accept": ARROW_STREAM}
    answer = asking.client.get(f"/api/v1/traces/{TRACE_OF_ADA}", headers=headers)
    table = pa.ipc.open_stream(answer.content).read_all()
    assert {one["why"] for one in table["absent"].to_pylist()} == {"erased"}
    assert {one["erasure"]["request"] for one in table["absent"].to_pylist()} == {asking.request.id}
