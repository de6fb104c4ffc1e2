"""The rules by which records of the log give authority, on records that no honest service writes."""

from typing import Any

import pytest

from tallystick.verify.authority import Authority, AuthorityRecord, index_digest, index_ranges
from tests.requirements import requirement

PERSON = {"principal.type": "human", "principal.basis": "authenticated"}
DIGEST = index_digest([3])
REQUEST: dict[str, Any] = {
    "type": "log.delete.requested",
    "request.id": "r",
    "request.kind": "records",
    "request.filter": {},
    "request.digest": DIGEST,
    "request.count": 1,
    "request.expires_us": 1_000,
    "client.id": "anna",
    **PERSON,
}
CONFIRMATION: dict[str, Any] = {
    "type": "log.delete.confirmed",
    "request.id": "r",
    "request.digest": DIGEST,
    "request.holds": [],
    "client.id": "bert",
    **PERSON,
}
HOLD: dict[str, Any] = {
    "type": "log.hold",
    "hold.id": "h",
    "hold.filter": {},
    "client.id": "anna",
    **PERSON,
}
RELEASE: dict[str, Any] = {
    "type": "log.release",
    "hold.id": "h",
    "client.id": "bert",
    "roles": [],
    **PERSON,
}


def read(*statements: dict[str, Any], at_us: int = 10) -> Authority:
    return Authority.of(
        AuthorityRecord(index, at_us, statement) for index, statement in enumerate(statements)
    )


def test_an_honest_pair_counts() -> None:
    authority = read(REQUEST, CONFIRMATION)
    assert list(authority.confirmed) == [1]
    assert not authority.without_effect


@requirement("retention.two-people")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"client.id": "anna"}, "another person"),
        ({"request.digest": index_digest([4])}, "another digest"),
        ({"request.id": "s"}, "no such request"),
        ({"principal.type": "service"}, "only a person"),
        ({"principal.basis": "asserted"}, "only a person"),
        ({"request.holds": ["h"]}, "every hold"),
        ({"request.holds": None}, "another type"),
    ],
)
def test_a_confirmation_that_breaks_a_rule_has_no_effect(changed: dict[str, Any], why: str) -> None:
    authority = read(REQUEST, {**CONFIRMATION, **changed})
    assert not authority.confirmed
    assert why in authority.without_effect[1]


def test_a_confirmation_counts_up_to_the_microsecond_before_the_end() -> None:
    assert read(REQUEST, CONFIRMATION, at_us=999).confirmed
    assert "expired" in read(REQUEST, CONFIRMATION, at_us=1_000).without_effect[1]


def test_order_counts_and_only_the_first_counts() -> None:
    assert not read(CONFIRMATION, REQUEST).confirmed
    twice = read(REQUEST, CONFIRMATION, {**CONFIRMATION, "client.id": "carl"})
    assert list(twice.confirmed) == [1]
    assert "confirmed" in twice.without_effect[2]
    withdrawn = {"type": "log.delete.withdrawn", "request.id": "r", "client.id": "bert"}
    assert not read(REQUEST, withdrawn, CONFIRMATION).confirmed


def test_a_confirmation_names_every_hold_in_force() -> None:
    assert not read(REQUEST, HOLD, CONFIRMATION).confirmed
    assert read(REQUEST, HOLD, {**CONFIRMATION, "request.holds": ["h"]}).confirmed
    assert read(REQUEST, HOLD, RELEASE, CONFIRMATION).confirmed


@requirement("retention.hold")
@pytest.mark.parametrize(
    ("changed", "is_released"),
    [
        ({}, True),
        ({"client.id": "anna"}, False),
        ({"client.id": "anna", "roles": ["admin"]}, True),
        ({"principal.type": "service"}, False),
        ({"hold.id": "other"}, False),
    ],
)
def test_who_may_release_a_hold(changed: dict[str, Any], *, is_released: bool) -> None:
    authority = read(HOLD, {**RELEASE, **changed})
    assert (authority.holds["h"].released_index is not None) == is_released
    assert (1 in authority.without_effect) != is_released


@pytest.mark.parametrize(
    ("indexes", "printed"),
    [([], ""), ([4], "4"), ([9, 7, 4, 8, 8], "4,7-9"), ([0, 1, 2], "0-2"), ([0, 2, 4], "0,2,4")],
)
def test_a_set_of_indexes_has_one_form(indexes: list[int], printed: str) -> None:
    assert index_ranges(indexes) == printed
