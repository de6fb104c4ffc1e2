"""Rules for places: by tool, field and path, in each mode; and allow-lists."""

import dataclasses
import json
from typing import Any

import pytest

from tallystick.errors import ConfigError
from tallystick.masking import Masker, Mode
from tallystick.masking.paths import parse_path
from tallystick.masking.policy import Limits
from tallystick.masking.rules import AllowList, FieldRule
from tests.requirements import requirement
from tests.unit.masking.maskers import KEY, POLICY

CUSTOMER = {"id": 7, "tier": "gold", "vip": True, "notes": {"text": "likes tea", "n": 12}}


def rule(path: str, mode: Mode, **how: str) -> FieldRule:
    return FieldRule(parse_path(path), mode, **how)


def masker(*rules: FieldRule) -> Masker:
    return Masker(dataclasses.replace(POLICY, rules=rules), KEY, "k1")


def allowing(*paths: str, **where: str) -> Masker:
    one = AllowList(tuple(map(parse_path, paths)), **where)
    return Masker(dataclasses.replace(POLICY, allow=(one,)))


def masked(value: object, *rules: FieldRule) -> Any:
    return masker(*rules).mask(value, "crm_find", "result").value


def test_each_mode_does_its_own_to_the_value_at_a_path() -> None:
    assert masked(CUSTOMER, rule("$.tier", Mode.REDACT))["tier"] == "[person]"
    assert masked(CUSTOMER, rule("$.tier", Mode.WITHHOLD))["tier"] == "[withheld]"
    assert masked(CUSTOMER, rule("$.tier", Mode.TOKEN))["tier"].startswith("[person:tok_k1_")
    assert masked({"ref": "AB-12345678"}, rule("$.ref", Mode.PARTIAL)) == {"ref": "[person:*5678]"}
    assert masked(CUSTOMER, rule("$.tier", Mode.TOKEN, kind="national_id"))["tier"].startswith(
        "[national_id:tok_k1_"
    )


def test_a_rule_covers_all_that_lies_below_its_path() -> None:
    assert masked(CUSTOMER, rule("$.notes", Mode.REDACT))["notes"] == {
        "text": "[person]",
        "n": "[person]",
    }
    assert masked(CUSTOMER, rule("$.vip", Mode.REDACT))["vip"] == "[person]"
    assert masked(CUSTOMER, rule("$", Mode.WITHHOLD)) == "[withheld]"


def test_a_rule_counts_for_its_tool_and_field_only() -> None:
    one = masker(rule("$.tier", Mode.REDACT, tool="crm_*", field="result"))
    assert one.mask(CUSTOMER, "crm_find", "result").value != CUSTOMER
    for tool, field in (("billing", "result"), ("crm_find", "params"), ("", "")):
        assert one.mask(CUSTOMER, tool, field).value == CUSTOMER


def test_the_first_rule_that_fits_counts() -> None:
    first, second = rule("$..text", Mode.REDACT), rule("$.notes.text", Mode.WITHHOLD)
    assert masked(CUSTOMER, first, second)["notes"]["text"] == "[person]"
    assert masked(CUSTOMER, second, first)["notes"]["text"] == "[withheld]"


def test_a_path_goes_through_json_that_stands_as_text() -> None:
    inner = json.dumps({"customer": CUSTOMER})
    value = {"content": [{"type": "text", "text": inner}], "raw": inner.encode()}
    path = "$.content[*].text.customer.tier"
    shown = masked(value, rule(path, Mode.REDACT), rule("$.raw..tier", Mode.REDACT))
    assert json.loads(shown["content"][0]["text"])["customer"]["tier"] == "[person]"
    assert json.loads(shown["raw"])["customer"]["tier"] == "[person]"


@requirement("mask.fails-closed")
def test_json_that_was_cut_is_withheld_where_a_rule_would_look_inside() -> None:
    value = {"text": '{"customer": {"tier": "gold", "no [cut]', "other": "plain"}
    one = rule("$.text.customer.tier", Mode.REDACT)
    assert masked(value, one) == {"text": "[withheld]", "other": "plain"}
    assert masked({"text": "plain words"}, one) == {"text": "plain words"}


def test_what_is_kept_stays_as_it_is_and_is_counted() -> None:
    one = rule("$.contact", Mode.KEEP, reason="public address of a shop")
    value = {"contact": "shop@example.com", "x": "jane@example.com"}
    result = masker(one).mask(value, "t", "result")
    shown: Any = result.value
    assert shown["contact"] == "shop@example.com"
    assert "jane" not in shown["x"]
    assert result.hits == {"kept": 1, "email": 1}


