"""Opening a package: what its small files say must be one story, else there is no source at all."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.checkpoint import Checkpoint, sign_checkpoint
from tallystick.verify.package import PackageSource
from tests.builder import ORIGIN, Log, sample_log
from tests.forge import Forgery
from tests.keys import key_pair
from tests.verifying import messages, steps, verify_package


@pytest.fixture(scope="module")
def log() -> Log:
    return sample_log()


@pytest.fixture
def forgery(log: Log) -> Forgery:
    return Forgery.of(log.package(3, 20))


def opened(folder: Path, forgery: Forgery) -> PackageSource:
    path = folder / "package.zip"
    path.write_bytes(forgery.package())
    return PackageSource(path)


def test_facts_are_those_of_the_small_files(tmp_path: Path, log: Log, forgery: Forgery) -> None:
    source = opened(tmp_path, forgery)
    facts = source.facts
    assert (facts.kind, facts.name, facts.origin) == ("package", "package.zip", ORIGIN)
    assert (facts.start, facts.stop, facts.tree_size) == (3, 20, 32)
    assert facts.checkpoint == log.notes[-1]
    assert facts.file_key == log.key.public_key
    assert facts.counts == {"event": 11, "seal": 5, "spans": 1}
    assert not facts.is_whole
    assert not list(source.log_files())
    assert source.log_file("tile/0/000") is None
    source.close()


def manifest(**changes: Any) -> Callable[[Forgery], None]:
    return lambda forgery: forgery.edit_manifest(lambda stated: stated.update(changes))


def file(name: str, content: bytes) -> Callable[[Forgery], None]:
    return lambda forgery: forgery.files.update({name: content})


OTHER = key_pair("log.example/other")
OTHER_NOTE = sign_checkpoint(Checkpoint(OTHER.name, 32, bytes(32)), OTHER.sign, OTHER.public_key)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (manifest(origin="log.example/other"), "name another log or tree size"),
        (manifest(tree_size=31), "name another log or tree size"),
        (file("checkpoint", OTHER_NOTE.encode()), "name another log or tree size"),
        (manifest(from_index=-1), r"\[-1, 20\) is no range of 32 entries"),
        (manifest(from_index=21), r"\[21, 20\) is no range"),
        (manifest(to_index=33), r"\[3, 33\) is no range"),
        (manifest(format="tallystick.package/v2"), "of format"),
        (file("manifest.json", b"{}"), "other keys or types"),
        (file("checkpoint", b"\xff"), "checkpoint is not UTF-8"),
        (file("checkpoint", b"x"), "no signatures"),
        (file("range-proof.json", b"[]"), "range-proof.json is not a JSON object"),
        (file("range-proof.json", b'{"left":[],"right":["AA=="]}'), "the range proof is not"),
        (file("log-key.pem", b"x"), "log-key.pem is not"),
        (file("policy-claimed.txt", b"\xff"), "policy-claimed.txt is not UTF-8"),
    ],
)
def test_a_package_that_contradicts_itself_cannot_be_opened(
    tmp_path: Path, forgery: Forgery, edit: Callable[[Forgery], None], message: str
) -> None:
    edit(forgery)
    with pytest.raises(VerificationError, match=message):
        opened(tmp_path, forgery)


def verdict(log: Log, forgery: Forgery) -> tuple[list[int], str]:
    report = verify_package(forgery.package(), log.policy())
    return steps(report), messages(report, 1)


def test_a_file_that_differs_is_named_by_both_lists(log: Log, forgery: Forgery) -> None:
    forgery.files["README.txt"] += b"more"
    found, text = verdict(log, forgery)
    assert found == [1]
    assert "README.txt: is not the file that SHA256SUMS names" in text
    assert "README.txt: is not the file that the manifest names" in text


def test_a_manifest_that_differs_is_named(log: Log, forgery: Forgery) -> None:
    forgery.edit_manifest(lambda stated: stated.update(software="other"))
    found, text = verdict(log, forgery)
    assert found == [1]
    assert text == "manifest.json: is not the file that SHA256SUMS names"


def test_sums_of_files_that_are_not_there_are_named(log: Log, forgery: Forgery) -> None:
    forgery.files["SHA256SUMS"] += b"0" * 64 + b"  verify.sh\n"
    _, text = verdict(log, forgery)
    assert "verify.sh: is not the file that SHA256SUMS names" in text


def test_a_signature_that_does_not_hold_is_named(log: Log, forgery: Forgery) -> None:
    forgery.files["SHA256SUMS.sig"] = bytes(64)
    found, text = verdict(log, forgery)
    assert found == [1]
    assert "no signature of SHA256SUMS" in text


def test_files_signed_by_another_key_than_the_policy_names_are_refused(
    log: Log, forgery: Forgery
) -> None:
    found, text = verdict(log, forgery.sign(key_pair(ORIGIN, "other")))
    assert found == [1]
    assert "log-key.pem: is not the log's key" in text


def test_a_line_in_another_form_stops_the_file_and_is_named(log: Log, forgery: Forgery) -> None:
    forgery.files["context.ndjson"] = b"{}\n" + forgery.files["context.ndjson"]
    report = verify_package(forgery.sign(log.key).package(), log.policy())
    assert (report.exit_code, report.is_complete) == (1, False)
    assert "context.ndjson, line 1: a context line has other keys" in messages(report, 1)


def test_a_package_of_no_entries_holds(log: Log) -> None:
    report = verify_package(log.package(4, 4), log.policy())
    assert (report.exit_code, report.start, report.stop) == (0, 4, 4)


def test_a_package_may_begin_at_any_entry_and_end_at_any(log: Log) -> None:
    size = len(log.entries_list)
    for start in range(0, size, 3):
        for stop in range(start, size + 1, 5):
            report = verify_package(log.package(start, stop), log.policy())
            assert report.exit_code == 0, (start, stop, report.text)
