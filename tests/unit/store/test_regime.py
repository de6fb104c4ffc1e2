"""The law as data: dates, provisions and checks stand in one file, and a wrong one makes no report."""

import pytest
import yaml

from tallystick.errors import ConfigError, StoreError
from tallystick_store.evidence.regime import GATE, REGIMES, load_regime, parse_regime
from tests.requirements import requirement

pytestmark = requirement("export.law-is-data")

ACT = load_regime("eu-ai-act")
DEFERRED = {provision.id for provision in ACT.provisions if provision.annex_iii}


def test_the_text_is_pinned_to_the_consolidated_version_and_to_the_regulation_that_moved_dates() -> (
    None
):
    celex = [one["celex"] for one in ACT.instruments]
    assert celex == ["32024R1689", "02024R1689-20260727", "32026R1744"]


def test_chapter_iii_sections_1_to_3_apply_from_the_deferred_dates() -> None:
    assert {(p.annex_iii, p.annex_i) for p in ACT.provisions if p.id in DEFERRED} == {
        ("2027-12-02", "2028-08-02")
    }
    numbers = {int(name.split("(")[0].split()[0]) for name in DEFERRED}
    assert numbers == {11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 26, 27}
    others = {p.id: p.applies_from for p in ACT.provisions if p.id not in DEFERRED}
    assert others == dict.fromkeys(("49", "50", "72", "73", "86"), "2026-08-02")


def test_every_provision_says_what_logs_do_not_show_and_every_check_what_it_does_not() -> None:
    assert all(provision.not_by_logs and provision.actor for provision in ACT.provisions)
    assert all(check.limits and check.supports_when for check in ACT.checks)
    assert {check.id for check in ACT.checks} >= set(GATE)


def test_no_sentence_of_ours_passes_judgement() -> None:
    for word in ("complian", "certif", "ensure", "guarantee"):
        assert word not in ACT.text.lower()


def test_an_unknown_regime_is_named() -> None:
    with pytest.raises(ConfigError, match="no regime 'gdpr': expected one of eu-ai-act"):
        load_regime("gdpr")
    assert REGIMES == ("eu-ai-act",)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda r: r.pop("checks"), "checks"),
        (lambda r: r["checks"][0].update(provisions=["12(4)"]), "INT-1 is wrong in: provisions"),
        (lambda r: r["checks"][0].update(best="compliant"), "INT-1 is wrong in: state"),
        (lambda r: r["checks"][0].update(sql=""), "either sql or a fixed state"),
        (lambda r: r["checks"][0].update(best="partial"), "INT-1 is wrong in: because"),
        (lambda r: r["checks"][0].update(score=3), "unknown keys"),
        (lambda r: r["checks"][0].update(basis="counts"), "INT-1 is wrong in: basis"),
        (lambda r: r["checks"].append(r["checks"][0]), "a name stands twice"),
        (lambda r: r["checks"].pop(0), "needs the checks INT-1"),
        (lambda r: r["provisions"][0].pop("annex_i"), "needs one date, or one for each annex"),
        (lambda r: r["provisions"][0].update(annex_i="soon"), "'soon' is no date"),
        (lambda r: r.update(stand="today"), "'today' is no date"),
    ],
)
def test_a_wrong_regime_is_refused(edit, message: str) -> None:  # type: ignore[no-untyped-def]
    regime = yaml.safe_load(ACT.text)
    edit(regime)
    with pytest.raises(StoreError, match=message):
        parse_regime(yaml.safe_dump(regime))


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(StoreError, match="not in its form"):
        parse_regime("a: [")
