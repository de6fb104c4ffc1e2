"""Where a body is read, and that the event loop never waits for the store."""

import asyncio
import os
import threading
from collections.abc import Mapping

import pytest

from tallystick.event import parse_statement
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick_ingest.composition import readers_of
from tallystick_ingest.key_directory import KeyDirectory
from tallystick_ingest.otlp.limits import DEFAULT_LIMITS
from tallystick_ingest.screening import KeyBook
from tallystick_ingest.settings import load_service_config
from tallystick_ingest.turns import Work
from tallystick_ingest.workers.desk import (
    AT_ONCE_BYTES,
    BESIDE_BYTES,
    BodyDesk,
    Known,
    is_for_beside,
)
from tallystick_ingest.workers.reading import Body, Read
from tests.requirements import requirement
from tests.sending import batch, foreign_logs_json, logs_protobuf, span_json
from tests.stores import EMITTER, Emitter

pytestmark = requirement("otlp.intake-processes")

KEY = TokenKey("k1", b"k" * 32)


@pytest.mark.parametrize(
    ("cores", "stated", "most"),
    [(1, None, 1), (2, None, 2), (64, None, 8), (64, "0", None), (1, "64", 64)],
)
def test_so_many_processes_as_cores_that_the_service_may_run_on_and_few_unless_asked_for(
    monkeypatch: pytest.MonkeyPatch, cores: int, stated: str | None, most: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    readers = readers_of(load_service_config({"intake_workers": stated}, {}))
    assert (readers and readers.most) == most


class Store:
    """Knows one session; remembers which thread asked for it."""

    def __init__(self, emitter: Emitter) -> None:
        opened = batch(emitter, 0)
        self.opening = parse_statement(str(opened[0].body).split("\n")[0].encode())
        self.asked_by = list[str]()

    def read_opening(self, session: str) -> Mapping[str, object] | None:
        self.asked_by.append(threading.current_thread().name)
        return self.opening if session == self.opening["session"] else None


def desk_of(store: Store) -> BodyDesk:
    directory = KeyDirectory([EMITTER.key], store.read_opening)
    known = Known(
        KEY,
        Masking.of(KEY),
        KeyBook(directory.session_key, directory.emitter_key),
        KeyBook(directory.session_key_at_hand, directory.emitter_key),
        lambda: 1,
        DEFAULT_LIMITS,
    )
    return BodyDesk(known, None)


def test_the_store_is_asked_for_a_key_in_a_thread_and_once() -> None:
    emitter = Emitter()
    store = Store(emitter)
    desk = desk_of(store)
    bodies = [logs_protobuf(batch(emitter, 1, opened=False)) for _ in range(2)]
    assert max(map(len, bodies)) <= AT_ONCE_BYTES

    async def both() -> list[Read]:
        return [await desk.read("logs", "application/x-protobuf", body, Work()) for body in bodies]

    found = asyncio.run(both())
    desk.close()
    assert [len(one.candidates) for one in found] == [2, 2]
    [thread] = store.asked_by
    assert thread.startswith("tallystick-intake")


def test_a_session_that_nobody_knows_is_refused_behind_a_look_in_a_thread() -> None:
    store = Store(Emitter())
    desk, stranger = desk_of(store), Emitter("stranger")
    batch(stranger, 0)
    body = logs_protobuf(batch(stranger, 1, opened=False))
    found = asyncio.run(desk.read("logs", "application/x-protobuf", body, Work()))
    desk.close()
    assert [one.reason for one in found.refusals] == ["unknown_session"]
    assert [name.startswith("tallystick-intake") for name in store.asked_by] == [True]


@pytest.mark.parametrize(
    ("body", "is_beside"),
    [
        (Body("traces", "application/json", span_json(), DEFAULT_LIMITS, 1), False),
        (Body("traces", "application/json", b" " * BESIDE_BYTES, DEFAULT_LIMITS, 1), False),
        (Body("traces", "application/json", b" " * (BESIDE_BYTES + 1), DEFAULT_LIMITS, 1), True),
        (
            Body(
                "logs",
                "application/json",
                foreign_logs_json({"body": "x" * 20_000}),
                DEFAULT_LIMITS,
                1,
            ),
            True,
        ),
        (
            Body(
                *("logs", "application/x-protobuf"),
                logs_protobuf(batch(Emitter(), 100)),
                DEFAULT_LIMITS,
                1,
            ),
            False,
        ),
    ],
    ids=["a span", "as large as may be", "larger", "logs of others", "our own events"],
)
def test_large_bodies_of_others_are_read_beside(body: Body, *, is_beside: bool) -> None:
    assert is_for_beside(body) is is_beside
