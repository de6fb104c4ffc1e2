"""The smaller parts of the service: settings, keys, folded accesses, refusals of nobody, enrolment."""

import base64
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import AdmissionError, ConfigError
from tallystick.masking.tokens import TokenKey
from tallystick.profile import encode
from tallystick.recording.masked import Masking
from tallystick.testing import FakeClock
from tallystick.tlog.dsse import sign_envelope
from tallystick_ingest.access_book import FOLD_WINDOW_S, AccessBook
from tallystick_ingest.auth.gate import ADMINISTRATOR, Caller
from tallystick_ingest.budget import Budget
from tallystick_ingest.drafts import Access, Drafts
from tallystick_ingest.enrolment import ENROLMENT_TYPE, MAX_AGE_US, Enrolment, check_enrolment
from tallystick_ingest.key_directory import KeyDirectory, enrolled
from tallystick_ingest.otlp.answer import failure, success
from tallystick_ingest.otlp.body import JSON, PROTOBUF
from tallystick_ingest.otlp.incoming import BusyError
from tallystick_ingest.prepared import Prepared
from tallystick_ingest.service_keys import load_service_keys
from tests.requirements import requirement
from tests.sending import partial
from tests.stores import EMITTER, START_US

# --- keys of the service ----------------------------------------------------------------------


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    made = load_service_keys(tmp_path / "server", "log.example/one")
    again = load_service_keys(tmp_path / "server", None)
    assert (made.is_new, again.is_new) == (True, False)
    assert made.log.key == again.log.key
    assert made.service.key.name == "log.example/one/service"
    assert made.token_key == again.token_key
    assert stat.S_IMODE((tmp_path / "server").stat().st_mode) == 0o700
    files = list((tmp_path / "server").iterdir())
    assert {stat.S_IMODE(one.stat().st_mode) for one in files} == {0o600}
    assert made.token_key.hex() not in repr(made)


def test_two_services_have_different_names_and_keys(tmp_path: Path) -> None:
    one, two = (load_service_keys(tmp_path / name, None) for name in ("one", "two"))
    assert one.name != two.name
    assert one.log.key.public_key != two.log.key.public_key


@pytest.mark.parametrize("name", ["two words", "a+b", "x" * 300, "line\nfeed"])
def test_a_name_that_cannot_name_a_log_is_refused_before_anything_is_made(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError):
        load_service_keys(tmp_path / "server", name)
    assert list((tmp_path / "server").iterdir()) == []


def test_a_first_start_that_was_cut_short_begins_again_with_the_same_keys(tmp_path: Path) -> None:
    made = load_service_keys(tmp_path / "server", "log.example/one")
    (tmp_path / "server" / "name").unlink()
    again = load_service_keys(tmp_path / "server", "log.example/one")
    assert again.is_new
    assert again.log.key == made.log.key


# --- accesses ---------------------------------------------------------------------------------

DRAFTS = Drafts(Masking.of(TokenKey("test", b"k" * 32)), FakeClock())
CALLER = Caller("key-1", "dashboard", ("read",))


class Stated:
    """Takes what the service states, unless told to be busy."""

    def __init__(self) -> None:
        self.drafts: list[Prepared] = []
        self.is_busy = False

    def __call__(self, drafts: Sequence[Prepared]) -> None:
        if self.is_busy:
            raise BusyError("busy")
        self.drafts += drafts

    @property
    def counts(self) -> list[tuple[str, int, int]]:
        return [
            (
                one.statement["access.target"],
                one.statement["access.count"],
                one.statement["access.rows"],
            )
            for one in self.drafts
        ]


def access(target: str = "actions", rows: int = 3, **query: str) -> Access:
    return Access("access.read", target, CALLER, query, rows)


@requirement("access.recorded")
def test_repetitions_within_a_minute_fold_and_are_recorded_when_it_is_over() -> None:
    clock, stated = FakeClock(), Stated()
    book = AccessBook(DRAFTS, clock, stated)
    for rows in (3, 4, 5):
        book.record(access(rows=rows))
    book.record(access(tool="other"))
    assert stated.counts == [("actions", 1, 3), ("actions", 1, 3)]
    book.sweep()
    assert len(stated.counts) == 2
    clock.advance(FOLD_WINDOW_S)
    book.sweep()
    assert stated.counts[2:] == [("actions", 2, 9)]
    book.sweep()
    assert len(stated.counts) == 3


