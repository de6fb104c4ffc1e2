"""What servers state of their clients' records is held against those records; no difference is a fault."""

import base64
from typing import Any

import pytest

from tallystick.event import Record
from tests.builder import Log, Session
from tests.requirements import requirement
from tests.verifying import messages, verify_log, verify_package

DIGEST, OTHER = "d" * 64, "e" * 64
CLIENT, SERVER = "c" * 32, "5" * 32


class Ends:
    """A log with the sessions of a client and of a server."""

    def __init__(self) -> None:
        self.log = Log()
        self.client = Session(self.log)
        self.server = Session(self.log, "ef" * 16)
        self.client.open()
        self.server.open()

    def started(self, action: str = CLIENT, observer: str = "mcp_client", **said: Any) -> str:
        """Record the start of a client's call; return its leaf hash."""
        record: Record = self.client.record(
            "tool.started", {}, action__id=action, observer=observer, tool__name="pay", **said
        )
        self.client.ship(record)
        return base64.b64encode(record.leaf_hash).decode()

    def completed(self, action: str = CLIENT, **said: Any) -> None:
        self.client.call(action__id=action, observer="mcp_client", **said)

    def served(self, record: str, digest: str = DIGEST, action: str = SERVER, **said: Any) -> int:
        """Record the end of a server's call; return its place in the log."""
        stated = {"receipt__record": record, "receipt__digest": digest, **said}
        return self.server.call(action__id=action, observer="mcp_server", **stated)

    def found(self) -> tuple[str, dict[str, int]]:
        """Verify; return the notices of step 13 and what it counted. Nothing of it is a fault."""
        self.client.close()
        self.server.close()
        self.log.publish()
        report = verify_log(self.log)
        assert report.exit_code == 0
        checked = report.findings.checked
        counts = {what: number for (step, what), number in checked.items() if step == 13}
        return messages(report, 13, "notice"), counts


@requirement("receipt.verified")
def test_a_server_that_states_the_clients_record_and_digest_is_not_listed() -> None:
    ends = Ends()
    record = ends.started(receipt__digest=DIGEST)
    ends.served(record)
    ends.completed(receipt__digest=DIGEST)
    assert ends.found() == ("", {"receipts of servers": 1})


@requirement("receipt.verified")
def test_another_digest_for_the_same_call_is_listed_as_other_arguments() -> None:
    ends = Ends()
    place = ends.served(ends.started(receipt__digest=DIGEST), OTHER)
    notices, _ = ends.found()
    assert notices == (
        f"log index {place}: the client's call states another receipt.digest: the arguments differ"
    )


@requirement("receipt.verified")
def test_a_record_that_is_not_here_is_counted_and_not_listed() -> None:
    ends = Ends()
    ends.served(base64.b64encode(bytes(32)).decode())
    assert ends.found() == ("", {"receipts of servers": 1, "of records that are not here": 1})


def test_a_digest_in_the_record_that_ends_the_clients_call_counts() -> None:
    for digest, is_listed in ((DIGEST, False), (OTHER, True)):
        ends = Ends()
        ends.served(ends.started(observer="agent"))
        ends.completed(receipt__digest=digest)
        notices, _ = ends.found()
        assert ("arguments differ" in notices) is is_listed


def test_a_client_that_states_two_digests_agrees_with_nobody() -> None:
    ends = Ends()
    ends.served(ends.started(receipt__digest=DIGEST))
    ends.completed(receipt__digest=OTHER)
    assert "arguments differ" in ends.found()[0]


def test_the_record_of_a_call_that_sent_no_receipt_is_listed() -> None:
    ends = Ends()
    ends.started("a" * 32, receipt__digest=DIGEST)
    place = ends.served(ends.started())
    assert ends.found()[0] == (
        f"log index {place}: the client's call, whose record it states, has no receipt"
    )


@requirement("receipt.verified")
def test_a_receipt_that_two_calls_state_is_listed_at_the_second() -> None:
    ends = Ends()
    record = ends.started(receipt__digest=DIGEST)
    first = ends.served(record)
    second = ends.served(record, action="6" * 32)
    assert ends.found()[0] == (
        f"log index {second}: the call of log index {first} states the same client's record:"
        " sent twice, replayed or copied"
    )


def test_both_records_of_one_call_are_one_receipt() -> None:
    ends = Ends()
    record = ends.started(receipt__digest=DIGEST)
    ends.served(record, type="tool.started")
    ends.served(record)
    assert ends.found() == ("", {"receipts of servers": 1})


def test_a_server_that_states_two_digests_of_one_call_is_listed_once_for_the_wrong_one() -> None:
    ends = Ends()
    record = ends.started(receipt__digest=DIGEST)
    ends.served(record)
    place = ends.served(record, OTHER)
    notices, counts = ends.found()
    assert notices.startswith(f"log index {place}: ")
    assert notices.count("\n") == 0
    assert counts["receipts of servers"] == 2


def test_the_record_of_a_server_is_no_clients_record() -> None:
    ends = Ends()
    ends.served(ends.started(observer="mcp_server"))
    assert ends.found()[1]["of records that are not here"] == 1


def test_only_the_record_that_began_a_call_is_the_clients_record() -> None:
    ends = Ends()
    record = ends.client.record("tool.completed", {}, action__id=CLIENT, receipt__digest=DIGEST)
    ends.client.ship(record)
    ends.served(base64.b64encode(record.leaf_hash).decode())
    assert ends.found()[1]["of records that are not here"] == 1


def test_a_digest_without_a_record_is_compared_with_nothing() -> None:
    ends = Ends()
    ends.started(receipt__digest=DIGEST)
    ends.server.call(action__id=SERVER, observer="mcp_server", receipt__digest=OTHER)
    assert ends.found() == ("", {})


@pytest.mark.parametrize("text", ["", "bob@example.com", "AAAA", "A" * 44])
def test_what_is_no_leaf_hash_is_listed(text: str) -> None:
    ends = Ends()
    ends.started(receipt__digest=DIGEST)
    place = ends.served(text)
    notices, counts = ends.found()
    assert notices.startswith(f"log index {place}: receipt.record ")
    assert counts == {}


@pytest.mark.parametrize("is_covered", [True, False])
def test_of_a_range_the_records_of_its_context_are_compared_and_others_are_not_here(
    is_covered: bool,
) -> None:
    ends = Ends()
    record = ends.started(receipt__digest=DIGEST)
    if not is_covered:  # else a seal inside the range covers the client's record
        ends.client.seal()
    start = ends.served(record, OTHER)
    ends.client.close()
    ends.server.close()
    ends.log.publish()
    part = verify_package(ends.log.package(start), ends.log.policy())
    assert part.exit_code == 0
    assert ("arguments differ" in messages(part, 13, "notice")) is is_covered
    assert part.findings.checked.get((13, "of records that are not here"), 0) == (not is_covered)
