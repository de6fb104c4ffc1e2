"""Blobs that disclosures name: compared with what is kept, named where they are missing or other bytes."""

import hashlib
from collections.abc import Callable, Iterable, Iterator

import pytest

from tallystick.blob import BlobRef, print_absence, print_blob
from tallystick.errors import VerificationError
from tallystick.verify.blobs import check_blobs, read_blob_claims
from tallystick.verify.digest import BlobClaim, Digest
from tallystick.verify.finding import Finding, Findings
from tallystick.verify.lines import parse_blob_line, print_blob_line
from tallystick.verify.manifest import BLOBS_FILE
from tallystick.verify.report import Report
from tallystick.verify.source import BlobBlocks, EventText, Facts
from tests.builder import Log, Session, sample_log
from tests.forge import Forgery
from tests.requirements import requirement
from tests.verifying import messages, verify_log, verify_package

CONTENT = b'{"rows":[1,2,3]}'
SHA = hashlib.sha256(CONTENT).hexdigest()
NAMED = print_blob(BlobRef(SHA, len(CONTENT)))


class Kept:
    """A source of blobs alone."""

    def __init__(self, content: bytes | None, *, holds_blobs: bool) -> None:
        self.facts = Facts("data", "x", "x", "", 0, 0, 0, holds_blobs=holds_blobs)
        self.content = content

    def blobs(self, wanted: Iterable[str]) -> Iterator[BlobBlocks]:
        for sha256 in wanted:
            assert sha256 == SHA
            content = self.content
            yield BlobBlocks(sha256, None if content is None else (content[:5], content[5:]))


def checked(
    content: bytes | None, size_bytes: int = len(CONTENT), *, holds_blobs: bool = True
) -> Findings:
    digest = Digest("x", keep_notes=False, blobs={SHA: BlobClaim(7, size_bytes)})
    source = Kept(content, holds_blobs=holds_blobs)
    check_blobs(source, digest)  # type: ignore[arg-type]  # it asks for no more than that
    return digest.findings


def only(findings: Findings) -> Finding:
    [finding] = findings.listed
    return finding


@requirement("sdk.large-values")
def test_a_blob_that_is_what_its_disclosure_names_is_counted() -> None:
    findings = checked(CONTENT)
    assert findings.listed == []
    assert findings.checked == {(4, "blobs"): 1}


@requirement("sdk.large-values")
def test_a_missing_blob_is_named_and_not_checked() -> None:
    finding = only(checked(None))
    assert (finding.step, finding.severity, finding.place.log_index) == (4, "not_checked", 7)
    assert finding.message == f"the blob sha256:{SHA} is missing"


@requirement("sdk.large-values")
@pytest.mark.parametrize("content", [CONTENT + b" ", b"", CONTENT[::-1]])
def test_other_bytes_than_those_named_are_a_fault(content: bytes) -> None:
    finding = only(checked(content))
    assert (finding.step, finding.severity, finding.place.log_index) == (4, "fault", 7)
    assert finding.message == f"the blob sha256:{SHA} holds other bytes than those named"


@requirement("sdk.large-values")
def test_another_size_than_that_of_the_bytes_named_is_the_emitters_own_word() -> None:
    finding = only(checked(CONTENT, len(CONTENT) + 1))
    assert (finding.step, finding.severity, finding.place.log_index) == (4, "notice", 7)
    assert finding.message == f"the blob sha256:{SHA} has 16 bytes, not 17"


def test_a_source_of_previews_alone_says_so() -> None:
    finding = only(checked(CONTENT, holds_blobs=False))
    assert (finding.step, finding.severity) == (4, "notice")
    assert finding.message == "1 blobs are named: here are their previews alone"


def test_a_source_of_which_no_blob_is_asked_says_nothing_of_them() -> None:
    digest = Digest("x", keep_notes=False)
    check_blobs(Kept(None, holds_blobs=False), digest)  # type: ignore[arg-type]  # as above
    assert digest.findings.listed == []


def line(field: str, value: str) -> str:
    quoted = value.replace('"', '\\"')
    return f'["{"0" * 32}","{field}","{quoted}"]'


def claims(*lines: str, late: tuple[str, ...] = ()) -> tuple[dict[str, BlobClaim], Findings]:
    findings = Findings()
    return read_blob_claims([EventText(9, "{}", lines, late)], findings), findings


@pytest.mark.parametrize("field", ["params.blob", "result.blob"])
def test_a_disclosure_of_either_field_names_a_blob(field: str) -> None:
    found, findings = claims(line("params", "1"), line(field, NAMED))
    assert found == {SHA: BlobClaim(9, len(CONTENT))}
    assert findings.listed == []


