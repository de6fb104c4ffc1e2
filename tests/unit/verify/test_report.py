"""The report: what a person reads, what a program reads, and the exit code of both."""

import json

import pytest

from tallystick.verify.finding import STEP_NAMES, Findings, Place, Severity
from tallystick.verify.report import Report


def report(findings: Findings, *, has_policy: bool = True, is_complete: bool = True) -> Report:
    return Report("a.zip", "package", "log.example/t", 9, 2, 5, findings, has_policy, is_complete)


def with_one(severity: Severity) -> Findings:
    findings = Findings()
    getattr(findings, severity)(3, "it is so", Place(table="events", log_index=7))
    return findings


@pytest.mark.parametrize(
    ("findings", "has_policy", "exit_code"),
    [
        (Findings(), True, 0),
        (Findings(), False, 2),
        (with_one("notice"), True, 0),
        (with_one("notice"), False, 2),
        (with_one("not_checked"), True, 2),
        (with_one("fault"), True, 1),
        (with_one("fault"), False, 1),
    ],
)
def test_the_exit_code_is_that_of_the_worst_finding(
    findings: Findings, has_policy: bool, exit_code: int
) -> None:
    made = report(findings, has_policy=has_policy)
    assert made.exit_code == exit_code
    assert f"verdict {exit_code}: " in made.text
    assert json.loads(made.json)["exit"] == exit_code


def test_every_step_says_what_it_checked_found_and_could_not_check() -> None:
    findings = with_one("fault")
    findings.count(3, "rows", 1234)
    findings.count(4, "disclosures", 5)
    findings.not_checked(5, "no keys")
    findings.notice(7, "ended in silence", Place(session="ab"))
    lines = report(findings).text.splitlines()
    assert lines[:2] == ["package a.zip", "log log.example/t, entries 2 to 5 of 9"]
    assert " 3  columns       1,234 rows: 1 wrong" in lines
    assert "      FAULT  events, log index 7: it is so" in lines
    assert " 4  disclosures   5 disclosures: holds" in lines
    assert "      not checked  no keys" in lines
    assert "      notice  session ab: ended in silence" in lines
    assert "12  spans         nothing to check here" in lines
    assert sum(line[:2].strip().isdigit() for line in lines) == len(STEP_NAMES) == 14


def test_findings_beyond_the_list_are_counted() -> None:
    findings = Findings()
    for number in range(150):
        findings.fault(2, f"altered {number}")
    text = report(findings).text
    assert text.count("FAULT  altered ") == 100
    assert "      FAULT  and 50 more" in text
    steps = json.loads(report(findings).json)["steps"]
    assert steps[1]["totals"] == {"fault": 150, "not_checked": 0, "notice": 0}
    assert len(steps[1]["findings"]) == 100


def test_equal_findings_are_one_line() -> None:
    findings = Findings()
    for _ in range(3):
        findings.fault(2, "altered", Place(log_index=7))
    findings.fault(2, "altered", Place(log_index=8))
    text = report(findings).text
    assert "      FAULT  log index 7: altered   (3 times)\n" in text
    assert "      FAULT  log index 8: altered\n" in text


def test_a_step_that_was_not_reached_does_not_look_like_a_pass() -> None:
    text = report(with_one("fault"), is_complete=False).text
    assert "12  spans         not reached" in text
    assert "nothing to check" not in text


def test_the_report_for_programs_names_the_place_by_its_parts() -> None:
    value = json.loads(report(with_one("fault")).json)
    assert (value["kind"], value["origin"], value["complete"]) == ("package", "log.example/t", True)
    assert value["steps"][2]["findings"] == [
        {
            "severity": "fault",
            "message": "it is so",
            "place": {"table": "events", "log_index": 7},
        }
    ]


def test_what_no_verification_can_show_is_said_every_time() -> None:
    made = report(Findings())
    assert "calls that never reached an emitter" in made.text
    assert "calls that never reached an emitter" in json.loads(made.json)["limits"]


def test_what_could_not_be_read_is_not_called_a_forgery() -> None:
    """A slip of the pen in a file's name gets exit 1 too, but no verdict about what it holds."""
    made = report(with_one("fault"), is_complete=False)
    assert "verdict 1: it could not be read to its end, so nothing is verified" in made.text
    assert "WRONG" not in made.text


def test_what_somebody_else_has_written_cannot_steer_the_terminal() -> None:
    findings = Findings()
    findings.fault(2, "name \x1b[2Jevil\r\u202e\u00e9", Place(session="a\nb"))
    text = report(findings).text
    assert "session a\\nb: name \\x1b[2Jevil\\r\\u202e\u00e9\n" in text
    assert all(one.isprintable() for line in text.split("\n") for one in line)
