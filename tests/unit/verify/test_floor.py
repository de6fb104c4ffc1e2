"""Exceptions from the floor as records state them: one form, and a digest over all of it."""

from typing import Any

import pytest

from tallystick.calendar_span import parse_duration
from tallystick.verify.authority import Authority, AuthorityRecord
from tallystick.verify.floor import FloorException, exception_fault, read_exception
from tests.requirements import requirement

PERSON = {"principal.type": "human", "principal.basis": "authenticated"}
EXCEPTION = FloorException(parse_duration("P1M"), 1_000, "calls")
UTC_DAY_US = 86_400_000_000


def records(exception: FloorException = EXCEPTION) -> list[dict[str, Any]]:
    return [
        {
            "type": "log.delete.requested",
            "request.id": "r",
            "request.kind": "policy",
            "request.filter": exception.stated,
            "request.digest": exception.digest,
            "request.count": 0,
            "request.expires_us": 2_000,
            "client.id": "anna",
            **PERSON,
        },
        {
            "type": "log.delete.confirmed",
            "request.id": "r",
            "request.digest": exception.digest,
            "request.holds": [],
            "client.id": "bert",
            **PERSON,
        },
    ]


WITHDRAWN = {"type": "log.delete.withdrawn", "request.id": "r", "client.id": "anna", **PERSON}


def read(*statements: dict[str, Any]) -> Authority:
    return Authority.of(
        AuthorityRecord(index, 10, statement) for index, statement in enumerate(statements)
    )


@pytest.mark.parametrize("class_name", ["calls", None, ""])
def test_an_exception_is_read_as_it_was_stated(class_name: str | None) -> None:
    exception = FloorException(parse_duration("P1Y2M3D"), 7, class_name)
    assert read_exception(exception.stated) == exception
    assert exception_fault(exception.stated, exception.digest) is None


@requirement("retention.exception")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"keep": "P2M"}, "digest"),
        ({"until_us": "1001"}, "digest"),
        ({"class": "others"}, "digest"),
        ({"keep": "P4W"}, "something else"),
        ({"keep": "P0D"}, "length"),
        ({"keep": 1}, "duration"),
        ({"until_us": "01000"}, "something else"),
        ({"until_us": 1000}, "moment"),
        ({"until_us": "9" * 17}, "moment"),
        ({"until_us": "-5"}, "moment"),
        ({"tool": "*"}, "something else"),
        ({"class": 5}, "digest"),
    ],
)
def test_what_states_no_exception_gives_none(changed: dict[str, Any], why: str) -> None:
    stated = {**EXCEPTION.stated, **changed}
    fault = exception_fault(stated, EXCEPTION.digest)
    assert fault is not None
    assert why in fault
    request, confirmation = records()
    authority = read({**request, "request.filter": stated}, confirmation)
    assert sorted(authority.without_effect) == [0, 1]
    assert authority.exceptions_in_force(5, 10, "calls") == []


@requirement("retention.exception")
@pytest.mark.parametrize(
    ("log_index", "rx_us", "class_name", "is_in_force"),
    [
        (2, 999, "calls", True),
        (1, 999, "calls", False),
        (2, 1_000, "calls", False),
        (2, 999, "others", False),
        (2, 999, None, False),
    ],
)
def test_when_and_for_what_an_exception_is_in_force(
    log_index: int, rx_us: int, class_name: str | None, *, is_in_force: bool
) -> None:
    found = read(*records()).exceptions_in_force(log_index, rx_us, class_name)
    assert bool(found) == is_in_force


def test_what_was_withdrawn_before_its_confirmation_is_never_in_force() -> None:
    request, confirmation = records()
    authority = read(request, WITHDRAWN, confirmation)
    assert 2 in authority.without_effect
    assert authority.exceptions_in_force(9, 10, "calls") == []


def test_an_exception_that_was_revoked_counts_for_what_was_confirmed_before() -> None:
    authority = read(*records(), WITHDRAWN)
    assert authority.exceptions_in_force(2, 10, "calls")
    assert authority.exceptions_in_force(3, 10, "calls") == []
    assert 3 in read(*records(), WITHDRAWN, WITHDRAWN).without_effect


def test_an_exception_for_more_than_six_months_changes_nothing() -> None:
    longer = FloorException(parse_duration("P2Y"), 2**52)
    now_us = 400 * UTC_DAY_US
    honest = Authority().floor_cut_us(9, now_us, "calls")
    assert read(*records(longer)).floor_cut_us(9, now_us, "calls") == honest
    shorter = FloorException(parse_duration("P1D"), 2**52)
    assert read(*records(shorter)).floor_cut_us(9, now_us, None) == 398 * UTC_DAY_US + UTC_DAY_US
