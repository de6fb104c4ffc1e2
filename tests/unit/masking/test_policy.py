"""The policy: every kind has a mode, and a digest names it all."""

import dataclasses

import pytest

from tallystick.errors import ConfigError
from tallystick.masking import Masker, MaskPolicy, Mode, default_policy, kinds
from tallystick.masking.policy import Limits, Treatment
from tests.unit.masking.maskers import KEY, POLICY

CARD = "4111 1111 1111 1111"


def masked(kind: str, mode: Mode, value: object, reason: str = "") -> object:
    return Masker(POLICY.with_mode(kind, mode, reason), KEY, "k1").mask(value).value


def test_the_default_policy_names_every_kind_and_keeps_only_network_addresses() -> None:
    assert [kind for kind, _ in POLICY.treatments] == list(kinds.ALL)
    kept = [kind for kind, how in POLICY.treatments if how.mode is Mode.KEEP]
    assert kept == [kinds.IP]
    assert POLICY.mode(kinds.SECRET) is Mode.REDACT


def test_equal_policies_have_one_digest_and_any_change_another() -> None:
    digests = {
        POLICY.digest,
        POLICY.with_mode(kinds.CARD, Mode.PARTIAL).digest,
        POLICY.with_mode(kinds.CARD, Mode.KEEP, "test data").digest,
        POLICY.with_mode(kinds.CARD, Mode.KEEP, "another reason").digest,
        dataclasses.replace(POLICY, limits=Limits(depth=8)).digest,
        dataclasses.replace(POLICY, rules_version="0").digest,
    }
    assert len(digests) == 6
    assert default_policy().digest == POLICY.digest
    assert len(POLICY.digest) == 64


def test_each_mode_leaves_its_own_marker() -> None:
    assert masked(kinds.CARD, Mode.REDACT, f"pay {CARD} now") == "pay [card] now"
    assert masked(kinds.CARD, Mode.PARTIAL, f"pay {CARD} now") == "pay [card:*1111] now"
    assert masked(kinds.CARD, Mode.WITHHOLD, f"pay {CARD} now") == "[withheld]"
    assert masked(kinds.CARD, Mode.KEEP, f"pay {CARD} now", "test") == f"pay {CARD} now"
    assert str(masked(kinds.CARD, Mode.TOKEN, f"pay {CARD} now")).startswith("pay [card:tok_k1_")


def test_withholding_one_kind_takes_the_whole_text_and_counts_the_kind() -> None:
    masker = Masker(POLICY.with_mode(kinds.CARD, Mode.WITHHOLD), KEY, "k1")
    result = masker.mask({"a": f"jane@example.com pays {CARD}", "b": "plain text"})
    assert result.value == {"a": "[withheld]", "b": "plain text"}
    assert result.hits == {"card": 1, "email": 1}


def test_partial_shows_nothing_of_short_values() -> None:
    assert masked(kinds.PERSON, Mode.PARTIAL, {"surname": "Doe"}) == {"surname": "[person]"}
    assert masked(kinds.PERSON, Mode.PARTIAL, {"surname": "Böhm-Lüdenscheid"}) == {
        "surname": "[person]"
    }


def test_keeping_secrets_keeps_their_values_but_still_masks_other_data_in_them() -> None:
    kept = masked(kinds.SECRET, Mode.KEEP, {"token": "abc jane@example.com"}, "closed test system")
    assert str(kept).startswith("{'token': 'abc [email:tok_")


def test_a_mode_survives_masking_twice() -> None:
    for mode in (Mode.REDACT, Mode.PARTIAL, Mode.WITHHOLD, Mode.TOKEN):
        once = masked(kinds.PHONE, mode, {"phone": "07700 900123", "note": "call 07700 900123 now"})
        assert masked(kinds.PHONE, mode, once) == once


@pytest.mark.parametrize(
    ("kind", "how", "complaint"),
    [
        (kinds.CARD, Treatment(Mode.KEEP), "without a reason"),
        (kinds.CARD, Treatment(Mode.KEEP, "  "), "without a reason"),
        (kinds.SECRET, Treatment(Mode.TOKEN), "use redact"),
        (kinds.SECRET, Treatment(Mode.PARTIAL), "use redact"),
        ("colour", Treatment(Mode.REDACT), "names each kind once"),
    ],
)
def test_a_policy_that_would_show_too_much_is_refused(
    kind: str, how: Treatment, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        POLICY.with_mode(kind, how.mode, how.reason)


def test_a_policy_that_forgets_a_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match="names each kind once"):
        MaskPolicy(POLICY.treatments[1:])
