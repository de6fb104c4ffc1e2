"""Refusals: one record each while they are few, one a minute when they are many, a count for nobody."""

from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.testing import FakeClock
from tallystick_ingest.admission import Origin
from tallystick_ingest.drafts import Drafts
from tallystick_ingest.refusals import RECORDED_AT_ONCE, REFILL_S, Refusals
from tallystick_ingest.verdict import Refusal

GARBAGE = [Refusal("undecodable", "")]


def made(clock: FakeClock) -> Refusals:
    return Refusals(Drafts(Masking.of(TokenKey("test", b"k" * 32)), clock), clock)


def recorded(refusals: Refusals, sender: str, times: int, path: str = "/v1/logs") -> int:
    drafts = [refusals.draft(Origin(sender, path, "00"), GARBAGE) for _ in range(times)]
    return sum(draft is not None for draft in drafts)


def test_refusals_of_nobody_are_counted_by_address_and_reason() -> None:
    refusals = made(FakeClock())
    for path in ("/v1/logs", "/v1/logs", "/api/v1/actions", "/wp-login.php", "/.env"):
        refusals.add_anonymous(path, "unauthenticated")
    taken = refusals.take()
    assert {path: dict(counts) for (_, path), counts in taken.items()} == {
        "/v1/logs": {"unauthenticated": 2},
        "/api/v1": {"unauthenticated": 1},
        "other": {"unauthenticated": 2},
    }
    assert refusals.take() == {}
    refusals.add_anonymous("/v1/logs", "unauthenticated")
    refusals.give_back(taken)
    assert refusals.take()["anonymous", "/v1/logs"] == {"unauthenticated": 3}


def test_any_number_of_addresses_makes_a_handful_of_records() -> None:
    refusals = made(FakeClock())
    for number in range(10_000):
        refusals.add_anonymous(f"/guess/{number}", "unauthenticated")
    assert refusals.take() == {("anonymous", "other"): {"unauthenticated": 10_000}}


def test_a_flood_of_one_sender_is_recorded_by_count_and_others_still_one_by_one() -> None:
    refusals = made(FakeClock())
    assert recorded(refusals, "key-1", 5_000) == RECORDED_AT_ONCE
    assert recorded(refusals, "key-2", 3) == 3
    assert recorded(refusals, "key-1", 3, "/v1/traces") == 3
    taken = refusals.take()
    assert taken == {("key-1", "/v1/logs"): {"undecodable": 5_000 - RECORDED_AT_ONCE}}
    [draft] = refusals.drafts_of(taken)
    assert draft.statement["reject.counts"] == {"undecodable": 5_000 - RECORDED_AT_ONCE}
    assert draft.statement["reject.sender"] == "key-1"
    assert draft.statement["reject.path"] == "/v1/logs"
    assert refusals.take() == {}


def test_a_flood_that_goes_on_gets_one_record_of_its_own_a_minute() -> None:
    clock = FakeClock()
    refusals = made(clock)
    assert recorded(refusals, "key-1", 100) == RECORDED_AT_ONCE
    for _ in range(5):
        clock.advance(REFILL_S)
        assert recorded(refusals, "key-1", 1_000) == 1
    clock.advance(REFILL_S * 1_000)
    assert recorded(refusals, "key-1", 100) == RECORDED_AT_ONCE


def test_what_is_remembered_of_senders_ends_with_time() -> None:
    clock = FakeClock()
    refusals = made(clock)
    for number in range(1_000):
        assert recorded(refusals, f"oidc-{number}", 1) == 1
    assert refusals.remembered == 1_000
    clock.advance(RECORDED_AT_ONCE * REFILL_S)
    assert recorded(refusals, "key-1", 1) == 1
    assert refusals.remembered == 1
