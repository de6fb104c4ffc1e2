"""What the detail pane says about a row, as blocks of the panel."""

import json
from typing import Any

import pytest

from tallystick.blob import BlobAbsence, BlobRef, print_absence, print_blob
from tallystick_dashboard import amounts
from tallystick_dashboard.blocks import MAX_CODE_CHARS, code, pretty
from tallystick_dashboard.trace.facts import (
    call_blocks,
    identity_blocks,
    masking_blocks,
    other_sides,
    policy_blocks,
    span_blocks,
)
from tallystick_dashboard.trace.head import head_blocks
from tallystick_dashboard.trace.model import Trace, read_trace
from tallystick_dashboard.trace.record import NOT_KEPT, Action, view_of
from tallystick_dashboard.trace.stages import call_of, cards_of, name_of_call
from tests.builder import Log, Session
from tests.requirements import requirement
from tests.unit.dashboard.traces import START_US, TRACE, answer, call, called, event, span


def action(
    disclosures: dict[str, str] | None = None, absent: object = None, **stated: Any
) -> Action:
    record = Session(Log()).record("tool.completed", disclosures, **stated)
    event = {
        "log_index": 3,
        "line": record.line.decode(),
        "disclosures": [one.line for one in record.disclosures],
        "sealing": "sealed",
        "absent": absent,
    }
    return Action((view_of(event),))


def rows(blocks: list[dict[str, Any]]) -> dict[str, str]:
    """Labels and values of all facts, each value followed by its hint."""
    return {
        one["label"]: f"{one['value']} {one['hint']}".strip()
        for block in blocks
        if block["type"] == "facts"
        for one in block["rows"]
    }


def listings(blocks: list[dict[str, Any]]) -> dict[str, str]:
    return {block["title"]: block["text"] for block in blocks if block["type"] == "code"}


def one_call(**stated: Any) -> Trace:
    return read_trace(TRACE, answer([call(1, "a", "s1", **stated)], [], [called("a")]))


def test_arguments_and_result_are_shown_masked_with_their_size_before() -> None:
    shown = action(
        {"params": '{"email":"[email:tok_1]"}', "result": "plain"},
        params__size_bytes=2_048,
        outcome="success",
    )
    found = listings(call_blocks(one_call().rows[0], shown))
    assert json.loads(found["Arguments, masked · 2.05 kB before masking"]) == {
        "email": "[email:tok_1]"
    }
    assert found["Result, masked"] == "plain"


def test_how_a_call_ended_comes_before_its_values_and_its_ids_come_last() -> None:
    row = one_call(type="tool.denied").rows[0]
    shown = action(
        {"params": "{}", "decision.reason": "no scope"},
        outcome="denied",
        decision__effect="deny",
        decision__rule="customers:delete",
        mcp__transport="http",
    )
    first, values, _, last = call_blocks(row, shown)
    assert [one["label"] for one in first["rows"]] == [
        *("outcome", "rule", "reason", "started", "took", "two ends")
    ]
    assert first["rows"][0]["tone"] == "bad"
    assert (values["type"], last["title"]) == ("code", "Of the record")


@pytest.mark.parametrize(("state", "tone"), [("agreed", ""), ("differs", "bad")])
def test_the_two_ends_of_a_call_are_told_and_red_where_they_differ(state: str, tone: str) -> None:
    ends = [called("a", state=state, told="how: why")]
    [row] = read_trace(TRACE, answer([call(1, "a", "s1")], [], ends)).rows
    found = {one["label"]: one for one in call_blocks(row, action())[0]["rows"]}
    assert (found["two ends"]["value"], found["two ends"]["tone"]) == ("how: why", tone)


def test_a_value_that_is_withheld_is_told_from_one_that_was_never_stated() -> None:
    blocks = call_blocks(one_call().rows[0], action(params__size_bytes=7))
    told = {block["title"]: block["rows"][0]["value"] for block in blocks if block["title"]}
    assert told["Arguments, masked"] == "7 bytes, withheld or erased"
    assert told["Result, masked"] == "not stated by this record"
    assert not listings(blocks)


def test_a_value_too_long_for_a_page_is_cut_and_says_by_how_much() -> None:
    [block] = code("Result", "x" * (MAX_CODE_CHARS + 1_234))
    assert len(block["text"]) == MAX_CODE_CHARS
    assert block["rest"] == "1,234 more characters are not shown here"


