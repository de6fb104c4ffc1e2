"""Printing a record: nothing unmasked gets into it, and no value is too large or too strange to be recorded."""

import json
from typing import Any

import orjson
import pytest

from tallystick.errors import RecordError
from tallystick.event import MAX_STATEMENT_BYTES, Draft, Record, parse_record
from tallystick.masking.rulesfile import parse_policy
from tallystick.masking.tokens import TokenKey
from tallystick.recording.masked import Masking
from tallystick.recording.payload import CUT
from tallystick.recording.printer import Printer
from tests.emitters import TOKEN_KEY, printer
from tests.requirements import requirement

EMAIL = "john.doe@example.com"
CARD = "4111 1111 1111 1111"
IDS = {"trace.id": "4111111111111111" * 2, "span.id": "4111111111111111"}


def show(draft: Draft) -> Record:
    """Print a draft, and read it back as strictly as a stranger would."""
    return parse_record(printer().print_record(draft, 7).body)


def disclosed(record: Record) -> dict[str, str]:
    return {one.field: one.value for one in record.disclosures}


@requirement("mask.before-writing")
def test_every_string_of_a_draft_is_masked() -> None:
    draft = Draft(
        "tool.completed",
        {
            "tool.name": f"mail {EMAIL}",
            "credential.scopes": ["read", CARD],
            "client.name": CARD,
        },
        {
            "params": {"to": EMAIL, EMAIL: [CARD]},
            "result": f"sent to {EMAIL}",
            "error.message": f"no such user {EMAIL}",
            "principal.id": EMAIL,
            "delegation": [{"sub": EMAIL}],
        },
        {"principal.ref": ("principal", EMAIL)},
    )
    body = show(draft).body
    for canary in (EMAIL, "john", CARD, "4111"):
        assert canary not in body


@requirement("mask.ledger")
def test_the_record_states_by_what_it_was_masked_and_how_often() -> None:
    draft = Draft("tool.completed", {"tool.name": EMAIL}, {"params": {"a": EMAIL, "b": EMAIL}})
    stated = show(draft).statement
    assert stated["mask.hits"] == {"params:email": 2, "tool.name:email": 1}
    assert stated["mask.key_id"] == TOKEN_KEY.key_id
    assert len(stated["mask.policy"]) == 64


@requirement("mask.ledger")
def test_the_rules_for_a_tool_are_kept_in_its_arguments_result_and_error_only() -> None:
    policy = parse_policy(
        '[[masking.rule]]\ntool = "crm_*"\npath = "$.tier"\nmode = "redact"\n'
        '[[masking.allow]]\ntool = "pay"\nfield = "*"\npaths = []\n'
    )
    masking = Masking.of(TOKEN_KEY, policy)

    def shown(tool: str) -> Record:
        values = {"params": {"tier": "gold"}, "error.message": "no", "principal.id": "u-1"}
        draft = Draft("tool.completed", {"tool.name": tool}, values)
        return Printer(masking, 10_000).print_record(draft, 7)

    crm, pay, other = shown("crm_find"), shown("pay"), shown("other")
    assert disclosed(crm)["params"] == '{"tier":"[person]"}'
    assert crm.statement["mask.hits"] == {"params:person": 1}
    assert disclosed(pay) == {
        "params": '"[withheld]"',
        "error.message": "[withheld]",
        "principal.id": "u-1",
    }
    assert disclosed(other)["params"] == '{"tier":"gold"}'
    assert {one.statement["mask.policy"] for one in (crm, pay, other)} == {policy.digest}


def test_a_record_in_which_nothing_was_masked_states_no_hits() -> None:
    assert "mask.hits" not in show(Draft("tool.completed", {"tool.name": "add"})).statement


def test_random_ids_are_never_masked_even_when_they_look_like_a_card() -> None:
    stated = show(Draft("tool.completed", IDS)).statement
    assert {name: stated[name] for name in IDS} == IDS


def test_an_id_of_another_shape_is_masked_like_any_text() -> None:
    stated = show(Draft("tool.completed", {"trace.id": CARD})).statement
    assert "4111" not in stated["trace.id"]


