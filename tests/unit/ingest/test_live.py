"""The feed behind live tails, without a service: who shares a reading, who is told that they lag, what ends."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable

import pytest

from tallystick.errors import StoreError
from tallystick_ingest import live
from tallystick_ingest.api import live as api_live
from tallystick_ingest.following import Event, read_events
from tallystick_ingest.live import Batch, LiveFeed, Question, Shown
from tests.requirements import requirement


class Log:
    """A log of numbers, each an action; counts how often it is read."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self.reads = 0
        self.is_behind = False
        self._lock = threading.Lock()

    def read(self, start: int, log_size: int) -> Batch:
        with self._lock:
            self.reads += 1
        if self.is_behind:
            raise StoreError("behind")
        end = min(log_size, start + 50)
        return Batch(tuple(Shown(n, b"%d" % n) for n in range(start, end)), end)

    def question(self, ends_for: Callable[[], str | None] = lambda: None) -> Question:
        return Question("all", self.read, ends_for)


async def told(
    feed: LiveFeed, question: Question, start: int, enough: Callable[[bytes], bool]
) -> bytes:
    said = b""
    async for chunk, _ in feed.events(question, start):
        said += chunk
        if enough(said):
            break
    return said


def ids(said: bytes) -> list[int]:
    blocks = said.decode().split("\n\n")
    return [int(one.split("\n")[0][4:]) for one in blocks if "event: action" in one]


def test_readers_at_one_place_share_a_reading() -> None:
    log = Log(200)
    feed = LiveFeed(lambda: log.size)

    async def run() -> list[bytes]:
        asked = [
            told(feed, log.question(), 0, lambda said: b"id: 199\n" in said) for _ in range(20)
        ]
        return await asyncio.gather(*asked)

    for said in asyncio.run(run()):
        assert ids(said) == list(range(200))
    assert log.reads < 40
    feed.finish()


@requirement("api.live")
def test_a_reader_that_falls_behind_is_told_where_to_go_on() -> None:
    log = Log(10)
    feed = LiveFeed(lambda: log.size, max_behind=100)

    async def run() -> bytes:
        said = b""
        async for chunk, _ in feed.events(log.question(), 0):
            said += chunk
            if b"id: 9\n" in chunk:
                log.size = 500  # while the reader takes nothing
        return said

    said = asyncio.run(run())
    assert ids(said) == list(range(10))
    last = said.decode().strip().split("\n\n")[-1]
    assert last.startswith("event: lagged\n")
    assert json.loads(last.partition("data: ")[2]) == {"resume_after": 9, "behind": 490}
    feed.finish()


def test_a_reader_that_begins_far_back_is_fed_until_it_has_caught_up() -> None:
    log = Log(1_000)
    feed = LiveFeed(lambda: log.size, max_behind=100)
    said = asyncio.run(told(feed, log.question(), 0, lambda said: b"id: 999\n" in said))
    assert ids(said) == list(range(1_000))
    feed.finish()


def test_a_database_that_is_behind_delays_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.0)
    log = Log(5)
    log.is_behind = True
    feed = LiveFeed(lambda: log.size)

    def enough(said: bytes) -> bool:
        if said.count(b": heartbeat") > 2:
            log.is_behind = False
        return b"id: 4\nevent" in said

    assert ids(asyncio.run(told(feed, log.question(), 0, enough))) == list(range(5))
    feed.finish()


def test_a_heartbeat_says_behind_which_place_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.0)
    log = Log(7)
    feed = LiveFeed(lambda: log.size)
    said = asyncio.run(told(feed, log.question(), 7, lambda said: said.count(b": heartbeat") > 1))
    assert said.decode().split("\n\n")[1] == ": heartbeat\nretry: 1000\nid: 6"
    feed.finish()


def test_a_reader_that_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_live, "MAX_STALL_S", 0.01)
    has_ended = False

    async def endless() -> AsyncIterator[bytes]:
        nonlocal has_ended
        try:
            while True:
                yield b"x"
        finally:
            has_ended = True

    async def run() -> None:
        never = asyncio.Event()

        async def receive() -> dict[str, str]:
            await never.wait()
            return {"type": "http.disconnect"}

        async def send(event: dict[str, object]) -> None:
            if event["type"] == "http.response.body":
                await never.wait()  # as a connection whose buffers are full

        scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
        await api_live.EventStream(endless())(scope, receive, send)

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    assert has_ended


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"id: 1\nevent: action\ndata: {}\n\n", [Event("action", "{}", "1")]),
        (b": comment\nid: 7\n\n", [Event("message", "", "7")]),
        (
            b"data:x\n\n\n\ndata: y: z\n\n",
            [Event("message", "x", None), Event("message", "y: z", None)],
        ),
        (b"event: action\ndata: cut off", []),
    ],
)
def test_events_are_read_as_they_are_sent(sent: bytes, read: list[Event]) -> None:
    assert list(read_events(iter(sent.split(b"\n")))) == read


def test_a_feed_that_is_closed_ends_its_tails_and_those_to_come() -> None:
    log = Log(3)
    feed = LiveFeed(lambda: log.size)

    async def run() -> bytes:
        following = asyncio.ensure_future(told(feed, log.question(), 3, lambda _: False))
        await asyncio.sleep(0)
        feed.close()
        first = await following
        return first + await told(feed, log.question(), 3, lambda _: False)

    assert asyncio.run(run()).count(b"event: end") == 2
    feed.finish()


def test_a_caller_who_may_no_longer_ask_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "RECHECK_EVERY_S", 0.0)
    log = Log(3)
    feed = LiveFeed(lambda: log.size)
    said = asyncio.run(told(feed, log.question(lambda: "gone"), 0, lambda _: False))
    assert said.endswith(b'event: end\ndata: {"reason":"gone"}\n\n')
    feed.finish()