def test_json_is_indented_and_other_text_is_itself() -> None:
    assert pretty('{"a":1}') == '{\n  "a": 1\n}'
    assert pretty("{oops") == "{oops"


@requirement("record.three-identities")
def test_the_three_identities_come_with_their_bases_and_the_chain() -> None:
    found = rows(
        identity_blocks(
            action(
                {
                    "principal.id": "alice",
                    "delegation": '[{"sub":"agent:a"},{"sub":"b","iss":"i"}]',
                },
                principal__basis="authenticated",
                principal__ref="ref",
                client__id="desk",
                client__basis="authenticated",
                agent__name="planner",
                agent__basis="asserted",
                credential__scopes=["read", "write"],
            )
        )
    )
    assert found["actor 1"] == "agent:a"
    assert json.loads(found["actor 2"]) == {"sub": "b", "iss": "i"}
    assert found["scopes"] == "read, write"
    names = [
        f"{one['value']} {one['hint']}"
        for block in identity_blocks(
            action({"principal.id": "alice"}, principal__basis="inferred", agent__id="a-7")
        )
        for one in block["rows"]
        if one["label"] == "name"
    ]
    assert names == ["alice inferred", "not known: nobody stated it ", "a-7 unknown"]


ERASED = {
    "values": 1,
    "why": "erased",
    "needs": None,
    "erasure": {
        "request": "4f" * 16,
        "confirmed_index": 8,
        "stated_index": 9,
        "stated_us": 1_793_577_600_000_000,
    },
}
WITHHELD = {"values": 1, "why": "withheld", "needs": "payload", "erasure": None}


@requirement("erasure.told")
@pytest.mark.parametrize(
    ("absent", "told"),
    [
        (ERASED, "erased on 2026-11-02 by decision 4f4f4f4f"),
        ({**ERASED, "erasure": {"request": "4f" * 16}}, "erased by decision 4f4f4f4f"),
        (WITHHELD, "withheld: needs the right `payload`"),
        ({**WITHHELD, "needs": "reveal"}, "withheld: needs the right `reveal`, with a reason"),
        ({**WITHHELD, "why": "not kept", "needs": None}, NOT_KEPT),
        ({**WITHHELD, "why": "unknown", "needs": None}, "withheld or erased"),
        (None, "withheld or erased"),
        ("garbage", "withheld or erased"),
    ],
)
def test_why_a_value_is_not_there_is_told_and_a_pseudonym_stays(absent: object, told: str) -> None:
    one = action(absent=absent, principal__ref="ab12", params__size_bytes=7, delegation__depth=2)
    named = [row["value"] for row in identity_blocks(one)[0]["rows"]]
    assert named[:2] == [told, "ab12"]
    assert rows(identity_blocks(one))["2 actors"] == told
    values = {
        block["title"]: block["rows"][0]["value"] for block in call_blocks(one_call().rows[0], one)
    }
    assert values["Arguments, masked"] == f"7 bytes, {told}"


@requirement("erasure.told")
def test_a_span_of_which_nothing_is_kept_says_so() -> None:
    one = {**span("s1"), "attributes": {}, "absent": ERASED}
    row = read_trace(TRACE, answer([], [one], [])).rows[0]
    assert rows(span_blocks(row, one))["attributes"] == "erased on 2026-11-02 by decision 4f4f4f4f"


@pytest.mark.parametrize("chain", ["not json", '"one"', "{}", "[1, null]"])
def test_a_chain_of_any_form_is_told(chain: str) -> None:
    assert rows(identity_blocks(action({"delegation": chain})))["actor 1"]


def test_a_decision_is_told_with_its_rule_and_reason() -> None:
    trace = one_call()
    shown = action(
        {"decision.reason": "no such scope"},
        decision__effect="deny",
        decision__rule="customers:delete",
        decision__policy_id="scopes",
        decision__policy_version="1",
        decision__enforced=False,
    )
    assert rows(policy_blocks(trace, trace.rows[0], shown)) == {
        "effect": "deny",
        "rule": "customers:delete",
        "policy": "scopes 1",
        "reason": "no such scope",
        "enforced": "no, shadow mode",
    }


def test_a_client_shows_the_decision_that_the_server_recorded() -> None:
    events = [
        call(1, "a", "s1", observer="mcp_client"),
        call(2, "b", "s2", "s1", observer="mcp_server", decision__effect="allow"),
    ]
    trace = read_trace(TRACE, answer(events, [], [called("a", "b")]))
    assert other_sides(trace, trace.by_id["s1"]) == ["b"]
    theirs = action(decision__effect="allow")
    [block] = policy_blocks(trace, trace.by_id["s1"], action(), [theirs])
    assert block["title"] == "Decision, by the other side's record"


