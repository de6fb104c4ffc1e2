"""Screening: one bad record is refused for a reason that does not change, and costs no other."""

import json
from collections.abc import Callable

import pytest

from tallystick.event import EVENT_NAME, MAX_DISCLOSURE_BYTES, MAX_STATEMENT_BYTES, SEAL_NAME
from tallystick.profile import encode
from tallystick.tlog.dsse import sign_envelope
from tallystick.tlog.note import VerifierKey
from tallystick.tlog.seal import MAX_SEAL_BYTES, make_seal, parse_seal
from tallystick.tlog.tree import Frontier
from tallystick_ingest.otlp.signals import LogItem
from tallystick_ingest.screening import KeyBook, Screened, SealCandidate, screen
from tallystick_store.rows import EventRow, SealRow
from tests.keys import key_pair
from tests.requirements import requirement
from tests.sending import batch, item, items
from tests.stores import DELEGATION, EMITTER, START_US, Emitter


def emitter_key(name: str, key_id: str) -> VerifierKey | None:
    is_known = (name, key_id) == (EMITTER.name, EMITTER.key.key_id.hex())
    return EMITTER.key if is_known else None


BOOK = KeyBook(lambda _session: None, emitter_key)


def reasons(screened: Screened) -> list[str]:
    return [refusal.reason for refusal in screened.refusals]


def test_a_whole_session_passes_in_order() -> None:
    emitter = Emitter()
    screened = screen(batch(emitter), BOOK)
    assert screened.refusals == ()
    kinds = [isinstance(one, SealCandidate) for one in screened.candidates]
    assert kinds == [False, True, False, False, False, True]


def changed(row: EventRow, **fields: object) -> bytes:
    return encode({**row.record.statement, **fields})


def _float(call: EventRow) -> LogItem:
    line = call.record.line.replace(b'"seq":1', b'"seq":1.0')
    return LogItem(EVENT_NAME, line.decode())


def _twice(call: EventRow) -> LogItem:
    line = call.record.line.replace(b'"seq":1', b'"seq":1,"seq":1')
    return LogItem(EVENT_NAME, line.decode())


def _other_disclosure(call: EventRow) -> LogItem:
    return LogItem(EVENT_NAME, call.record.body.replace("person-0", "person-1"))


def _invented_disclosure(call: EventRow) -> LogItem:
    line = '["' + "0" * 32 + '","result","{}"]'
    return LogItem(EVENT_NAME, f"{call.record.body}\n{line}")


def _repeated_disclosure(call: EventRow) -> LogItem:
    return LogItem(EVENT_NAME, f"{call.record.body}\n{call.record.disclosures[0].line}")


BAD: dict[str, tuple[str, Callable[[EventRow], LogItem]]] = {
    "a float": ("statement_invalid", _float),
    "a key that stands twice": ("statement_invalid", _twice),
    "an unknown field": (
        "statement_invalid",
        lambda call: LogItem(EVENT_NAME, changed(call, colour="red").decode()),
    ),
    "an open that is not leaf 0": (
        "statement_invalid",
        lambda call: LogItem(EVENT_NAME, changed(call, type="session.open").decode()),
    ),
    "a leaf 0 that is no open": (
        "statement_invalid",
        lambda call: LogItem(EVENT_NAME, changed(call, seq=0).decode()),
    ),
    "a lone surrogate": ("statement_invalid", lambda _: LogItem(EVENT_NAME, '{"a":"\ud800"}')),
    "garbage": ("statement_invalid", lambda _: LogItem(EVENT_NAME, "\x00\x01 no record")),
    "an empty body": ("statement_invalid", lambda _: LogItem(EVENT_NAME, "")),
    "another value in a disclosure": ("disclosure_mismatch", _other_disclosure),
    "a disclosure that nothing binds": ("disclosure_mismatch", _invented_disclosure),
    "a disclosure that stands twice": ("disclosure_mismatch", _repeated_disclosure),
    "no string": ("body_not_string", lambda _: LogItem(EVENT_NAME, None)),
    "somebody else's log": ("not_a_tallystick_record", lambda _: LogItem("app.log", "hello")),
    "no event name": ("not_a_tallystick_record", lambda _: LogItem("", "hello")),
    "a long statement": (
        "too_large",
        lambda _: LogItem(EVENT_NAME, "x" * (MAX_STATEMENT_BYTES + 1)),
    ),
    "a long disclosure": (
        "too_large",
        lambda call: LogItem(EVENT_NAME, f"{call.record.body}\n{'x' * (MAX_DISCLOSURE_BYTES + 1)}"),
    ),
    "many disclosures": (
        "too_large",
        lambda call: LogItem(EVENT_NAME, "\n".join([call.record.body, *["x"] * 40])),
    ),
    "a long seal": ("too_large", lambda _: LogItem(SEAL_NAME, "x" * (MAX_SEAL_BYTES + 1))),
    "a seal that is none": ("seal_invalid", lambda _: LogItem(SEAL_NAME, "seal of approval")),
    "a seal that is no string": ("body_not_string", lambda _: LogItem(SEAL_NAME, None)),
}


