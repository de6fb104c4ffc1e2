"""The two ends of a call: who is joined to whom, and what is said of it."""

from typing import Any

import pytest

from tallystick_ingest.stages import calls_of
from tallystick_ingest.told import trace_lines
from tests.requirements import requirement
from tests.unit.ingest.test_stages import TRACE, event

DIGEST, OTHER = "d" * 64, "e" * 64


def client(action: str = "c", **said: Any) -> dict[str, Any]:
    """The record of a client's call in span `c1`; its leaf hash is its action's id and a sign."""
    stated = {"observer": "mcp_client", "tool__name": "pay", "mcp__method": "tools/call", **said}
    span = str(stated.pop("span", "c1"))
    made = event(action=action, span=span, outcome="success", **stated)
    return made | {"leaf_hash": f"{action}="}


def server(action: str = "s", *, parent: str = "c1", index: int = 1, **said: Any) -> dict[str, Any]:
    stated = {"observer": "mcp_server", "tool__name": "pay", "mcp__method": "tools/call", **said}
    made = event(
        action=action, span=f"{action}1", parent=parent, index=index, outcome="success", **stated
    )
    return made | {"leaf_hash": f"{action}="}


def receipt(digest: str, record: str = "") -> dict[str, Any]:
    return {"receipt__digest": digest} | ({"receipt__record": record} if record else {})


def states(*events: dict[str, Any]) -> list[tuple[list[str], str]]:
    return [(call["action_ids"], call["join"]["state"]) for call in calls_of(events, [])]


def told(*events: dict[str, Any]) -> str:
    [call] = calls_of(events, [])
    return str(call["join"]["told"])


@requirement("receipt.told")
def test_both_ends_agree_by_one_digest_and_the_hash_of_the_clients_record() -> None:
    pair = client(**receipt(DIGEST)), server(**receipt(DIGEST, "c="))
    assert states(*pair) == [(["c", "s"], "agreed")]
    assert told(*pair).startswith("both ends agree: one digest of nonce and arguments")


def test_the_hash_may_be_that_of_the_record_that_began_the_clients_call() -> None:
    started = client(**receipt(DIGEST)) | {"type": "tool.started", "leaf_hash": "begun="}
    pair = client(**receipt(DIGEST)), server(**receipt(DIGEST, "begun="))
    assert states(started, *pair) == [(["c", "s"], "agreed")]
    assert states(*pair) == [(["c", "s"], "by_id")]


@requirement("receipt.told")
def test_without_a_receipt_ids_alone_join() -> None:
    assert states(client(), server()) == [(["c", "s"], "by_id")]
    assert told(client(), server()) == "by id only: no receipt was sent"


def test_keyed_digests_and_request_ids_are_told_and_prove_nothing() -> None:
    known: dict[str, Any] = {
        "params__digest": "7" * 32,
        "mask__key_id": "k",
        "jsonrpc__request_id": "4",
    }
    assert told(client(**known), server(**known)) == (
        "by id only: no receipt was sent; the request ids are the same;"
        " the keyed digests of the arguments are the same"
    )
    forwarded: dict[str, Any] = {**known, "jsonrpc__request_id": "9"}
    assert "the request ids differ" in told(client(**known), server(**forwarded))


@requirement("receipt.told")
def test_two_digests_say_that_arguments_differ() -> None:
    changed = client(**receipt(DIGEST)), server(**receipt(OTHER, "c="))
    assert states(*changed) == [(["c", "s"], "differs")]
    renamed = client(**receipt(DIGEST)), server(**receipt(OTHER, "c="), tool__name="refund")
    assert states(*renamed) == [(["c", "s"], "differs")]


def test_two_keyed_digests_under_one_key_say_so_too() -> None:
    ends = (
        client(params__digest="7" * 32, mask__key_id="k"),
        server(params__digest="8" * 32, mask__key_id="k"),
    )
    assert states(*ends) == [(["c", "s"], "differs")]


@pytest.mark.parametrize(
    ("sent", "got"),
    [
        ({"mask__key_id": "k"}, {"mask__key_id": "of another tenant"}),
        ({"mask__key_id": "k", "observer": "agent"}, {"mask__key_id": "k"}),
        ({"mask__key_id": "k"}, {"mask__key_id": "k", "observer": "function"}),
    ],
)
def test_keyed_digests_that_cannot_be_compared_are_not(
    sent: dict[str, Any], got: dict[str, Any]
) -> None:
    ends = (
        client(params__digest="7" * 32, **sent),
        server(params__digest="8" * 32, **got),
    )
    assert states(*ends) == [(["c", "s"], "by_id")]