def test_an_approval_is_told_with_what_was_shown_and_answered() -> None:
    trace = one_call()
    shown = action(
        {"approval.presented": '{"message":"Delete?"}', "approval.answer": '{"ok":true}'},
        approval__id="a-1",
        approval__decision="approved",
        approval__mode="human",
        approval__channel="elicitation.form",
        approval__presented_digest="cafe",
    )
    blocks = policy_blocks(trace, trace.rows[0], shown)
    assert rows(blocks) == {
        "decision": "approved",
        "mode": "human",
        "asked by": "elicitation.form",
        "request": "a-1",
        "keyed digest of what was shown": "cafe",
    }
    assert "Delete?" in listings(blocks)["Shown, masked"]
    assert "true" in listings(blocks)["Answer, masked"]


def test_a_call_names_the_approvals_that_were_asked_for_while_it_ran() -> None:
    asked = event(2, type="approval.requested", action__parent_id="a")
    decided = event(3, type="approval.decided", action__parent_id="a", approval__decision="denied")
    trace = read_trace(TRACE, answer([call(1, "a", "s1"), asked, decided], [], [called("a")]))
    found = rows(policy_blocks(trace, trace.by_action["a"], action()))
    assert found == {"approval.requested": "-", "approval.decided": "denied"}


def test_what_is_not_to_be_trusted_of_a_credential_is_told() -> None:
    found = rows(
        identity_blocks(
            action(
                {"credential.evidence": '{"alg":"none"}'},
                credential__id="beef",
                client__id="x",
                client__id_kind="metadata_document",
            )
        )
    )
    assert found["not trusted"] == '{"alg":"none"}'
    assert found["keyed digest of its id"] == "beef"
    assert found["its id is"] == "metadata document"


def test_no_decision_is_not_observed() -> None:
    trace = one_call()
    [block] = policy_blocks(trace, trace.rows[0], action())
    assert block["text"].startswith("Not observed")


def test_the_ledger_names_field_kind_and_count() -> None:
    blocks = masking_blocks(
        action(mask__hits={"params:email": 2, "result.content:phone": 1}, mask__policy="cafe")
    )
    found = rows(blocks)
    assert found["params"] == "2 x email masked"
    assert found["result.content"] == "1 x phone masked"
    assert found["policy digest"] == "cafe"


def test_a_span_alone_tells_its_attributes() -> None:
    trace = read_trace(TRACE, answer([], [span("s1", "gone")]))
    blocks = span_blocks(trace.rows[0], span("s1", attributes={"db.system": "postgres"}))
    assert rows(blocks)["note"] == "its parent is not in this trace"
    assert json.loads(listings(blocks)["Attributes, masked"]) == {"db.system": "postgres"}


def staged(**changes: Any) -> dict[str, Any]:
    stages: list[dict[str, Any]] = [
        {"name": "client request", "observer": "mcp_client", "detail": "tools/call http"},
        {"name": "validation", "observer": "mcp_server", "detail": "deny customers:delete"},
        {"name": "tool execution", "observer": "mcp_server", "detail": "did not run"},
        {"name": "data retrieval", "observer": None, "detail": ""},
        {"name": "response", "observer": "mcp_client", "detail": "failure, 243 bytes"},
    ]
    times: dict[str, Any] = {"start_us": None, "end_us": None}
    return {
        **called("a", outcome="denied"),
        "stages": [times | stage | changes.get(str(stage["name"]), {}) for stage in stages],
    }


@requirement("trace.signed-spans")
def test_each_stage_has_an_outcome_or_was_not_observed() -> None:
    trace = read_trace(TRACE, answer([call(1, "a", "s1", type="tool.denied")], [], [staged()]))
    cards = cards_of(trace, trace.calls[0])
    assert [(card["state"], card["outcome"]) for card in cards] == [
        ("ok", "tools/call http"),
        ("denied", "deny customers:delete"),
        ("denied", "did not run"),
        ("unseen", "not observed"),
        ("failed", "failure, 243 bytes"),
    ]
    assert {(card["start"], card["length"]) for card in cards} == {(None, None)}