@requirement("admit.forged-refused", "record.no-floats", "record.disclosures-bound")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_refused_alone_and_named(name: str) -> None:
    reason, spoil = BAD[name]
    emitter = Emitter(name)
    sent = items([emitter.opened(), emitter.seal()])
    call = emitter.call()
    good = emitter.call(1)
    screened = screen([*sent, spoil(call), item(good)], BOOK)
    assert reasons(screened) == [reason]
    assert len(screened.candidates) == 3
    assert screened.candidates[-1] == good.record
    assert len(screened.refusals[0].detail) > 10


def opening(emitter: Emitter, **fields: object) -> LogItem:
    record = emitter.opened().record
    stated = {**record.statement, **{k.replace("__", "."): v for k, v in fields.items()}}
    return LogItem(EVENT_NAME, encode(stated).decode())


def delegation(emitter: Emitter, /, *, signer: str = EMITTER.name, **fields: object) -> str:
    payload = {
        "emitter": EMITTER.name,
        "key": emitter.keys.key.vkey,
        "session": emitter.session,
        "time_us": START_US,
    }
    pair = EMITTER if signer == EMITTER.name else key_pair(signer)
    stated = encode({**payload, **fields})
    return sign_envelope(DELEGATION, stated, pair.key.key_id.hex(), pair.sign)


OTHER_NAME = key_pair("tallystick.session/" + "0" * 32).key.vkey

FORGED_OPENINGS: dict[str, tuple[str, Callable[[Emitter], LogItem]]] = {
    "an identity that is not enrolled": (
        "unknown_key",
        lambda one: opening(one, emitter__name="agents.example/somebody"),
    ),
    "the name of an identity with another key id": (
        "unknown_key",
        lambda one: opening(one, emitter__key_id="00000000"),
    ),
    "a delegation by another key": (
        "delegation_invalid",
        lambda one: opening(one, session__delegation=delegation(one, signer="x.example/y")),
    ),
    "a delegation of another session": (
        "delegation_invalid",
        lambda one: opening(one, session__delegation=delegation(one, session="0" * 32)),
    ),
    "a delegation of another key": (
        "delegation_invalid",
        lambda one: opening(one, session__delegation=delegation(one, key=EMITTER.key.vkey)),
    ),
    "a delegation by another name": (
        "delegation_invalid",
        lambda one: opening(one, session__delegation=delegation(one, emitter="other.example/z")),
    ),
    "a delegation with more in it": (
        "delegation_invalid",
        lambda one: opening(one, session__delegation=delegation(one, more="words")),
    ),
    "a delegation without a time": (
        "delegation_invalid",
        lambda one: opening(one, session__delegation=delegation(one, time_us="now")),
    ),
    "a delegation that is none": (
        "delegation_invalid",
        lambda one: opening(one, session__delegation="{}"),
    ),
    "a session key under another name": (
        "delegation_invalid",
        lambda one: opening(one, session__key=key_pair("tallystick.session/" + "0" * 32).key.vkey),
    ),
    "a session key under another name that the delegation names too": (
        "delegation_invalid",
        lambda one: opening(
            one, session__key=OTHER_NAME, session__delegation=delegation(one, key=OTHER_NAME)
        ),
    ),
    "a session key that is none": (
        "delegation_invalid",
        lambda one: opening(one, session__key="key"),
    ),
}