def test_a_disclosure_that_came_late_counts_too() -> None:
    found, _ = claims(late=(line("result.blob", NAMED),))
    assert list(found) == [SHA]


def test_an_absence_and_a_preview_that_looks_like_a_name_claim_nothing() -> None:
    text = line("result", line("result.blob", NAMED).replace('\\"', "'"))
    found, findings = claims(line("params.blob", print_absence("no_room")), text)
    assert (found, findings.listed) == ({}, [])


def test_a_disclosure_that_names_no_blob_is_the_emitters_own_word_and_the_next_one_is_read() -> (
    None
):
    found, findings = claims(line("params.blob", "[]"), line("result.blob", NAMED))
    finding = only(findings)
    assert (finding.step, finding.severity, finding.place.log_index) == (4, "notice", 9)
    assert finding.message.startswith("names no blob: ")
    assert list(found) == [SHA]


def test_the_first_of_several_claims_is_the_one_that_is_named() -> None:
    texts = [EventText(index, "{}", (line("result.blob", NAMED),)) for index in (3, 5)]
    assert read_blob_claims(texts, Findings())[SHA].log_index == 3
    first = Digest("x", keep_notes=False, blobs={SHA: BlobClaim(3, 1)})
    first.merge(
        Digest("x", keep_notes=False, blobs={SHA: BlobClaim(5, 2), "b": BlobClaim(6, 1)}), 0
    )
    assert first.blobs == {SHA: BlobClaim(3, 1), "b": BlobClaim(6, 1)}


OTHER = b'{"rows":[]}'
OTHER_SHA = hashlib.sha256(OTHER).hexdigest()


def with_blobs(content: bytes = CONTENT) -> Log:
    """Return a log in which two records name one blob and another record another one."""
    log = sample_log()
    session = Session(log, "large")
    session.open()
    other = print_blob(BlobRef(OTHER_SHA, len(OTHER)))
    for named in (NAMED, NAMED, other):
        session.ship(session.record("tool.completed", {"result": "1", "result.blob": named}))
    session.seal()
    log.publish()
    log.blobs = {SHA: content, OTHER_SHA: OTHER}
    return log


@requirement("sdk.large-values")
def test_a_package_holds_each_blob_that_its_events_name_once() -> None:
    log = with_blobs()
    report = verify_log(log)
    assert (report.exit_code, report.findings.checked[4, "blobs"]) == (0, 2)
    names = Forgery.of(log.package()).files
    assert BLOBS_FILE in names
    assert BLOBS_FILE not in Forgery.of(sample_log().package()).files


@requirement("sdk.large-values")
def test_a_blob_that_a_package_lacks_is_named() -> None:
    log = with_blobs()
    del log.blobs[SHA]
    report = verify_log(log)
    assert report.exit_code == 2
    assert messages(report, 4, "not_checked").count("is missing") == 1
    assert SHA in messages(report, 4, "not_checked")


@requirement("sdk.large-values")
def test_a_blob_that_was_changed_before_it_was_packed_is_a_fault() -> None:
    report = verify_log(with_blobs(b"{}"))
    assert report.exit_code == 1
    assert "holds other bytes than those named" in messages(report, 4)


def repacked(edit: Callable[[list[bytes]], list[bytes]]) -> Report:
    log = with_blobs()
    forgery = Forgery.of(log.package())
    forgery.put_lines(BLOBS_FILE, edit(forgery.lines(BLOBS_FILE)))
    return verify_package(forgery.sign(log.key).package(), log.policy())


@pytest.mark.parametrize(
    "edit",
    [
        lambda lines: [*lines, lines[0]],
        lambda lines: list(reversed(lines)),
        lambda lines: [*lines, print_blob_line("f" * 64, b"{}")],
        lambda lines: [*lines, b"{}"],
    ],
    ids=["twice", "out of order", "for nobody", "no blob"],
)
def test_a_file_of_blobs_in_another_form_is_a_fault(
    edit: Callable[[list[bytes]], list[bytes]],
) -> None:
    report = repacked(edit)
    assert (report.exit_code, report.is_complete) == (1, False)
    assert BLOBS_FILE in messages(report, 1)


def test_a_line_of_blobs_has_one_form() -> None:
    line = print_blob_line(SHA, CONTENT)
    assert parse_blob_line(line) == (SHA, CONTENT)
    for wrong in (line + b" ", line.replace(b'"blob"', b'"blub"'), b'{"blob":"?","sha256":"x"}'):
        with pytest.raises(VerificationError):
            parse_blob_line(wrong)