@requirement("trace.signed-spans")
def test_a_stage_has_the_times_that_its_observer_measured_and_no_other() -> None:
    timed = {"detail": "", "start_us": START_US + 5, "end_us": START_US + 9}
    trace = read_trace(
        TRACE, answer([call(1, "a", "s1")], [], [staged(**{"tool execution": timed})])
    )
    execution = cards_of(trace, trace.calls[0])[2]
    assert (execution["state"], execution["start"], execution["length"]) == ("ok", 5, 4)


def test_a_row_leads_to_its_call_or_to_the_call_above_it() -> None:
    events = [call(1, "a", "s1", observer="mcp_client"), call(2, "b", "s3")]
    trace = read_trace(
        TRACE,
        answer(events, [span("s2", "s1")], [called("a"), called("b", outcome="failure")]),
    )
    calls = [call_of(trace, trace.by_id[name]) for name in ("s1", "s2", "s3")]
    assert [one["action_id"] for one in calls if one] == ["a", "a", "b"]
    assert name_of_call(trace, trace.calls[0]) == "execute_tool tool.completed"


def test_a_trace_without_calls_has_no_stages() -> None:
    trace = read_trace(TRACE, answer([], [span("s1")]))
    assert call_of(trace, trace.rows[0]) is None


def test_the_head_counts_what_the_trace_holds() -> None:
    trace = read_trace(
        TRACE, answer([call(1, "a", "s1", type="tool.denied")], [], [called("a", outcome="denied")])
    )
    figures = next(block for block in head_blocks(trace) if block["type"] == "metrics")["rows"]
    told = {one["label"]: (one["value"], one["tone"]) for one in figures}
    assert told["Denied"] == ("1", "bad")
    assert told["Failed"] == ("0", "")
    assert told["Duration"] == ("10.0 ms", "")


def test_an_empty_trace_has_a_head() -> None:
    assert head_blocks(read_trace(TRACE, answer()))[0]["noun"] == "empty trace"


@pytest.mark.parametrize(
    ("us", "told"), [(0, "0 µs"), (412, "412 µs"), (3_420, "3.42 ms"), (61_000_000, "1.02 min")]
)
def test_a_duration_has_one_unit_and_three_figures(us: int, told: str) -> None:
    assert amounts.duration(us) == told


def test_a_moment_beyond_the_calendar_is_a_count() -> None:
    assert amounts.moment(START_US) == "2026-11-22 16:24:55.000000 UTC"
    assert amounts.moment(2**63) == f"{2**63} µs since 1970"
    assert amounts.moment(None) == ""


def test_sizes_have_one_unit() -> None:
    assert [amounts.size(one) for one in (0, 999, 2_048, 5_000_000)] == [
        "0 bytes",
        "999 bytes",
        "2.05 kB",
        "5.00 MB",
    ]


SHA = "ab" * 32


def of_type(kind: str, **disclosures: str) -> list[dict[str, Any]]:
    whole = {
        "result": '"beginning"',
        **{f"result.{name}": text for name, text in disclosures.items()},
    }
    shown = action(whole, result__truncated=True, result__size_bytes=1_700_000, outcome="success")
    [row] = one_call().rows
    return [block for block in call_blocks(row, shown) if block["type"] == kind]


@requirement("sdk.large-values")
def test_a_preview_leads_to_the_whole_value_with_its_size() -> None:
    named = print_blob(BlobRef(SHA, 1_650_000))
    assert of_type("blob", blob=named) == [
        {"type": "blob", "text": "The whole value, masked: 1.65 MB", "sha256": SHA}
    ]
    [title] = [one["title"] for one in of_type("code", blob=named)]
    assert title == "Result, masked · 1.70 MB before masking · a preview"


@requirement("sdk.large-values")
@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("too_large", "it is larger than the emitter's limit"),
        ("unmaskable", "it could not be masked within the limits"),
        ("no_room", "the emitter had no room on disk"),
    ],
)
def test_a_value_that_was_not_kept_says_why(reason: BlobAbsence, said: str) -> None:
    [block] = of_type("note", blob=print_absence(reason))
    assert block["text"] == f"The whole value was not kept: {said}"
    assert of_type("blob", blob=print_absence(reason)) == []


def test_a_name_that_is_no_blob_leads_nowhere() -> None:
    hostile = '{"digest":"sha256:../../logout","media_type":"application/json","size_bytes":1}'
    assert of_type("blob", blob=hostile) == []
    [block] = of_type("note", blob=hostile)
    assert (block["text"], block["tone"]) == ("The record names no blob that could be read", "bad")