def test_a_receipt_that_one_end_alone_states_joins_by_id_only() -> None:
    stripped = client(**receipt(DIGEST)), server()
    assert "removed on the way" in told(*stripped)
    assert states(*stripped) == [(["c", "s"], "by_id")]
    assert told(client(), server(**receipt(DIGEST))).startswith("by id only: only the server")


def test_equal_digests_without_the_clients_record_do_not_agree() -> None:
    assert states(client(**receipt(DIGEST)), server(**receipt(DIGEST))) == [(["c", "s"], "by_id")]
    echo = server(**receipt(DIGEST, "somebody else's="))
    assert states(client(**receipt(DIGEST)), echo) == [(["c", "s"], "by_id")]
    assert "another record" in told(client(**receipt(DIGEST)), echo)


@requirement("receipt.told")
def test_a_call_with_one_end_says_which_is_missing() -> None:
    assert told(client()) == "one end only: no record of the server is in this trace"
    assert told(client(**receipt(DIGEST))).endswith("though the client sent a receipt")
    assert told(server()) == "one end only: no record of the client is in this trace"
    assert told(server(**receipt(DIGEST, "x="))) == (
        "one end only: the client's record that the server states is not in this trace"
    )


@requirement("receipt.told")
@pytest.mark.parametrize("digest", [DIGEST, OTHER])
def test_a_replayed_receipt_never_takes_the_place_of_the_true_call(digest: str) -> None:
    true = server(**receipt(DIGEST, "c="), index=2)
    replay = server("r", **receipt(digest, "c="))
    for events in (
        (client(**receipt(DIGEST)), replay, true),
        (true, replay, client(**receipt(DIGEST))),
    ):
        found = {ids[-1]: state for ids, state in states(*events)}
        assert len(found) == 2
        if digest == OTHER:
            assert found == {"s": "agreed", "r": "reused"}
        else:  # the same call twice: one of the two, whichever came first
            assert sorted(found.values()) == ["agreed", "reused"]


def test_a_copied_record_without_a_digest_is_reused() -> None:
    true = server(**receipt(DIGEST, "c="), index=2)
    copied = server("r", receipt__record="c=")
    assert states(client(**receipt(DIGEST)), copied, true)[-1] == (["r"], "reused")


def test_a_receipt_joins_where_the_trace_does_not() -> None:
    elsewhere = server(parent="", **receipt(DIGEST, "c="))
    assert states(client(**receipt(DIGEST)), elsewhere) == [(["c", "s"], "agreed")]
    changed = server(parent="", **receipt(OTHER, "c="))
    assert states(client(**receipt(DIGEST)), changed) == [(["c", "s"], "differs")]


def test_calls_side_by_side_below_one_span_keep_to_their_own() -> None:
    clients = [client(f"c{n}", span=f"c{n}", **receipt(str(n) * 64)) for n in range(4)]
    servers = [
        server(f"s{n}", parent="c0", index=9 - n, **receipt(str(n) * 64, f"c{n}="))
        for n in range(4)
    ]
    assert sorted(states(*clients, *servers)) == [([f"c{n}", f"s{n}"], "agreed") for n in range(4)]


@pytest.mark.parametrize("end", [0, 1])
def test_a_row_that_was_changed_from_outside_agrees_with_nobody(end: int) -> None:
    ends = [client(**receipt(DIGEST)), server(**receipt(DIGEST, "c="))]
    ends[end] |= {"faults": [{"column": "statement"}]}
    assert states(*ends) == [(["c", "s"], "by_id")]


def test_a_call_that_is_not_of_mcp_has_no_other_end() -> None:
    [call] = calls_of([event(observer="function", tool__name="t", outcome="success")], [])
    assert call["join"] is None


def lines(*events: dict[str, Any]) -> str:
    calls = calls_of(events, [])
    return "\n".join(trace_lines({"events": events, "calls": calls, "spans": []}, TRACE, 300))


@requirement("receipt.told")
def test_the_terminal_tells_how_the_ends_are_joined_and_shouts_where_they_differ() -> None:
    agreed = lines(client(**receipt(DIGEST)), server(**receipt(DIGEST, "c=")))
    assert "two ends   both ends agree: " in agreed
    assert "ARGUMENTS DIFFER" not in agreed
    differ = lines(client(**receipt(DIGEST)), server(**receipt(OTHER, "c=")))
    assert "ARGUMENTS DIFFER" in differ.splitlines()[1]
    assert "two ends   arguments differ: " in differ
    again = lines(
        client(**receipt(DIGEST)),
        server(**receipt(DIGEST, "c=")),
        server("r", **receipt(DIGEST, "c=")),
    )
    assert "RECEIPT USED AGAIN" in again
    plain = lines(event(observer="function", tool__name="t", outcome="success"))
    assert "two ends" not in plain
