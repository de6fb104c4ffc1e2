"""Live tails of a real service: every action once and in order, whatever happens to reader, credential and service."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tallystick_ingest.live import MAX_TAILS_OF_ONE
from tests.integration.sdk.programs import run
from tests.patience import PATIENCE_S, until
from tests.requirements import requirement
from tests.sending import items, logs_protobuf
from tests.serving import REVEALING, TALLYSTICK, Service
from tests.stores import Emitter

pytestmark = pytest.mark.e2e

Event = dict[str, str]


class Tail:
    """A raw reader of one stream."""

    def __init__(self, service: Service, query: str = "", **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE_S)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(
            "GET", f"/api/v1/live{query}", headers={**service.authorization, **named}
        )
        self.answer = self.connection.getresponse()

    def events(self) -> Iterator[Event]:
        """Yield each block, heartbeats too."""
        found: Event = {}
        while line := self.answer.readline():
            text = line.decode().rstrip("\n")
            if not text:
                yield found
                found = {}
                continue
            name, _, value = text.partition(": ")
            found[name or "comment"] = value

    def actions(self, count: int) -> list[Any]:
        """Read so many actions."""
        found = []
        for event in self.events():
            if event.get("event") == "action":
                shape = json.loads(event["data"])
                assert event["id"] == str(shape["log_index"])
                found.append(shape)
                if len(found) == count:
                    break
        return found

    def last(self) -> Event:
        """Read on to the end."""
        [*_, event] = [one for one in self.events() if "event" in one]
        return event

    def close(self) -> None:
        self.connection.close()


@contextmanager
def tail(service: Service, query: str = "", **headers: str) -> Iterator[Tail]:
    with closing(Tail(service, query, **headers)) as made:
        assert made.answer.status == 200, made.answer.read()
        assert made.answer.getheader("content-type", "").startswith("text/event-stream")
        next(made.events())
        yield made


def send(service: Service, emitter: Emitter, *numbers: int, **fields: object) -> None:
    rows = [emitter.call(number, **fields) for number in numbers]
    assert service.send(logs_protobuf(items([*rows, emitter.seal()]))).status == 200


def opened(service: Service, name: str) -> Emitter:
    emitter = Emitter(name)
    assert service.send(logs_protobuf(items([emitter.opened(), emitter.seal()]))).status == 200
    return emitter


def numbers(actions: list[Any]) -> list[int]:
    return [int(one["action_id"], 16) for one in actions]


@requirement("api.live")
def test_actions_come_as_they_are_committed_in_the_order_of_the_log(service: Service) -> None:
    emitter = opened(service, "in order")
    with tail(service, f"?session={emitter.session}") as made:
        send(service, emitter, 1, 2, 3)
        send(service, emitter, 4)
        found = made.actions(4)
    assert numbers(found) == [1, 2, 3, 4]
    listed = service.get(f"/api/v1/actions?session={emitter.session}")["actions"]
    assert {one["log_index"]: one["statement"] for one in found} == {
        one["log_index"]: one["statement"] for one in listed
    }


def test_a_filter_holds_for_a_tail_as_for_the_list(service: Service) -> None:
    emitter = opened(service, "filtered")
    with tail(service, f"?session={emitter.session}&outcome=success&agent=planner") as made:
        send(service, emitter, 1, agent__name="other")
        send(service, emitter, 2, agent__name="planner")
        assert numbers(made.actions(1)) == [2]


def test_a_person_is_found_by_name_without_being_shown_it(service: Service) -> None:
    emitter = opened(service, "named")
    send(service, emitter, 7, principal__ref="known before")
    with tail(service, f"?session={emitter.session}&principal=person-7") as made:
        send(service, emitter, 8, principal__ref="somebody else")
        send(service, emitter, 7, principal__ref="known before")
        send(service, emitter, 7, principal__ref="new since")
        found = made.actions(2)
    assert [one["statement"]["principal.ref"] for one in found] == ["known before", "new since"]
    assert all("principal.id" not in one["disclosures"] for one in found)


def test_a_person_is_found_by_an_address_that_the_records_hold_masked(
    service: Service, tmp_path: Path
) -> None:
    program = """
        @tallystick.audited_tool
        def lookup(whose):
            return "found"

        for name in ("ada", "bob"):
            with tallystick.caller(user_id=f"{name}@example.com"):
                lookup(name)
    """
    address = f"http://127.0.0.1:{service.port}"
    ended = run(program, tmp_path, address, api_key=service.credentials["api_key"])
    assert ended.returncode == 0, ended.stderr
    for headers in (service.authorization, {**service.authorization, **REVEALING}):
        answer = service.ask("GET", "/api/v1/actions?principal=ada@example.com", headers=headers)
        assert [one["disclosures"]["params"] for one in answer.json["actions"]] == [
            '{"whose":"ada"}'
        ]


@requirement("api.live")
def test_whoever_connects_again_gets_what_came_since_once(service: Service) -> None:
    emitter = opened(service, "again")
    seen: list[int] = []
    query, last = f"?session={emitter.session}", ""
    for round_ in range(4):
        headers = {"Last_Event_ID": last} if last else {}
        with tail(service, query, **headers) as made:
            send(service, emitter, *range(10 * round_, 10 * round_ + 4))
            found = made.actions(2)  # of four; then the connection breaks
        seen += numbers(found)
        last = str(found[-1]["log_index"])
    with tail(service, query, Last_Event_ID=last) as made:
        seen += numbers(made.actions(16 - len(seen)))
    assert seen == [10 * round_ + n for round_ in range(4) for n in range(4)]


@requirement("api.live")
def test_a_tail_ends_with_the_service_and_goes_on_with_the_next_one(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    service.enrol()
    emitter = opened(service, "restart")
    with tail(service, f"?session={emitter.session}") as made:
        send(service, emitter, 1)
        [first] = made.actions(1)
        assert service.stop() == 0
        assert json.loads(made.last()["data"])["reason"].startswith("the service stops")
    service.start()
    send(service, emitter, 2, 3)
    headers = {"Last_Event_ID": str(first["log_index"])}
    with tail(service, f"?session={emitter.session}", **headers) as made:
        assert numbers(made.actions(2)) == [2, 3]


def key_of(service: Service, admin: dict[str, str], *scopes: str) -> tuple[str, dict[str, str]]:
    made = service.make_key(*scopes, by=admin).json
    return made["id"], {"Authorization": f"Bearer {made['api_key']}"}


@requirement("api.live")
def test_a_tail_ends_soon_after_its_key_is_revoked(
    service: Service, everything: dict[str, str]
) -> None:
    key_id, headers = key_of(service, everything, "read")
    with tail(service, **headers) as made:
        revoked = service.ask("DELETE", f"/api/v1/keys/{key_id}", headers=everything)
        assert revoked.status == 200
        assert made.last() == {
            "event": "end",
            "data": '{"reason":"the credential is not valid any more"}',
        }


def test_a_tail_shows_no_payload_to_whoever_has_no_right_to_it(
    service: Service, everything: dict[str, str]
) -> None:
    emitter = opened(service, "bare")
    _, headers = key_of(service, everything, "read")
    query = f"?session={emitter.session}"
    with tail(service, query, **headers) as bare, tail(service, query) as whole:
        send(service, emitter, 1)
        assert bare.actions(1)[0]["disclosures"] == {}
        assert "params" in whole.actions(1)[0]["disclosures"]


def test_the_beginning_and_the_end_of_a_tail_are_on_record(service: Service) -> None:
    emitter = opened(service, "recorded")
    with tail(service, f"?session={emitter.session}") as made:
        send(service, emitter, 1, 2)
        made.actions(2)

    def rows_of(target: str) -> list[int]:
        stated = service.statements("access.search")
        return [one["access.rows"] for one in stated if one["access.target"] == target]

    until(lambda: 2 in rows_of("live.end"))
    assert rows_of("live")


@requirement("api.live")
def test_a_hundred_readers_at_once_get_the_same_and_others_are_served(
    service: Service, everything: dict[str, str]
) -> None:
    emitter = opened(service, "hundred")
    keys = [key_of(service, everything, "read")[1] for _ in range(4)]
    with ExitStack() as stack:
        query = f"?session={emitter.session}"
        tails = [
            stack.enter_context(tail(service, query, **headers))
            for headers in keys
            for _ in range(25)
        ]
        send(service, emitter, *range(20))
        assert service.get("/api/v1/status")["version"]
        for one in tails:
            assert numbers(one.actions(20)) == list(range(20))


def test_one_caller_has_only_so_many_tails(service: Service, everything: dict[str, str]) -> None:
    _, headers = key_of(service, everything, "read")
    with ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(tail(service, **headers))
        refused = Tail(service, **headers)
        assert refused.answer.status == 429
        assert refused.answer.getheader("retry-after") == "1"
        refused.close()
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:  # closed by the readers: the service takes note
        with closing(Tail(service, **headers)) as again:
            if again.answer.status == 200:
                return
    raise AssertionError("the places were not given back")


def test_the_command_goes_on_where_it_was_when_the_service_comes_back(
    make_service: Callable[..., Service],
) -> None:
    service = make_service().start()
    service.enrol()
    emitter = opened(service, "command")
    send(service, emitter, 1)
    command = [TALLYSTICK, "tail", "--json", "--after", "0", "--count", "4"]
    with subprocess.Popen(
        [*command, "--session", emitter.session],
        env=service.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            assert service.stop() == 0
            service.start()
            send(service, emitter, 2, 3, 4)
            lines += [process.stdout.readline() for _ in range(3)]
            assert process.wait(PATIENCE_S) == 0
        finally:
            process.kill()
    assert numbers([json.loads(line) for line in lines]) == [1, 2, 3, 4]


@pytest.mark.parametrize("value", ["-1", "x", "9" * 30, ""])
def test_a_last_event_that_is_none_is_refused(service: Service, value: str) -> None:
    with closing(Tail(service, Last_Event_ID=value)) as made:
        assert made.answer.status == 400


def test_a_place_behind_the_end_of_the_log_means_from_now_on(service: Service) -> None:
    emitter = opened(service, "ahead")
    query = f"?session={emitter.session}"
    with tail(service, query, Last_Event_ID=str(2**62)) as made:
        send(service, emitter, 1)
        assert numbers(made.actions(1)) == [1]


def test_a_reader_that_goes_away_in_the_middle_leaves_nothing_behind(service: Service) -> None:
    """Twice as many come and go as there is room for at one time."""
    left, end_s = 2 * MAX_TAILS_OF_ONE, time.monotonic() + PATIENCE_S
    while left and time.monotonic() < end_s:
        with socket.create_connection(("127.0.0.1", service.port), PATIENCE_S) as connection:
            authorization = service.authorization["Authorization"]
            head = f"GET /api/v1/live HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n\r\n"
            connection.sendall(head.encode())
            begun = connection.recv(12)
            assert begun in (b"HTTP/1.1 200", b"HTTP/1.1 429")
            left -= begun.endswith(b"200")
    assert left == 0
    assert service.faults == []
    assert service.get("/api/v1/status")["version"]