@requirement("admit.forged-refused")
@pytest.mark.parametrize("name", FORGED_OPENINGS)
def test_a_forged_opening_is_refused_and_opens_nothing(name: str) -> None:
    reason, forge = FORGED_OPENINGS[name]
    emitter = Emitter(name)
    screened = screen([forge(emitter), item(emitter.seal())], BOOK)
    assert reasons(screened) == [reason, "unknown_session"]


@pytest.mark.parametrize(
    "missing", ["session.key", "session.delegation", "emitter.name", "emitter.key_id"]
)
def test_an_opening_without_its_keys_is_refused(missing: str) -> None:
    statement = dict(Emitter(missing).opened().record.statement)
    del statement[missing]
    screened = screen([LogItem(EVENT_NAME, encode(statement).decode())], BOOK)
    assert reasons(screened) == ["delegation_invalid"]
    assert missing in screened.refusals[0].detail


@requirement("admit.forged-refused")
def test_a_seal_with_another_root_is_refused() -> None:
    emitter = Emitter()
    sent = batch(emitter)
    seal = sent[-1].body or ""
    lines = seal.split("\n")
    at = lines.index("") + 3
    lines[at] = "A" * 43 + "="
    screened = screen([*sent[:-1], LogItem(SEAL_NAME, "\n".join(lines))], BOOK)
    assert reasons(screened) == ["seal_invalid"]
    assert len(screened.candidates) == len(sent) - 1


@requirement("admit.forged-refused")
def test_a_seal_signed_with_another_key_is_refused() -> None:
    emitter = Emitter()
    sent = batch(emitter, 0)
    call = emitter.call()
    forger = key_pair(emitter.keys.name, "forger")
    body, _ = make_seal(
        Frontier(), [call.record.leaf_hash], forger.name, forger.sign, emitter.keys.public_key
    )
    assert parse_seal(body).size == 1
    screened = screen([*sent, LogItem(SEAL_NAME, body)], BOOK)
    assert reasons(screened) == ["seal_signature"]


def test_a_seal_of_a_session_with_a_malformed_name_is_refused() -> None:
    for name in ("elsewhere/1", "tallystick.session/abc", "ab" * 16):
        pair = key_pair(name)
        body, _ = make_seal(Frontier(), [b"1" * 32], pair.name, pair.sign, pair.public_key)
        assert reasons(screen([LogItem(SEAL_NAME, body)], BOOK)) == ["seal_invalid"]


def test_a_seal_is_checked_under_the_key_of_a_session_that_was_opened_before() -> None:
    emitter = Emitter()
    sent = batch(emitter)
    book = KeyBook({emitter.session: emitter.keys.key.vkey}.get, emitter_key)
    screened = screen(sent[2:], book)
    assert screened.refusals == ()
    [seal] = [one for one in screened.candidates if isinstance(one, SealCandidate)]
    assert isinstance(seal, SealCandidate)
    assert seal.session_key == emitter.keys.key.vkey


def test_the_first_of_two_openings_in_one_batch_gives_the_key() -> None:
    emitter = Emitter()
    opened, seal = emitter.opened(), emitter.seal()
    assert isinstance(seal, SealRow)
    screened = screen(items([opened, opened, seal]), BOOK)
    assert screened.refusals == ()


def test_details_say_what_was_expected_without_repeating_the_record() -> None:
    secret = "4929-8088-1111-2222"
    screened = screen([LogItem(EVENT_NAME, json.dumps({"v": secret * 10}))], BOOK)
    assert secret not in screened.refusals[0].detail
