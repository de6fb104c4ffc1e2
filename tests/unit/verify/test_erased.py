"""Sets of erased values: one spelling, and authority only from two people and the service."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.errors import VerificationError
from tallystick.verify.authority import AuthorityRecord
from tallystick.verify.erased import Erased, parse_erased
from tallystick.verify.erasures import read_erasures
from tests.requirements import requirement

NUMBERS = st.integers(0, 2**53 - 1) | st.integers(0, 20)
PLACES = st.sets(st.tuples(NUMBERS, st.integers(0, 20)))
ERASED = Erased([4, 7, 8, 9], [(12, 0), (12, 1), (12, 5)])
ID = "1" * 32


@given(st.sets(NUMBERS), PLACES)
def test_a_set_reads_back_and_covers_what_is_in_it_and_nothing_else(
    events: set[int], places: set[tuple[int, int]]
) -> None:
    erased = Erased(events, places)
    again = parse_erased(erased.text)
    assert (again.text, again.digest, again.count) == (erased.text, erased.digest, erased.count)
    assert set(again.events()) == events
    assert set(again.spans()) == places
    for one in (*events, *(number + 1 for number in events)):
        assert again.covers(one) == (one in events)
    for index, position in places:
        assert again.covers_span(index, position)
        assert again.covers_span(index, position + 1) == ((index, position + 1) in places)


@pytest.mark.parametrize(
    "text",
    [
        *("", "4", "4,", ",4;", "4;;", "4;12", "4;12:", "4;12:0,", "x;", "-4;", "4-;"),
        *("04;", "7,4;", "4,5;", "4-4;", "9-7;", "4,4;", "4;12:1,12:0", "4;13:0,12:0"),
        *("4;12:0,12:1", f"{2**53};", "4; ", "4;12:0\n"),
    ],
)
def test_no_other_spelling_is_read(text: str) -> None:
    with pytest.raises(VerificationError):
        parse_erased(text)


def stated(log_index: int, type_: str, **fields: Any) -> AuthorityRecord:
    by = fields.pop("by", "account-a")
    statement = {
        "type": type_,
        "client.id": by,
        "principal.type": "human",
        "principal.basis": "authenticated",
        "request.id": ID,
        **{name.replace("__", "."): value for name, value in fields.items()},
    }
    return AuthorityRecord(log_index, log_index, statement)


def asked(digest: str = ERASED.digest, kind: str = "values") -> AuthorityRecord:
    return stated(
        20,
        "log.delete.requested",
        request__kind=kind,
        request__digest=digest,
        request__count=5,
        request__filter={},
        request__expires_us=1000,
    )


def confirmed(by: str = "account-b", at: int = 21) -> AuthorityRecord:
    return stated(
        at, "log.delete.confirmed", by=by, request__digest=ERASED.digest, request__holds=[]
    )


def said(at: int = 22, text: str = ERASED.text, part: int = 1, parts: int = 1) -> AuthorityRecord:
    return stated(
        at, "access.delete", erasure__values=text, erasure__part=part, erasure__parts=parts
    )


def texts(*records: AuthorityRecord) -> dict[int, str]:
    return {index: erased.text for index, erased in read_erasures(list(records)).items()}


@requirement("erasure.two-people")
def test_an_erasure_is_what_was_asked_confirmed_and_said_in_one_or_more_parts() -> None:
    assert texts(asked(), confirmed(), said()) == {22: ERASED.text}
    half = len(ERASED.text) // 2
    parts = [
        said(22 + n, text, n + 1, 2)
        for n, text in enumerate([ERASED.text[:half], ERASED.text[half:]])
    ]
    assert texts(asked(), confirmed(), *parts) == {23: ERASED.text}
    assert texts(asked(), confirmed(), *parts, *parts) == {23: ERASED.text}


@requirement("erasure.two-people")
@pytest.mark.parametrize(
    "records",
    [
        [said()],
        [asked(), said()],
        [asked(), confirmed("account-a"), said()],
        [asked("0" * 64), confirmed(), said()],
        [asked(kind="records"), confirmed(), said()],
        [asked(), confirmed(), said(text="4;")],
        [asked(), confirmed(), said(text="nonsense")],
        [asked(), confirmed(), said(part=1, parts=2)],
        [asked(), confirmed(), said(part=2, parts=1)],
        [said(19), asked(), confirmed()],
    ],
    ids=[
        *(
            "nobody",
            "unconfirmed",
            "alone",
            "other-digest",
            "other-kind",
            "other-values",
            "garbage",
        ),
        *("part-missing", "part-beyond", "before-it-was-confirmed"),
    ],
)
def test_nothing_else_gives_authority(records: list[AuthorityRecord]) -> None:
    assert texts(*records) == {}