def test_a_receipts_digest_is_shown_as_it_was_made_and_the_record_that_a_peer_names_is_masked() -> (
    None
):
    digest, hidden = "4111111111111111" * 4, "+447911123456/ABCDEFGHIJKLMNOPQRSTUVWXYZabc="
    record = "WgwdrWAQvX9nd65zRLQeLWkxyl0bbPOfi8wuEiFZ42E="
    stated = show(Draft("tool.completed", {"receipt.digest": digest, "receipt.record": record}))
    assert stated.statement["receipt.digest"] == digest
    assert stated.statement["receipt.record"] == record
    smuggled = Draft("tool.completed", {"receipt.record": hidden, "receipt.digest": EMAIL})
    assert "+447911123456" not in show(smuggled).body
    assert EMAIL not in show(smuggled).body


def test_arguments_and_result_state_size_and_keyed_digest() -> None:
    stated = show(Draft("tool.completed", {}, {"params": {"a": 1}, "result": [1.5]})).statement
    assert (stated["params.size_bytes"], stated["result.size_bytes"]) == (7, 5)
    assert stated["params.digest"] == TOKEN_KEY.digest("params", b'{"a":1}')[:16].hex()
    assert stated["result.digest"] == TOKEN_KEY.digest("result", b'["1.5"]')[:16].hex()
    assert "params.truncated" not in stated


def test_a_token_is_the_keyed_digest_of_exactly_what_was_given() -> None:
    draft = Draft("tool.completed", {}, {}, {"credential.ref": ("credential", "s3cret")})
    expected = TOKEN_KEY.digest("credential", b"s3cret")[:16].hex()
    assert show(draft).statement["credential.ref"] == expected


def test_arguments_are_json_text_and_messages_are_text() -> None:
    draft = Draft(
        "tool.completed",
        {},
        {"params": "plain", "error.message": "plain", "attributes": {"a": None}},
    )
    assert disclosed(show(draft)) == {
        "params": '"plain"',
        "error.message": "plain",
        "attributes": '{"a":null}',
    }


def test_a_large_result_is_a_preview_that_says_so() -> None:
    rows = [{"id": n, "mail": EMAIL} for n in range(30_000)]
    record = show(Draft("tool.completed", {}, {"result": rows}))
    shown = json.loads(disclosed(record)["result"])
    assert record.statement["result.truncated"] is True
    assert record.statement["result.size_bytes"] > 1_000_000
    assert shown[-1] == f"{CUT} 30000 items in all"
    assert EMAIL not in record.body


def test_a_value_that_doubles_when_it_is_escaped_still_fits_its_line() -> None:
    for character in ('"', "\\", "\x01", "\U0001f600"):
        draft = Draft("tool.completed", {}, {"params": [f"{character} " * 20_000] * 4})
        show(draft)


def test_a_long_message_is_cut_to_what_masking_can_scan() -> None:
    record = show(Draft("tool.completed", {}, {"error.message": "word " * 100_000}))
    assert disclosed(record)["error.message"].endswith(CUT)


@requirement("mask.fails-closed")
def test_a_value_that_cannot_be_read_is_withheld_and_counted() -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

    record = show(
        Draft("tool.completed", {}, {"params": {"x": Hostile()}, "attributes": Hostile()})
    )
    assert "params.digest" not in record.statement
    assert "withheld" in disclosed(record)["attributes"]


@pytest.mark.parametrize(
    "value", ["\ud800", "x" * 100_000, "\U0001f600" * 50_000, '"' * 70_000, "\x00" * 70_000]
)
def test_no_text_from_outside_makes_a_call_unrecordable(value: str) -> None:
    names = ("tool.name", "client.name", "client.version", "conversation.id", "client.id")
    everything: dict[str, Any] = dict.fromkeys(names, value)
    record = show(Draft("tool.completed", {**everything, "credential.scopes": [value] * 5000}))
    assert len(record.line) <= MAX_STATEMENT_BYTES
    assert record.statement["credential.scopes"][-1] == CUT


