"""Blobs that disclosures name: compared with what is kept, named where they are missing or other bytes."""

import hashlib
from collections.abc import Iterator

import pytest

from tallystick.blob import BlobRef, print_absence, print_blob
from tallystick.verify.blobs import check_blobs, read_blob_claims
from tallystick.verify.digest import BlobClaim, Digest
from tallystick.verify.finding import Finding, Findings
from tallystick.verify.source import EventText, Facts, SourceKind
from tests.builder import Log, Session, sample_log
from tests.requirements import requirement
from tests.verifying import messages, verify_log, verify_package

CONTENT = b'{"rows":[1,2,3]}'
SHA = hashlib.sha256(CONTENT).hexdigest()
NAMED = print_blob(BlobRef(SHA, len(CONTENT)))


class Kept:
    """A source of blobs alone."""

    def __init__(self, kind: SourceKind, content: bytes | None) -> None:
        self.facts = Facts(kind, "x", "x", "", 0, 0, 0)
        self.content = content
        self.asked: list[str] = []

    def blob(self, sha256: str) -> Iterator[bytes] | None:
        self.asked.append(sha256)
        return None if self.content is None else iter((self.content[:5], self.content[5:]))


def checked(
    content: bytes | None, size_bytes: int = len(CONTENT), kind: SourceKind = "data"
) -> Findings:
    digest = Digest("x", keep_notes=False, blobs={SHA: BlobClaim(7, size_bytes)})
    source = Kept(kind, content)
    check_blobs(source, digest)  # type: ignore[arg-type]  # it asks for no more than that
    assert source.asked == ([] if kind == "package" else [SHA])
    return digest.findings


def only(findings: Findings) -> Finding:
    [finding] = findings.listed
    return finding


@requirement("sdk.large-values")
@pytest.mark.parametrize("kind", ["data", "live"])
def test_a_blob_that_is_what_its_disclosure_names_is_counted(kind: SourceKind) -> None:
    findings = checked(CONTENT, kind=kind)
    assert findings.listed == []
    assert findings.checked == {(4, "blobs"): 1}


@requirement("sdk.large-values")
def test_a_missing_blob_is_named_and_not_checked() -> None:
    finding = only(checked(None))
    assert (finding.step, finding.severity, finding.place.log_index) == (4, "not_checked", 7)
    assert finding.message == f"the blob sha256:{SHA} is missing"


@requirement("sdk.large-values")
@pytest.mark.parametrize(
    ("content", "size_bytes"),
    [(CONTENT + b" ", len(CONTENT)), (b"", len(CONTENT)), (CONTENT, len(CONTENT) + 1)],
)
def test_other_bytes_than_those_named_are_a_fault(content: bytes, size_bytes: int) -> None:
    finding = only(checked(content, size_bytes))
    assert (finding.step, finding.severity, finding.place.log_index) == (4, "fault", 7)
    assert finding.message == f"the blob sha256:{SHA} holds other bytes than those named"


def test_a_package_says_that_it_holds_previews() -> None:
    finding = only(checked(CONTENT, kind="package"))
    assert (finding.step, finding.severity) == (4, "notice")
    assert finding.message == "1 blobs are named: a package holds their previews alone"


def test_a_package_without_blobs_says_nothing_of_them() -> None:
    digest = Digest("x", keep_notes=False)
    check_blobs(Kept("package", None), digest)  # type: ignore[arg-type]  # as above
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


def test_a_disclosure_that_names_no_blob_is_a_fault_and_the_next_one_is_read() -> None:
    found, findings = claims(line("params.blob", "[]"), line("result.blob", NAMED))
    finding = only(findings)
    assert (finding.step, finding.severity, finding.place.log_index) == (4, "fault", 9)
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


def with_blob() -> Log:
    log = sample_log()
    session = Session(log, "large")
    session.open()
    session.ship(session.record("tool.completed", {"result": "1", "result.blob": NAMED}))
    session.seal()
    log.publish()
    return log


def test_the_blobs_of_a_whole_log_are_looked_at() -> None:
    report = verify_log(with_blob())
    assert "1 blobs are named" in messages(report, 4, "notice")


def test_a_package_that_is_verified_says_the_same() -> None:
    log = with_blob()
    report = verify_package(log.package(), log.policy())
    assert "1 blobs are named" in messages(report, 4, "notice")
    assert report.exit_code == 0
