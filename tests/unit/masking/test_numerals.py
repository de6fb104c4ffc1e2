"""Numbers that stand alone: what is passed over at once is what the detectors find nothing in."""

import random

import pytest

from tallystick.masking import Masker, default_policy
from tallystick.masking.checksums import luhn_holds
from tallystick.masking.keys import PLAIN
from tallystick.masking.kinds import ALL
from tallystick.masking.mode import Mode
from tallystick.masking.numerals import may_tell

NUMBERS_OF_EACH_LENGTH = 3_000
BEGINNINGS = (
    *("", "4", "37", "36", "51", "2221", "62", "6011", "447", "44", "00", "0", "19", "20", "17"),
    *("756", "1", "2", "3", "5", "73", "4142", "85", "1985", "290285", "8501"),
)


def numbers(size: int) -> set[str]:
    """Make numbers of so many digits: some by chance, some that begin as personal ones do, half with a Luhn digit."""
    chance = random.Random(size)
    found: set[str] = set()
    for _ in range(NUMBERS_OF_EACH_LENGTH):
        begun = chance.choice(BEGINNINGS)[:size]
        digits = begun + "".join(chance.choices("0123456789", k=size - len(begun)))
        found.add(digits)
        found |= {digits[:-1] + one for one in "0123456789" if luhn_holds(digits[:-1] + one)}
    return found


@pytest.fixture(scope="module")
def watchful() -> Masker:
    """A masker that looks for everything, addresses of machines too."""
    policy = default_policy()
    for kind in ALL:
        policy = policy.with_mode(kind, Mode.REDACT)
    return Masker(policy)


@pytest.mark.parametrize("size", range(1, 24))
def test_what_is_passed_over_is_what_the_detectors_find_nothing_in(
    size: int, watchful: Masker, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [digits for digits in numbers(size) if not may_tell(digits)]
    assert bool(passed) is (size <= 19)
    at_once = [watchful.mask([digits, int(digits)]) for digits in passed]
    for place in ("texts", "walk"):
        monkeypatch.setattr(f"tallystick.masking.{place}.may_tell", lambda _digits: True)
    thorough = Masker(watchful.policy)
    assert [thorough.mask([digits, int(digits)]) for digits in passed] == at_once
    assert [one for one in at_once if one.hits] == []


@pytest.mark.parametrize(
    ("digits", "kind"),
    [
        ("4111111111111111", "card"),
        ("378282246310005", "card"),
        ("30569309025904", "card"),
        ("447700900123", "phone"),
        ("44051401359", "national_id"),
        ("7569217076985", "national_id"),
        ("185057800608491", "national_id"),
    ],
)
def test_a_number_that_tells_by_itself_is_masked_as_text_and_as_number(
    digits: str, kind: str, watchful: Masker
) -> None:
    assert may_tell(digits)
    assert watchful.mask([digits, int(digits)]).hits == {kind: 2}


def test_text_in_hexadecimal_digits_is_looked_at() -> None:
    assert may_tell(b"aa@bb.cc".hex())
    assert may_tell("6162406364676869")


def test_a_number_below_a_key_that_names_its_kind_is_masked(watchful: Masker) -> None:
    assert watchful.mask({"phone": 2079460018}).hits == {"phone": 1}
    assert PLAIN.kind is None