def test_a_secret_is_kept_by_no_rule_that_does_not_say_so() -> None:
    secret = "ghp_c4naryc4naryc4naryc4naryc4naryc4nar"
    value = {"config": {"token": "abcdefgh1", "note": f"use {secret}"}, "password": "hunter22"}
    rules = (rule("$.config", Mode.KEEP, reason="r"), rule("$.password", Mode.KEEP, reason="r"))
    shown = masked(value, *rules)
    assert shown == {
        "config": {"token": "[secret]", "note": "use [secret]"},
        "password": "[secret]",
    }
    own = rule("$.password", Mode.KEEP, reason="r", kind="secret")
    assert masked(value, own)["password"] == "hunter22"


def test_of_an_allow_listed_tool_only_the_listed_is_shown() -> None:
    one = allowing("$.status", "$.items[*].sku", tool="pay_*")
    value = {
        "status": "sent to jane@example.com",
        "items": [{"sku": "A-1", "to": "Jane"}, 5],
        "customer": {"name": "Jane", "tier": [1, 2]},
        "n": 3,
    }
    assert one.mask(value, "pay_now", "result").value == {
        "status": "sent to [email]",
        "items": [{"sku": "A-1", "to": "[withheld]"}, "[withheld]"],
        "customer": "[withheld]",
        "n": "[withheld]",
    }
    assert one.mask("some text", "pay_now", "params").value == "[withheld]"
    assert one.mask({"n": 3}, "other", "result").value == {"n": 3}


def test_an_allow_list_sees_through_json_in_a_text() -> None:
    one = allowing("$.content[*].text.status")
    text = json.dumps({"status": "ok", "secret_plan": "x"})
    shown: Any = one.mask({"content": [{"type": "text", "text": text}]}, "t", "result").value
    assert shown == {
        "content": [{"type": "[withheld]", "text": '{"status": "ok", "secret_plan": "[withheld]"}'}]
    }


def test_an_allow_list_without_paths_shows_nothing() -> None:
    assert allowing().mask({"a": 1}, "t", "params").value == "[withheld]"


@requirement("mask.fails-closed")
def test_a_value_that_the_rules_cannot_go_through_is_withheld() -> None:
    ring: dict[str, Any] = {}
    ring["a"] = ring
    wide = {"rows": [[0] * 100 for _ in range(100)]}
    limits = dataclasses.replace(
        POLICY, rules=(rule("$..x", Mode.REDACT),), limits=Limits(nodes=99)
    )
    assert masked(ring, rule("$..x", Mode.REDACT)) == "[withheld]"
    assert Masker(limits).mask(wide, "t", "result").value == "[withheld]"


def test_masking_what_rules_have_masked_changes_nothing() -> None:
    one = masker(rule("$.tier", Mode.REDACT), rule("$.notes", Mode.WITHHOLD))
    once = one.mask(CUSTOMER, "t", "result").value
    assert one.mask(once, "t", "result").value == once


@requirement("mask.ledger")
def test_every_rule_is_part_of_the_digest() -> None:
    rules = (
        rule("$.a", Mode.REDACT),
        rule("$.b", Mode.REDACT),
        rule("$.a", Mode.TOKEN),
        rule("$.a", Mode.REDACT, tool="t"),
        rule("$.a", Mode.REDACT, field="params"),
        rule("$.a", Mode.REDACT, kind="email"),
        rule("$.a", Mode.KEEP, reason="one"),
        rule("$.a", Mode.KEEP, reason="other"),
    )
    policies = [POLICY, *(dataclasses.replace(POLICY, rules=(one,)) for one in rules)]
    policies.append(dataclasses.replace(POLICY, allow=(AllowList((parse_path("$.a"),)),)))
    policies.append(dataclasses.replace(POLICY, allow=(AllowList((parse_path("$.a"),), "t"),)))
    assert len({policy.digest for policy in policies}) == len(policies)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (rule("$.a", Mode.KEEP), "without a reason"),
        (rule("$.a", Mode.TOKEN, kind="secret"), "use redact"),
        (rule("$.a", Mode.REDACT, kind="colour"), "kind one of"),
        (rule("$.a", Mode.REDACT, field="headers"), "field is one of"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(wrong: FieldRule, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        masker(wrong)