@requirement("access.recorded")
def test_the_next_question_after_the_minute_is_recorded_at_once() -> None:
    clock, stated = FakeClock(), Stated()
    book = AccessBook(DRAFTS, clock, stated)
    book.record(access())
    book.record(access())
    clock.advance(FOLD_WINDOW_S)
    book.record(access())
    assert [count for _, count, _ in stated.counts] == [1, 1, 1]


@requirement("access.recorded")
def test_different_callers_and_targets_do_not_fold() -> None:
    stated = Stated()
    book = AccessBook(DRAFTS, FakeClock(), stated)
    book.record(access())
    book.record(access("trace"))
    book.record(Access("access.read", "actions", ADMINISTRATOR, {}, 1))
    book.record(Access("access.search", "actions", CALLER, {}, 1))
    assert len(stated.counts) == 4


@requirement("access.recorded")
def test_an_access_that_cannot_be_recorded_is_not_answered_and_nothing_counted_is_lost() -> None:
    clock, stated = FakeClock(), Stated()
    book = AccessBook(DRAFTS, clock, stated)
    stated.is_busy = True
    with pytest.raises(BusyError):
        book.record(access())
    stated.is_busy = False
    book.record(access())
    book.record(access())
    stated.is_busy = True
    clock.advance(FOLD_WINDOW_S)
    with pytest.raises(BusyError):
        book.sweep()
    stated.is_busy = False
    book.sweep(everything=True)
    assert [count for _, count, _ in stated.counts] == [1, 1]


@requirement("access.recorded")
def test_what_is_asked_while_a_record_fails_is_counted_beside_what_was_counted_before() -> None:
    clock, stated = FakeClock(), Stated()
    asked_meanwhile = 2

    def state(drafts: Sequence[Prepared]) -> None:
        nonlocal asked_meanwhile
        if asked_meanwhile and drafts[0].statement["access.count"] == 3:
            while asked_meanwhile:
                asked_meanwhile -= 1
                book.record(access())
            raise BusyError("busy")
        stated(drafts)

    book = AccessBook(DRAFTS, clock, state)
    for _ in range(4):
        book.record(access())
    clock.advance(FOLD_WINDOW_S)
    with pytest.raises(BusyError):
        book.sweep()
    book.sweep(everything=True)
    assert sum(count for _, count, _ in stated.counts) == 6
    assert sum(rows for _, _, rows in stated.counts) == 18


def test_an_access_states_who_and_what_and_no_query() -> None:
    said = DRAFTS.access(access(principal="alice@example.com"), 1).statement
    assert (said["client.id"], said["access.target"], said["access.rows"]) == (
        "key-1",
        "actions",
        3,
    )
    assert "alice" not in str(said)
    assert len(said["access.query_digest"]) == 32


# --- enrolment and known keys -----------------------------------------------------------------


def proof(signer: Any = EMITTER, **stated: object) -> Enrolment:
    claim = {"emitter": EMITTER.name, "time_us": START_US, "vkey": EMITTER.key.vkey, **stated}
    envelope = sign_envelope(ENROLMENT_TYPE, encode(claim), "k", signer.sign)
    return Enrolment(EMITTER.key.vkey, envelope)


def test_a_proof_by_the_key_itself_enrols_it() -> None:
    assert check_enrolment(proof(), START_US + MAX_AGE_US) == EMITTER.key


@requirement("admit.forged-refused")
@pytest.mark.parametrize(
    "forge",
    [
        lambda: proof(emitter="other"),
        lambda: proof(vkey="other"),
        lambda: proof(time_us="now"),
        lambda: proof(time_us=True),
        lambda: proof(more=1),
        lambda: proof(time_us=START_US - MAX_AGE_US - 1),
        lambda: proof(time_us=START_US + MAX_AGE_US + 1),
        lambda: Enrolment("garbage", proof().proof),
        lambda: Enrolment(EMITTER.key.vkey, "garbage"),
    ],
)
def test_a_proof_that_does_not_hold_enrols_nothing(forge: Callable[[], Enrolment]) -> None:
    with pytest.raises(AdmissionError):
        check_enrolment(forge(), START_US)


