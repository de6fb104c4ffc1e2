"""The shipper: a record is forgotten for a 200 that covers it, and for nothing else."""

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tallystick.errors import ShipError
from tallystick.event import parse_record
from tallystick.recording.session import Session
from tallystick.shipping.client import Answer, Transport
from tallystick.shipping.head import HeadKeeper
from tallystick.shipping.patience import HELD_PAUSE_S, LONGEST_PAUSE_S, Patience
from tallystick.shipping.shipper import IDLE_S, SUSPECT_AFTER, Shipper
from tallystick.spool.files import read_acked, segments
from tallystick.spool.frame import Frame
from tallystick.spool.outbox import Outbox
from tallystick.spool.rejected import Rejected
from tallystick.testing import PROTOBUF, FakeClock, Reply, Sink, SmallLog, running_sink
from tallystick.tlog.note import parse_vkey
from tests.emitters import new_session, record
from tests.requirements import requirement


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


class Direct:
    """A transport that hands requests to a sink without a socket."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.is_down = False
        self.never: bytes | None = None
        """A request that holds this gets 503."""

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        is_gzip = headers.get("Content-Encoding") == "gzip"
        return self._ask("POST", path, gzip.decompress(body) if is_gzip else body, headers)

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, b"", {})

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self.is_down:
            raise ShipError("the service does not answer")
        if self.never is not None and self.never in body:
            return Answer(503, {}, b"")
        reply = self.sink.answer(method, path, lower(headers), body)
        if reply.dies_after_bytes is not None:
            raise ShipError("the answer was cut off")
        return Answer(reply.status, lower(reply.headers), reply.body)


class Bench:
    """A session, its outbox, a sink, and a shipper between them whose clock stands still."""

    def __init__(
        self, home: Path, sink: Sink, *, batch: int = 512, compresses: bool = True
    ) -> None:
        self.home = home
        self.sink = sink
        self.clock = FakeClock()
        self.session = new_session(home, batch=batch)
        self.outbox = outbox_of(self.session)
        self.rejected = Rejected(home / "spool", self.clock)
        self.direct = Direct(sink)
        self.enrolled: list[bool] = []
        self.head: HeadKeeper | None = None
        self.enrol: Callable[[Transport, bool], None] = lambda _, again: self.enrolled.append(again)
        self.shipper = Shipper(
            self.direct,
            self.do_enrol,
            lambda: self.head,
            self.rejected,
            Patience(self.clock, lambda: 1.0),
            compresses=compresses,
        )

    def do_enrol(self, transport: Transport, again: bool) -> None:
        self.enrol(transport, again)

    def record(self, *names: str) -> None:
        for name in names:
            self.session.append(record(name))
        while self.session.seal():
            pass

    def ship(self) -> float:
        """Step until there is nothing to do at once."""
        while (pause := self.shipper.step([self.outbox])) == 0:
            pass
        return pause

    @property
    def is_delivered(self) -> bool:
        return self.outbox.acked.position == self.session.sealed_end

    def taken(self) -> list[str]:
        stated = [one.statement for one in self.sink.records()]
        return [str(one.get("tool.name", one["type"])) for one in stated]


def outbox_of(session: Session) -> Outbox:
    return Outbox(session.directory, session.id, lambda: session.sealed_end)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with running_sink() as sink:
        yield Bench(tmp_path, sink)


@requirement("spool.forgets-what-a-200-covered")
def test_everything_sealed_is_sent_in_order_with_its_seals(bench: Bench) -> None:
    bench.record("a", "b")
    assert bench.ship() == IDLE_S
    assert bench.taken() == ["session.open", "a", "b"]
    assert [name for name, _ in bench.sink.bodies] == [
        "tallystick.event",
        "tallystick.seal",
        "tallystick.event",
        "tallystick.event",
        "tallystick.seal",
    ]
    assert bench.is_delivered
    assert bench.outbox.acked_events == 3
    assert read_acked(bench.home / "spool", bench.session.id) == bench.outbox.acked


@requirement("sdk.large-values")
def test_what_records_name_is_let_go_after_they_are_taken_and_before_they_are_forgotten(
    bench: Bench,
) -> None:
    seen: list[tuple[bool, int, int]] = []

    def let_go(frames: Sequence[Frame]) -> None:
        seen.append((bool(frames), len(bench.taken()), bench.outbox.acked_events))

    bench.shipper.once_taken = let_go
    bench.record("a")
    bench.ship()
    assert seen == [(True, 1, 0), (True, 2, 1)]
    assert bench.outbox.acked_events == 2


@requirement("sdk.large-values")
def test_it_says_when_every_record_is_delivered_and_not_while_one_waits(bench: Bench) -> None:
    idle: list[bool] = []
    bench.shipper.when_idle = lambda: idle.append(bench.is_delivered)
    bench.record("a")
    bench.sink.replies.append(Reply(503))
    bench.shipper.step([bench.outbox])
    assert idle == []
    bench.clock.advance(LONGEST_PAUSE_S)
    bench.ship()
    assert idle == [True]


def test_the_opening_of_a_session_is_sent_at_once(bench: Bench) -> None:
    assert bench.ship() == IDLE_S
    assert bench.taken() == ["session.open"]


def test_what_no_seal_covers_yet_is_not_sent(bench: Bench) -> None:
    bench.record("a")
    bench.session.append(record("unsealed"))
    bench.ship()
    assert bench.taken() == ["session.open", "a"]
    bench.record()
    bench.ship()
    assert bench.taken() == ["session.open", "a", "unsealed"]


def test_the_request_is_plain_otlp(bench: Bench) -> None:
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

    bench.record("a")
    bench.ship()
    method, path, headers, body = bench.sink.requests[-1]
    assert (method, path) == ("POST", "/v1/logs")
    assert (headers["content-type"], headers["content-encoding"]) == (PROTOBUF, "gzip")
    request = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
    (scope,) = request.resource_logs[0].scope_logs
    sent, seal = scope.log_records
    stated = parse_record(sent.body.string_value).statement
    assert scope.scope.name == "tallystick"
    assert (sent.event_name, seal.event_name) == ("tallystick.event", "tallystick.seal")
    assert sent.time_unix_nano == stated["time_us"] * 1000
    hints = {one.key: one.value for one in sent.attributes}
    assert hints["tallystick.session"].string_value == bench.session.id
    assert hints["tallystick.seq"].int_value == stated["seq"] == 1
    assert [one.key for one in seal.attributes] == ["tallystick.session"]


def test_a_service_on_this_machine_is_spared_the_compression(tmp_path: Path) -> None:
    with running_sink() as sink:
        bench = Bench(tmp_path, sink, compresses=False)
        bench.record("a")
        bench.ship()
        assert bench.taken() == ["session.open", "a"]
        assert "content-encoding" not in sink.requests[-1][2]


def test_a_record_of_a_trace_carries_its_ids(bench: Bench) -> None:
    from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

    from tallystick.event import Draft
    from tests.emitters import printer

    ids = {"trace.id": "4bf92f3577b34da6a3ce929d0e0e4736", "span.id": "00f067aa0ba902b7"}
    bench.session.append(printer().print_record(Draft("tool.completed", ids), 1))
    bench.record()
    bench.ship()
    request = logs_service_pb2.ExportLogsServiceRequest.FromString(bench.sink.requests[-1][3])
    sent = request.resource_logs[0].scope_logs[0].log_records[0]
    assert (sent.trace_id.hex(), sent.span_id.hex()) == tuple(ids.values())


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_service_gets_the_same_again_after_a_pause(bench: Bench, status: int) -> None:
    bench.sink.replies.append(Reply(status))
    assert bench.ship() == 0.5
    assert bench.taken() == []
    assert not bench.is_delivered
    assert bench.ship() == 0.5
    assert len(bench.sink.requests) == 1
    bench.clock.advance(0.5)
    bench.ship()
    assert bench.taken() == ["session.open"]
    assert bench.is_delivered


def test_pauses_grow_to_half_a_minute_and_start_small_again(bench: Bench) -> None:
    bench.direct.is_down = True
    pauses = []
    for _ in range(9):
        pauses.append(bench.ship())
        bench.clock.advance(pauses[-1])
    assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]
    assert "does not answer" in bench.shipper.progress.state
    bench.direct.is_down = False
    assert bench.ship() == IDLE_S
    bench.direct.is_down = True
    bench.record("a")
    assert bench.ship() == 0.5


def test_pauses_are_spread_so_that_emitters_do_not_return_together(tmp_path: Path) -> None:
    chances = iter([0.0, 0.999])
    with running_sink() as sink:
        bench = Bench(tmp_path, sink)
        shipper = Shipper(
            bench.direct,
            lambda _transport, _again: None,
            lambda: None,
            bench.rejected,
            Patience(bench.clock, lambda: next(chances)),
            compresses=True,
        )
        bench.direct.is_down = True
        assert shipper.step([bench.outbox]) == 0.25
        bench.clock.advance(1)
        assert 0.99 < shipper.step([bench.outbox]) < 1.0


def test_what_the_service_asks_for_is_waited_and_not_cut_short(bench: Bench) -> None:
    bench.sink.replies.append(Reply(503, {"Retry-After": "17"}))
    assert bench.ship() == 17
    bench.shipper.resume()
    assert bench.ship() == 17
    bench.clock.advance(17)
    assert bench.ship() == IDLE_S


def test_an_absurd_wait_is_bounded(bench: Bench) -> None:
    bench.sink.replies.append(Reply(503, {"Retry-After": "999999"}))
    assert bench.ship() == 600


def test_a_flush_cuts_our_own_pause_short(bench: Bench) -> None:
    bench.direct.is_down = True
    bench.ship()
    bench.direct.is_down = False
    bench.shipper.resume()
    assert bench.ship() == IDLE_S


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "address"),
        (401, "TALLYSTICK_API_KEY"),
        (403, "may not"),
        (404, "address"),
        (302, "address"),
    ],
)
def test_a_refused_request_is_held_and_explained_and_never_dropped(
    bench: Bench, status: int, said: str
) -> None:
    bench.sink.replies.append(Reply(status))
    assert bench.ship() == HELD_PAUSE_S
    assert said in bench.shipper.progress.state
    assert str(status) in bench.shipper.progress.state
    bench.clock.advance(HELD_PAUSE_S)
    bench.ship()
    assert bench.taken() == ["session.open"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200),
        Reply(200, {"Content-Type": "text/html"}, b"<html>hotel network</html>"),
        Reply(200, {"Content-Type": PROTOBUF}, b"\xff\xff\xff"),
    ],
)
def test_a_200_that_is_no_otlp_answer_covers_nothing(bench: Bench, reply: Reply) -> None:
    bench.sink.replies.append(reply)
    assert bench.ship() == HELD_PAUSE_S
    assert not bench.is_delivered


def test_a_service_that_dies_after_its_commit_gets_the_same_again(bench: Bench) -> None:
    bench.record("a")
    bench.sink.replies.append(Reply(is_taken=True, dies_after_bytes=4))
    pause = bench.ship()
    assert bench.outbox.acked_events == 0
    bench.clock.advance(pause)
    bench.ship()
    assert bench.is_delivered
    assert bench.taken() == ["session.open", "a"]
    assert len(bench.sink.bodies) > len(dict.fromkeys(bench.sink.bodies))


def refuse(*names: str) -> Callable[[str], str | None]:
    return lambda body: (
        "statement_invalid" if any(f'"tool.name":"{name}"' in body for name in names) else None
    )


@requirement("spool.forgets-what-a-200-covered")
def test_of_many_records_the_refused_ones_alone_are_kept_with_the_reason(bench: Bench) -> None:
    bench.ship()
    bench.record(*[f"t{number}" for number in range(40)])
    bench.sink.judge = refuse("t7", "t31")
    assert bench.ship() == IDLE_S
    assert bench.is_delivered
    assert sorted(bench.taken()[1:]) == sorted(f"t{n}" for n in range(40) if n not in (7, 31))
    assert bench.rejected.counts() == {"statement_invalid": 2}
    kept = [path.read_text() for path in bench.rejected.directory.iterdir()]
    assert all("1 refused: statement_invalid x1" in text for text in kept)
    assert {'"tool.name\\":\\"t7\\"' in text for text in kept} == {True, False}
    assert len(bench.sink.requests) < 30


def test_a_request_of_which_all_is_refused_needs_no_search(bench: Bench) -> None:
    bench.record("a")
    bench.sink.judge = lambda _: "wrong_sender"
    bench.ship()
    assert len(bench.sink.requests) == 2
    assert bench.rejected.counts() == {"wrong_sender": 4}
    assert bench.is_delivered


def test_refused_records_are_private_files(bench: Bench) -> None:
    bench.sink.judge = lambda _: "wrong_sender"
    bench.ship()
    assert bench.rejected.directory.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in bench.rejected.directory.iterdir()} == {0o600}


def test_a_refusal_in_other_words_is_kept_as_other(bench: Bench) -> None:
    bench.sink.judge = lambda _: "it is raining"
    bench.ship()
    assert bench.rejected.counts() == {"other": 2}


def test_a_record_that_cannot_be_kept_as_refused_is_not_acknowledged(bench: Bench) -> None:
    bench.rejected.directory.write_text("a file in the way")
    bench.sink.judge = lambda _: "wrong_sender"
    assert bench.ship() == HELD_PAUSE_S
    assert not bench.is_delivered


class Forgetful:
    """A service that lost its data: it knows no session until it is shown the opening."""

    def __init__(self) -> None:
        self.known = False

    def __call__(self, body: str) -> str | None:
        if '"type":"session.open"' in body:
            self.known = True
            return None
        return None if self.known else "unknown_session"


def test_a_service_that_lost_the_session_is_shown_its_opening_again(bench: Bench) -> None:
    bench.ship()
    bench.record("a", "b")
    bench.sink.judge = Forgetful()
    assert bench.ship() == IDLE_S
    assert bench.taken() == ["session.open", "a", "b"]
    assert bench.rejected.counts() == {}
    assert bench.enrolled == [False, False, True]


def test_a_session_whose_opening_is_refused_for_good_is_kept_as_rejected(bench: Bench) -> None:
    bench.ship()
    bench.record("a")
    bench.sink.judge = lambda body: (
        "delegation_invalid" if '"type":"session.open"' in body else "unknown_session"
    )
    assert bench.ship() == IDLE_S
    assert bench.rejected.counts() == {"unknown_session": 2}


def test_an_emitter_that_the_service_does_not_know_enrols_again(bench: Bench) -> None:
    known: list[bool] = []
    bench.enrol = lambda _, again: known.append(again)
    bench.sink.judge = lambda _: None if True in known else "unknown_key"
    assert bench.ship() == IDLE_S
    assert bench.taken() == ["session.open"]
    assert known == [False, True]


def test_an_emitter_that_stays_unknown_waits_and_rejects_nothing(bench: Bench) -> None:
    bench.sink.judge = lambda _: "unknown_key"
    assert bench.ship() == HELD_PAUSE_S
    assert "does not know the emitter's key" in bench.shipper.progress.state
    assert bench.rejected.counts() == {}
    assert not bench.is_delivered


def test_a_session_for_which_alone_the_service_is_never_ready_holds_up_no_other(
    bench: Bench, tmp_path: Path
) -> None:
    stranger = new_session(tmp_path / "elsewhere")
    old = outbox_of(stranger)
    bench.record("a")
    bench.direct.never = stranger.id.encode()
    for _ in range(SUSPECT_AFTER):
        pause = bench.shipper.step([old, bench.outbox])
        assert pause > 0
        assert bench.taken() == []
        bench.clock.advance(pause)
    while (pause := bench.shipper.step([old, bench.outbox])) == 0:
        pass
    assert bench.taken() == ["session.open", "a"]
    assert pause == HELD_PAUSE_S
    assert f"session {stranger.id} waits" in bench.shipper.progress.state
    bench.clock.advance(HELD_PAUSE_S)
    bench.record("b")
    assert bench.shipper.step([old, bench.outbox]) == 0, "a suspect is doubted at once"
    assert bench.taken()[-1] == "b"
    bench.direct.never = None
    bench.clock.advance(HELD_PAUSE_S)
    while bench.shipper.step([old, bench.outbox]) == 0:
        pass
    assert old.acked.position == stranger.sealed_end


def test_a_service_that_is_away_is_asked_for_one_session_alone_at_first(bench: Bench) -> None:
    bench.record("a")
    bench.direct.is_down = True
    for _ in range(2 * SUSPECT_AFTER):
        pause = bench.shipper.step([bench.outbox, bench.outbox])
        assert pause > 0
        bench.clock.advance(pause)
    assert bench.outbox.held_because == ""
    bench.direct.is_down = False
    bench.ship()
    assert bench.is_delivered


def test_a_session_that_is_unwelcome_holds_up_no_other(bench: Bench, tmp_path: Path) -> None:
    stranger = new_session(tmp_path / "elsewhere")
    old = outbox_of(stranger)
    bench.record("a")
    bench.sink.judge = lambda body: "unknown_key" if stranger.id in body else None
    while (pause := bench.shipper.step([old, bench.outbox])) == 0:
        pass
    assert bench.taken() == ["session.open", "a"]
    assert pause == HELD_PAUSE_S
    assert stranger.id in bench.shipper.progress.state
    bench.sink.judge = lambda _: None
    bench.record("b")
    assert bench.shipper.step([old, bench.outbox]) == 0
    assert bench.taken()[-1] == "b"
    bench.clock.advance(HELD_PAUSE_S)
    while bench.shipper.step([old, bench.outbox]) == 0:
        pass
    assert old.acked.position == stranger.sealed_end


def test_a_request_over_the_limit_is_halved_until_it_fits(bench: Bench) -> None:
    bench.ship()
    bench.record(*[f"t{number}" for number in range(8)])
    original = bench.sink.answer

    def limited(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return Reply(413) if len(body) > 2500 else original(method, target, headers, body)

    bench.sink.answer = limited  # type: ignore[method-assign]
    assert bench.ship() == IDLE_S
    assert bench.taken() == ["session.open", *(f"t{n}" for n in range(8))]
    assert bench.rejected.counts() == {}


def test_a_record_that_alone_is_over_the_limit_is_kept_and_the_others_go_on(bench: Bench) -> None:
    from tallystick.event import Draft
    from tests.emitters import printer

    bench.ship()
    big = printer().print_record(Draft("tool.completed", {}, {"result": "word " * 2000}), 1)
    bench.record("a")
    bench.session.append(big)
    bench.record("b")
    original = bench.sink.answer

    def limited(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        return Reply(413) if len(body) > 8000 else original(method, target, headers, body)

    bench.sink.answer = limited  # type: ignore[method-assign]
    assert bench.ship() == IDLE_S
    assert bench.taken() == ["session.open", "a", "b"]
    assert bench.rejected.counts() == {"too_large": 1}


def test_nothing_is_sent_before_enrolment(bench: Bench) -> None:
    def refuses(_transport: Transport, _again: bool) -> None:
        raise ShipError("cannot enrol")

    bench.enrol = refuses
    assert bench.ship() == 0.5
    assert bench.sink.requests == []
    assert "cannot enrol" in bench.shipper.progress.state


def test_a_spool_that_cannot_be_read_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "denied")

    monkeypatch.setattr("tallystick.spool.outbox.read_segment", denied)
    assert bench.ship() == HELD_PAUSE_S
    monkeypatch.undo()
    bench.clock.advance(HELD_PAUSE_S)
    assert bench.ship() == IDLE_S


def test_acknowledged_segments_are_deleted_and_the_opening_stays(bench: Bench) -> None:
    for name in "abc":
        bench.record(name)
        bench.session.begin_segment()
    bench.record("d")
    bench.ship()
    assert segments(bench.home / "spool", bench.session.id) == [0, 4]
    assert bench.taken() == ["session.open", "a", "b", "c", "d"]
    assert [frame.payload[:1] for frame in bench.outbox.opening()] == [b"{", b"t"]


def test_shipping_goes_on_where_the_last_process_stopped(bench: Bench) -> None:
    bench.record("a")
    bench.ship()
    bench.record("b")
    bench.outbox = outbox_of(bench.session)
    bench.ship()
    assert len(bench.sink.bodies) == 6
    assert bench.taken() == ["session.open", "a", "b"]


def test_the_head_of_the_log_is_followed_and_shown_back(tmp_path: Path) -> None:
    log = SmallLog.create()
    with running_sink(log) as sink:
        bench = Bench(tmp_path, sink)
        told: list[int] = []
        bench.head = HeadKeeper(
            tmp_path, parse_vkey(log.vkey), bench.clock, lambda h: told.append(h.checkpoint.size)
        )
        bench.record("a")
        bench.ship()
        shown = [headers.get("tallystick-checkpoint") for _, _, headers, _ in sink.requests]
        assert shown[0] is None
        assert told[0] == 2
        bench.clock.advance(2)
        bench.record("b")
        bench.ship()
        assert told == [2, len(log.leaves)]
        assert sink.requests[-2][2]["tallystick-checkpoint"]
        assert sink.requests[-1][1].startswith("/api/v1/log/consistency?old=2&new=")
        assert bench.head.alarms == []
