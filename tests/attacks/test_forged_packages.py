"""One file of a package is forged, digests and signature are made right again with the log's own key:
the step that still finds it. Without a new signature, step 1 finds every change.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tallystick.tlog.encoding import to_base64
from tests.builder import Log, sample_log
from tests.forge import Forgery
from tests.verifying import found, messages, steps, verify_package

Forge = Callable[[Forgery], None]


@pytest.fixture(scope="module")
def log() -> Log:
    return sample_log()


@pytest.fixture(scope="module")
def whole(log: Log) -> bytes:
    return log.package()


@pytest.fixture(scope="module")
def part(log: Log) -> bytes:
    """The second half: sessions that began before it, a recovery inside it."""
    return log.package(16, 30)


def drop_line(name: str, position: int = 0) -> Forge:
    def forge(package: Forgery) -> None:
        lines = package.lines(name)
        del lines[position]
        package.put_lines(name, lines)

    return forge


def repeat_line(name: str, position: int = 0) -> Forge:
    def forge(package: Forgery) -> None:
        lines = package.lines(name)
        package.put_lines(name, [*lines[: position + 1], *lines[position:]])

    return forge


def swap_lines(name: str) -> Forge:
    def forge(package: Forgery) -> None:
        first, second, *rest = package.lines(name)
        package.put_lines(name, [second, first, *rest])

    return forge


def edit(name: str, position: int = 0, **changes: Any) -> Forge:
    return lambda package: package.edit_line(name, position, lambda line: line.update(changes))


def replace(name: str, old: bytes, new: bytes) -> Forge:
    def forge(package: Forgery) -> None:
        assert old in package.files[name]
        package.files[name] = package.files[name].replace(old, new, 1)

    return forge


def manifest(**changes: Any) -> Forge:
    return lambda package: package.edit_manifest(lambda stated: stated.update(changes))


def drop_disclosure(package: Forgery) -> None:
    package.edit_line("events.ndjson", 2, lambda line: line["disclosures"].pop())


def change_disclosure(package: Forgery) -> None:
    def change(line: dict[str, Any]) -> None:
        line["disclosures"][0] = line["disclosures"][0].replace("{", "[")

    package.edit_line("events.ndjson", 2, change)


def repeat_disclosure(package: Forgery) -> None:
    package.edit_line(
        "events.ndjson", 2, lambda line: line["disclosures"].append(line["disclosures"][0])
    )


WHOLE = [
    pytest.param(drop_line("events.ndjson", 3), 8, "without its content", id="event dropped"),
    pytest.param(repeat_line("events.ndjson", 3), 8, "a second row", id="event repeated"),
    pytest.param(swap_lines("events.ndjson"), 8, "not in the order", id="events swapped"),
    pytest.param(
        edit("events.ndjson", 3, log_index=9_999), 8, "belong to no entry", id="event far"
    ),
    pytest.param(
        replace("events.ndjson", b"success", b"failure"), 2, "was altered", id="event edited"
    ),
    pytest.param(edit("events.ndjson", 1, statement="{}"), 2, "not a statement", id="no statement"),
    pytest.param(change_disclosure, 4, "not bound", id="disclosure edited"),
    pytest.param(repeat_disclosure, 4, "not bound", id="disclosure repeated"),
    pytest.param(drop_line("seals.ndjson"), 8, "without its content", id="seal dropped"),
    pytest.param(edit("seals.ndjson", 1, seal="seal"), 6, "not a seal", id="no seal"),
    pytest.param(drop_line("spans.ndjson"), 8, "without its content", id="spans dropped"),
    pytest.param(
        replace("spans.ndjson", b"lookup", b"delete"),
        8,
        "span records were altered",
        id="span edited",
    ),
    pytest.param(edit("spans.ndjson", 1, records=["{}"]), 12, "not a span record", id="no span"),
    pytest.param(drop_line("entries.ndjson", 4), 9, "do not give", id="entry dropped"),
    pytest.param(
        drop_line("entries.ndjson", -1), 8, "31 entries: expected 32", id="last entry dropped"
    ),
    pytest.param(swap_lines("entries.ndjson"), 9, "do not give", id="entries swapped"),
    pytest.param(
        replace("entries.ndjson", b"sender-1", b"sender-3"), 9, "do not give", id="sender edited"
    ),
    pytest.param(replace("entries.ndjson", b"{", b"{ "), 8, "not an entry", id="entry respelled"),
    pytest.param(edit("entries.ndjson", 0, k="seal"), 8, "a stored event", id="kind edited"),
    pytest.param(edit("entries.ndjson", 10, n=3), 8, "counts 3", id="count edited"),
    pytest.param(
        replace(
            "range-proof.json", b'"left":[]', b'"left":["' + to_base64(bytes(32)).encode() + b'"]'
        ),
        9,
        "",
        id="range proof longer",
    ),
    pytest.param(manifest(counts={"event": 20}), 8, "entries by kind", id="counts edited"),
    pytest.param(manifest(to_us=5), 8, "outside the range of times", id="times edited"),
    pytest.param(
        replace("checkpoints.ndjson", b"\\n11\\n", b"\\n12\\n"),
        10,
        "",
        id="stored checkpoint edited",
    ),
    pytest.param(
        drop_line("checkpoints.ndjson", -1), 0, "", id="a proof that nobody needs dropped"
    ),
    pytest.param(edit("checkpoints.ndjson", -1, consistency=[]), 11, "", id="consistency emptied"),
    pytest.param(
        edit("checkpoints.ndjson", -1, root=to_base64(bytes(32))),
        11,
        "does not extend",
        id="head edited",
    ),
]


@pytest.mark.parametrize(("forge", "step", "message"), WHOLE)
def test_a_forged_file_is_found_though_the_log_signs_it(
    log: Log, whole: bytes, forge: Forge, step: int, message: str
) -> None:
    package = Forgery.of(whole)
    forge(package)
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert report.exit_code == (1 if step else 0)
    assert step in steps(report) or not step
    assert message in messages(report, step)


PART = [
    pytest.param(drop_line("context.ndjson", 0), 5, "no session.open", id="open dropped"),
    pytest.param(drop_line("context.ndjson", -1), 8, "behind the range", id="neighbour dropped"),
    pytest.param(repeat_line("context.ndjson", 0), 8, "not in order", id="context repeated"),
    pytest.param(edit("context.ndjson", 0, log_index=17), 8, "not outside", id="context inside"),
    pytest.param(edit("events.ndjson", 0, log_index=1), 8, "without an entry", id="event before"),
    pytest.param(edit("context.ndjson", 0, inclusion=[]), 9, "too short", id="inclusion emptied"),
    pytest.param(edit("context.ndjson", 0, statement="{}"), 2, "commits to", id="open edited"),
    pytest.param(replace("context.ndjson", b"sender-1", b"sender-3"), 9, "", id="sender edited"),
    pytest.param(manifest(from_us=0), 8, "before the range", id="times widened"),
    pytest.param(manifest(to_us=2**52), 8, "behind the range", id="times widened at the end"),
]


@pytest.mark.parametrize(("forge", "step", "message"), PART)
def test_a_forged_context_is_found_though_the_log_signs_it(
    log: Log, part: bytes, forge: Forge, step: int, message: str
) -> None:
    package = Forgery.of(part)
    forge(package)
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert step in steps(report)
    assert message in messages(report, step)


def test_each_line_of_the_context_is_needed(log: Log, part: bytes) -> None:
    assert verify_package(part, log.policy()).exit_code == 0
    for position in range(len(Forgery.of(part).lines("context.ndjson"))):
        package = Forgery.of(part)
        drop_line("context.ndjson", position)(package)
        assert verify_package(package.sign(log.key).package(), log.policy()).exit_code == 1, (
            position
        )


def test_a_disclosure_that_is_withheld_is_counted_and_no_fault(log: Log, whole: bytes) -> None:
    package = Forgery.of(whole)
    drop_disclosure(package)
    report = verify_package(package.sign(log.key).package(), log.policy())
    assert report.exit_code == 0
    assert report.findings.checked[4, "withheld or erased"] == 1


@pytest.mark.parametrize("name", sorted(Forgery.of(sample_log().package()).files))
def test_any_change_of_a_file_is_found_by_its_digest(log: Log, whole: bytes, name: str) -> None:
    package = Forgery.of(whole)
    package.files[name] = package.files[name].replace(b"e", b"f", 1) + b"\n"
    with_fault = package.package()
    try:
        report = verify_package(with_fault, log.policy())
    except Exception as error:  # noqa: BLE001 - the kind is what is asserted
        assert type(error).__name__ == "VerificationError"  # noqa: PT017 - same reason
        return
    assert report.exit_code == 1
    assert {finding.place.file for finding in found(report)} & {name, "SHA256SUMS", ""}
