"""Recall and precision on a seeded corpus of sixteen countries; see `tests.corpus`."""

import pytest

from tallystick.masking import Masked, Masker, Mode, Sitting, kinds
from tests.corpus.locales import LOCALES, TEN
from tests.corpus.score import (
    STRUCTURED,
    Score,
    Tally,
    canonical,
    cases,
    harmless_documents,
    is_leaked,
    readable,
    score,
)
from tests.corpus.values import Value
from tests.requirements import requirement
from tests.unit.masking.maskers import POLICY

pytestmark = requirement("mask.detectors-validate")

RECALL = PRECISION = 0.98
FALSE_HITS_PER_DOCUMENT = 0.002
SEED = 2611
MASKER = Masker(POLICY.with_mode(kinds.IP, Mode.REDACT))


@pytest.fixture(scope="module")
def found() -> Score:
    """Mask the corpus once."""
    return score(MASKER, cases(SEED, 20, tuple(LOCALES)), harmless_documents(SEED, 1500))


def below(tallies: dict[str, Tally]) -> dict[str, Tally]:
    return {
        name: one
        for name, one in tallies.items()
        if one.recall < RECALL or one.precision < PRECISION
    }


def test_of_each_type_98_in_100_values_are_masked_and_98_in_100_hits_are_right(
    found: Score,
) -> None:
    assert {*STRUCTURED} < {*found.by_type}
    assert below(found.by_type) == {}


def test_so_it_is_in_each_country(found: Score) -> None:
    assert {*TEN} < {*found.by_locale}
    assert below(found.by_locale) == {}


def test_over_all_structured_types_the_promise_holds_with_room(found: Score) -> None:
    total = found.over(STRUCTURED)
    assert total.values > 2000
    assert total.recall >= 0.99
    assert total.precision >= 0.99


def test_documents_without_personal_data_stay_as_they_are(found: Score) -> None:
    assert found.harmless == 1500
    assert found.false_in_harmless <= FALSE_HITS_PER_DOCUMENT * found.harmless


def test_the_corpus_is_the_same_each_time() -> None:
    first, again, other = (repr([*cases(seed, 2, ("DE",))]) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_measure_sees_a_leak_and_a_false_hit() -> None:
    assert canonical("07700 900123") in readable({"a": ["cGhvbmUgMDc3MDAgOTAwMTIz"]})
    assert canonical("jane@example.com") in readable("m=jane%2540example.com")
    assert is_leaked(Value("email", "jane@example.com", ("e",), "E"), {"a": "JANE@example.com"})

    class Blind(Masker):
        def mask(
            self,
            value: object,
            tool: str = "",
            field: str = "",
            sitting: Sitting | None = None,
        ) -> Masked:
            return Masked(str(value))

    class Zealous(Masker):
        def mask(
            self,
            value: object,
            tool: str = "",
            field: str = "",
            sitting: Sitting | None = None,
        ) -> Masked:
            return Masked("[email]", {"email": 2})

    blind = score(Blind(POLICY), cases(1, 3, ("FR",)))
    zealous = score(Zealous(POLICY), cases(1, 3, ("FR",)), [{"a": 1}])
    assert blind.over(STRUCTURED).recall < 0.1
    assert zealous.over(STRUCTURED).recall == 1
    assert zealous.over(STRUCTURED).precision < 0.5