@requirement("admit.forged-refused")
def test_a_proof_by_another_key_enrols_nothing() -> None:
    from tests.keys import key_pair

    with pytest.raises(AdmissionError, match="does not hold"):
        check_enrolment(proof(key_pair("other.example/x")), START_US)


def test_the_key_of_a_session_that_was_opened_here_needs_no_question() -> None:
    def read(session: str) -> dict[str, object]:
        raise AssertionError(session)

    directory = KeyDirectory([], read)
    directory.note_opened([("one", "key of one"), ("two", "key of two")])
    directory.note_opened([("one", "another key")])
    assert [directory.session_key(session) for session in ("one", "two")] == [
        "key of one",
        "key of two",
    ]


def test_keys_are_known_by_name_and_id_and_sessions_are_read_once() -> None:
    asked: list[str] = []

    def read(session: str) -> dict[str, object] | None:
        asked.append(session)
        return {"session.key": f"key of {session}"} if session != "unknown" else None

    directory = KeyDirectory([], read)
    key_id = EMITTER.key.key_id.hex()
    assert directory.emitter_key(EMITTER.name, key_id) is None
    directory.enrol(EMITTER.key)
    assert directory.emitter_key(EMITTER.name, key_id) == EMITTER.key
    assert directory.emitter_key(EMITTER.name, "00000000") is None
    assert [directory.session_key("a") for _ in range(3)] == ["key of a"] * 3
    assert [directory.session_key("unknown") for _ in range(2)] == [None, None]
    assert asked == ["a", "unknown", "unknown"]


def test_only_identities_are_taken_from_key_records() -> None:
    stated = [
        {"key.purpose": "log", "key.vkey": EMITTER.key.vkey},
        {"key.purpose": "api"},
        {"key.purpose": "emitter", "key.vkey": EMITTER.key.vkey},
    ]
    assert enrolled(stated) == [EMITTER.key]


# --- overload and answers ---------------------------------------------------------------------


def test_one_request_always_fits_and_further_ones_wait_for_room() -> None:
    budget = Budget(100)
    alone, other = budget.claim("one"), budget.claim("another")
    alone.grow(60)
    alone.grow(500)
    with pytest.raises(BusyError):
        other.grow(1)
    alone.release()
    alone.grow(50)
    other.grow(50)
    with pytest.raises(BusyError):
        budget.claim("a third").grow(1)


def test_one_sender_leaves_half_of_the_room_to_the_others() -> None:
    budget = Budget(100)
    claims = [budget.claim("greedy") for _ in range(3)]
    claims[0].grow(30)
    claims[1].grow(20)
    with pytest.raises(BusyError):
        claims[2].grow(1)
    budget.claim("another").grow(50)
    claims[0].release()
    claims[2].grow(30)


@requirement("otlp.content-type-answered")
def test_success_says_nothing_when_nothing_was_refused() -> None:
    assert success(PROTOBUF, "logs").body == b""
    assert success(JSON, "traces").body == b"{}"
    assert partial(success(PROTOBUF, "logs", 2, "why").body) == (2, "why")
    assert success(JSON, "traces", 2, "why").body == (
        b'{"partialSuccess":{"rejectedSpans":"2","errorMessage":"why"}}'
    )
    warning = success(JSON, "metrics", 0, "note").body
    assert warning == b'{"partialSuccess":{"errorMessage":"note"}}'


@requirement("otlp.content-type-answered")
@pytest.mark.parametrize(
    ("status", "header"),
    [(503, "retry-after"), (401, "www-authenticate"), (405, "allow"), (415, "accept-encoding")],
)
def test_a_failure_carries_the_header_that_its_status_asks_for(status: int, header: str) -> None:
    from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

    answer = failure(PROTOBUF, status, "x" * 5_000)
    assert header in answer.headers
    assert len(Status.FromString(answer.body).message) == 2_000
    assert failure("text/html", status, "why").media_type == JSON


def test_the_token_key_travels_whole(tmp_path: Path) -> None:
    from tallystick_ingest.enrolment import tenant_keys

    keys = load_service_keys(tmp_path / "server", None)
    given = tenant_keys(keys)
    assert base64.b64decode(given["token_key"]) == keys.token_key
    assert given["tenant"] == keys.name
