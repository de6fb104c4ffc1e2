"""Findings: counted without limit, listed up to one, and added up in any grouping."""

from tallystick.verify.finding import MAX_LISTED, MAX_MESSAGE, Finding, Findings, Place


def test_a_place_names_what_it_knows() -> None:
    place = Place("log/tile/0/000", "events", 17, "tool_name", "ab", 3)
    text = "log/tile/0/000, events, log index 17, column tool_name, session ab, leaf 3"
    assert str(place) == text
    assert str(Place(log_index=0, seq=0)) == "log index 0, leaf 0"
    assert not str(Place())


def test_findings_are_listed_up_to_a_limit_and_counted_beyond() -> None:
    findings = Findings()
    for number in range(MAX_LISTED + 5):
        findings.fault(3, f"fault {number}")
    findings.notice(3, "a notice")
    findings.not_checked(4, "not checked")
    assert len(findings.listed) == MAX_LISTED + 2
    assert findings.total(3, "fault") == MAX_LISTED + 5
    assert (findings.total(3, "notice"), findings.total(4, "not_checked")) == (1, 1)
    assert findings.total(5, "fault") == 0


def test_merging_adds_up_what_was_counted_but_not_listed() -> None:
    one, two = Findings(), Findings()
    for _ in range(MAX_LISTED + 3):
        one.fault(2, "one")
    for _ in range(MAX_LISTED + 4):
        two.fault(2, "two")
    two.count(2, "statements", 7)
    one.count(2, "statements")
    one.merge(two)
    assert one.total(2, "fault") == 2 * MAX_LISTED + 7
    assert len(one.listed) == MAX_LISTED
    assert one.checked == {(2, "statements"): 8}


def test_merging_keeps_the_order() -> None:
    one, two = Findings(), Findings()
    one.fault(1, "first")
    two.fault(1, "second", Place(file="x"))
    one.merge(two)
    assert one.listed == [
        Finding(1, "fault", "first"),
        Finding(1, "fault", "second", Place(file="x")),
    ]


def test_a_long_message_is_cut() -> None:
    findings = Findings()
    findings.fault(1, "x" * MAX_MESSAGE)
    findings.fault(1, "y" * (MAX_MESSAGE + 1))
    assert [finding.message for finding in findings.listed] == [
        "x" * MAX_MESSAGE,
        "y" * MAX_MESSAGE + "...",
    ]
