"""Deletions in a part of the log: the set that was confirmed is stated beside it, by whoever made the package."""

import hashlib

import pytest

from tallystick.verify.authority import AuthorityRecord
from tallystick.verify.deletions import check_deletions
from tallystick.verify.digest import Deleted, Digest
from tallystick.verify.source import Facts
from tests.requirements import requirement
from tests.unit.verify.test_authority import CONFIRMATION, REQUEST

SIZE = 9_000_000_000_000
ASKED, CONFIRMED = SIZE - 2, SIZE - 1


def said_of(stated: str, *deleted: int) -> str:
    """Return what the verifier says of entries that are gone, by a confirmation over a stated set."""
    digest = Digest("x", keep_notes=False)
    confirmed = {"request.digest": hashlib.sha256(stated.encode()).hexdigest()}
    digest.authority = [
        AuthorityRecord(ASKED, 10, {**REQUEST, **confirmed}),
        AuthorityRecord(CONFIRMED, 10, {**CONFIRMATION, **confirmed}),
    ]
    digest.deletions = {CONFIRMED: [Deleted(index, 0) for index in deleted]}
    part = Facts("package", "x", "x", "", SIZE, 5, SIZE)
    check_deletions(digest, part, [(CONFIRMED, stated)])
    return " ".join(one.message for one in digest.findings.listed if one.severity == "fault")


@requirement("retention.two-people")
def test_a_stated_set_of_any_length_is_held_against_without_being_written_out() -> None:
    everything = f"0-{ASKED - 1}"
    assert "which confirms" not in said_of(everything, 7, 9)
    assert "not stated" not in said_of(everything, 7, 9)
    assert "which confirms others" in said_of(f"8-{ASKED - 1}", 7, 9)


@requirement("retention.two-people")
@pytest.mark.parametrize("stated", ["9,7", "7-7", "7,8,9", "07-9", "7-9,", "٧-٩", "x"])
def test_a_set_in_another_spelling_is_none(stated: str) -> None:
    assert "is not stated" in said_of(stated, 7)
