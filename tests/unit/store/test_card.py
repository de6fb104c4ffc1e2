"""The system card: strict YAML whose errors name line and field; nothing in it is ever run."""

from pathlib import Path

import pytest

from tallystick_store.evidence.card import (
    CARD,
    EMPTY_CARD,
    MAX_CARD_BYTES,
    CardError,
    mandatory_fields,
    parse_card,
)
from tallystick_store.evidence.parameters import pinned_keys, require_known_checks
from tallystick_store.evidence.regime import load_regime
from tests.keys import key_pair
from tests.requirements import requirement

pytestmark = requirement("export.card")


@pytest.mark.parametrize("text", ["", "\n", "# only a remark\n", "{}", "identity:\n", "~"])
def test_an_empty_card_is_a_card(text: str) -> None:
    assert parse_card(text).values == {}


def test_values_stay_as_they_are_written() -> None:
    card = parse_card(
        "identity: {version: 1.10, environments: [production, 2]}\n"
        "inventory:\n  agents:\n    - {name: planner, dormant: true}\n    - name: no\n"
        "logging:\n  retention:\n    - {class: skeleton, duration: P12M}\n"
    )
    assert card.get("identity.version") == "1.10"
    assert card.get("identity.environments") == ["production", "2"]
    assert card.get("inventory.agents") == [{"name": "planner", "dormant": True}, {"name": "no"}]
    assert card.texts("inventory.agents") == ["planner", "no"]
    assert card.get("logging.retention") == [{"class": "skeleton", "duration": "P12M"}]
    assert (card.get("identity.name"), card.get("purpose")) == (None, None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("identity:\n  nme: x", "line 2: identity: expected one of system_id"),
        ("identiti:\n  name: x", "line 1: the system card: expected one of identity"),
        ("identity:\n  name: [a]", "line 2: identity.name: expected a text, got a list"),
        ("identity: x", "line 1: identity: expected a mapping of fields, got 'x'"),
        ("- identity", "line 1: the system card: expected a mapping of fields, got a list"),
        ("identity:\n  name: a\n  name: b", "line 3: identity.name: expected a field once"),
        ("classification: {date: 2026-02-30}", "expected a date such as 2026-12-31, got '2026-02"),
        ("classification: {class: risky}", "classification.class: expected one of prohibited"),
        ("oversight: {drill_interval: 3 months}", "an ISO 8601 duration such as P6M"),
        ("oversight: {drill_interval: P}", "an ISO 8601 duration such as P6M"),
        ("inventory: {agents: [{version: 1}]}", r"inventory.agents\[1\]: expected the field name"),
        ("inventory: {agents: [{name: a, dormant: 1}]}", "expected true or false, got '1'"),
        ("inventory: {agents: a}", "inventory.agents: expected a list, got 'a'"),
        ("identity: {environments: [a, ~]}", "identity.environments: expected a value in each"),
        ("logging: {log_key: abc}", "logging.log_key: expected a verification key"),
        ("identity: {name: !!python/object:os.system ls}", "identity.name: expected a text"),
        ("identity: {name: !secret x}", "identity.name: expected a text without a tag"),
        ("identity: &a {name: x}", "line 1: anchors and aliases are not used in a card"),
        ("identity: {name: *a}", "line 1: anchors and aliases are not used in a card"),
        ("--- a\n--- b", "line 2: but found another document"),
        ("identity:\n\tname: x", "line 2: found character"),
        ("identity: {name: 'a", "the system card, line 1"),
        ("identity: {name: a\x00}", "special characters are not allowed"),
        ("[" * 50_000, "the system card"),
        (f"identity: {{name: {'x' * 9000}}}", "at most 8192 characters, got 9000"),
        ("#" * (MAX_CARD_BYTES + 1), "too large: expected at most 131072 bytes"),
    ],
)
def test_anything_else_is_refused_with_line_and_field(text: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        parse_card(text)


def test_a_refusal_repeats_no_text_that_acts_on_a_terminal() -> None:
    with pytest.raises(CardError) as refused:
        parse_card("identity: {'\u202e\u200bname': x}")
    assert str(refused.value).isascii()


def test_a_card_of_every_field_is_complete() -> None:
    example = Path(__file__).resolve().parents[3] / "examples" / "system-card.yaml"
    card = parse_card(example.read_text(encoding="utf-8"))
    assert [path for path in mandatory_fields() if card.get(path) is None] == []
    assert list(card.values) == list(CARD)
    require_known_checks(card, load_regime("eu-ai-act"))


def test_keys_are_pinned_by_a_card_that_names_the_logs() -> None:
    log, emitter = key_pair("log.example/tenant").key, key_pair("emitter.example/agent").key
    card = parse_card(f"logging:\n  log_key: {log.vkey}\n  emitter_keys: [{emitter.vkey}]\n")
    policy = pinned_keys(card)
    assert policy is not None
    assert (policy.log, policy.emitters) == (log, (emitter,))
    assert pinned_keys(EMPTY_CARD) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "open_inputs: {checks: [{check: EUAIA-1, owner: x}]}",
            "the id of a check of eu-ai-act, got 'EUAIA-1'",
        ),
        (
            "not_applicable: {checks: [{check: INT-1, reason: r, person: p, date: 2026-01-01}]}",
            "INT-1 always applies",
        ),
    ],
)
def test_a_card_speaks_of_checks_that_exist_and_not_of_integrity(text: str, message: str) -> None:
    with pytest.raises(CardError, match=message):
        require_known_checks(parse_card(text), load_regime("eu-ai-act"))