@pytest.mark.parametrize("before", range(1010, 1024))
def test_a_long_name_is_not_cut_in_the_middle_of_what_masking_would_find(before: int) -> None:
    name = "x " * (before // 2) + EMAIL + " y" * 1000
    shown = show(Draft("tool.completed", {"tool.name": name})).statement["tool.name"]
    assert "john" not in shown
    assert shown.endswith(CUT)


def test_a_draft_outside_the_table_is_an_error() -> None:
    for wrong in ({"no.such.field": "x"}, {"params": "x"}, {"tool.read_only": "yes"}):
        with pytest.raises(RecordError):
            printer().print_record(Draft("tool.completed", wrong), 1)


def test_the_statement_of_a_draft_that_is_too_long_and_wrong_names_what_is_wrong() -> None:
    with pytest.raises(RecordError, match=r"no\.such\.field"):
        printer().print_record(Draft("tool.completed", {"no.such.field": "x" * 90_000}), 1)


def test_the_head_of_the_log_stands_in_every_record_from_then_on() -> None:
    made = printer()
    assert "log.size" not in made.print_record(Draft("tool.completed"), 1).statement
    made.head = {"log.origin": "o/t", "log.size": 3, "log.root": "cm9vdA=="}
    assert made.print_record(Draft("tool.completed"), 1).statement["log.size"] == 3


def test_another_token_key_is_in_force_from_then_on() -> None:
    made = printer()
    made.print_record(Draft("tool.completed", {"tool.name": "add"}), 1)
    made.masking = Masking.of(TokenKey("other", b"o" * 32))
    assert made.print_record(Draft("tool.completed"), 1).statement["mask.key_id"] == "other"


def test_a_payload_that_was_prepared_stands_in_each_record_as_it_was_then() -> None:
    made = printer()
    given = {"to": EMAIL, "copies": [CARD]}
    alone = made.print_record(Draft("tool.started", {}, {"params": dict(given)}), 1)
    prepared = made.prepare("params", given, "")
    given["to"] = "somebody else"
    for _ in range(2):
        record = made.print_record(Draft("tool.completed", {}, {"params": prepared}), 1)
        assert disclosed(record) == disclosed(alone)
        for name in ("params.digest", "params.size_bytes", "mask.hits"):
            assert record.statement[name] == alone.statement[name]


def test_a_payload_that_was_prepared_is_masked_anew_where_the_masking_has_changed() -> None:
    made = printer()
    prepared = made.prepare("params", {"to": EMAIL}, "")
    made.masking = Masking.of(TokenKey("other", b"o" * 32))
    expected = made.print_record(Draft("tool.completed", {}, {"params": {"to": EMAIL}}), 1)
    record = made.print_record(Draft("tool.completed", {}, {"params": prepared}), 1)
    assert disclosed(record) == disclosed(expected)
    assert "tok_other_" in disclosed(record)["params"]
    assert record.statement["params.digest"] == expected.statement["params.digest"]


def test_all_that_is_said_of_a_large_payload_is_said_of_one_moment() -> None:
    made = printer(max_value_bytes=64)
    given = {"rows": ["one"] * 10_000}
    prepared = made.prepare("params", given, "")
    given["rows"].append("two")
    expected = made.print_record(Draft("tool.completed", {}, {"params": given}), 1)
    record = made.print_record(Draft("tool.completed", {}, {"params": prepared}), 1)
    assert record.statement["params.truncated"] is True
    for name in ("params.digest", "params.size_bytes"):
        assert record.statement[name] == expected.statement[name]


def test_what_was_remembered_as_clean_stays_bounded() -> None:
    made = printer()
    for number in range(10_000):
        made.print_record(Draft("tool.completed", {"tool.call_id": f"call-{number}"}), 1)
    assert len(made.masking.clean) <= 4096


def test_a_name_is_shown_as_the_record_shows_it() -> None:
    made = printer()
    shown = made.print_record(Draft("tool.completed", {"tool.name": f"to {EMAIL}"}), 1)
    assert made.mask_text(f"to {EMAIL}") == shown.statement["tool.name"]
    assert made.mask_text("add") == made.mask_text("add") == "add"


def test_maps_and_lists_of_the_statement_are_masked() -> None:
    draft = Draft("session.heartbeat", {"session.size": 0, "instrumentation": {"mcp": EMAIL}})
    assert EMAIL not in show(draft).body


def test_without_a_token_key_nothing_is_digested() -> None:
    from tallystick.masking import Masker, default_policy

    policy = default_policy()
    bare = Printer(Masking(Masker(policy), policy.digest, "none"), 4096)
    with pytest.raises(RecordError, match="token key"):
        bare.print_record(Draft("tool.completed", {}, {"params": 1}), 1)


def test_a_printed_record_is_what_strict_json_readers_read() -> None:
    record = show(Draft("tool.completed", {"tool.name": "ü"}, {"params": {"ü": 1.5}}))
    assert orjson.loads(record.line)["tool.name"] == "ü"
