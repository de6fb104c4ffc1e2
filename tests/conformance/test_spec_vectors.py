"""The vectors of the specification are what the code makes, and the code reads them as they say."""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tallystick.capture.receipt import META_KEY, read_receipt, stated_receipt
from tallystick.errors import RecordError
from tallystick.event import parse_record
from tallystick.tlog.checkpoint import open_checkpoint
from tallystick.tlog.dsse import open_envelope
from tallystick.tlog.ed25519 import load_verify
from tallystick.tlog.note import parse_vkey
from tallystick.tlog.proofs import verify_consistency, verify_inclusion, verify_range
from tallystick.tlog.seal import parse_seal, verify_seal
from tallystick.tlog.tree import leaf_hash, root_of
from tests.conformance.spec_vectors import FOLDER, VECTORS, text
from tests.patience import PATIENCE_S
from tests.requirements import requirement


def vectors(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", VECTORS)
def test_the_committed_vectors_are_what_the_code_makes(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == text(name)


@requirement("record.exact-bytes")
@pytest.mark.parametrize("vector", vectors("record")["accepted"], ids=lambda v: v["case"])
def test_a_record_of_the_specification_is_read(vector: dict[str, str]) -> None:
    record = parse_record(vector["body"])
    assert base64.b64encode(record.leaf_hash).decode() == vector["leaf_hash"]
    assert record.body == vector["body"]


@requirement("record.no-floats", "record.one-form", "record.disclosures-bound")
@pytest.mark.parametrize("vector", vectors("record")["refused"], ids=lambda v: v["case"])
def test_a_malformed_record_of_the_specification_is_refused(vector: dict[str, str]) -> None:
    with pytest.raises(RecordError):
        parse_record(vector["body"])


def test_the_session_of_the_specification_verifies() -> None:
    seal = vectors("seal")
    key, verify = parse_vkey(seal["session_vkey"]), load_verify()
    first, second = (parse_seal(body) for body in seal["seals"])
    verify_seal(first, key, verify)
    verify_seal(second, key, verify)
    assert first.root == second.old_root
    leaves = [leaf_hash(leaf.encode()) for leaf in seal["leaves"]]
    assert list(first.leaf_hashes + second.leaf_hashes) == leaves
    payload = open_envelope(
        seal["delegation"],
        "application/vnd.tallystick.session+json",
        parse_vkey(seal["emitter_vkey"]),
        verify,
    )
    assert json.loads(payload)["key"] == seal["session_vkey"]


def test_the_log_of_the_specification_verifies() -> None:
    log = vectors("log")
    checkpoint = open_checkpoint(log["checkpoint"], [parse_vkey(log["log_vkey"])], load_verify())
    leaves = [leaf_hash(entry.encode()) for entry in log["entries"]]
    root = root_of(leaves)
    assert (checkpoint.size, checkpoint.root) == (5, root)
    one = log["inclusion"]
    verify_inclusion(leaves[one["index"]], one["index"], 5, hashes(one["proof"]), root)
    grown = log["consistency"]
    verify_consistency(3, 5, hashes(grown["proof"]), root_of(leaves[:3]), root)
    part = log["range"]
    verify_range(1, leaves[1:3], 5, hashes(part["left"]), hashes(part["right"]), root)


@pytest.mark.parametrize("vector", vectors("receipt")["calls"], ids=lambda v: v["case"])
def test_a_receipt_of_the_specification_gives_its_digest(vector: dict[str, Any]) -> None:
    meta = vectors("receipt")["meta"]
    given, params = meta[META_KEY], vector["params"]
    expected = hashlib.sha256(bytes.fromhex(given["nonce"]) + vector["canonical"].encode())
    assert vector["digest"] == expected.hexdigest()
    assert stated_receipt(meta, params) == {
        "receipt.digest": vector["digest"],
        "receipt.record": given["record"],
    }


@pytest.mark.parametrize("meta", vectors("receipt")["no_receipt"], ids=str)
def test_what_the_specification_calls_no_receipt_is_none(meta: dict[str, Any]) -> None:
    assert read_receipt(meta) is None


@requirement("receipt.digest")
def test_another_language_computes_the_same_digests_from_the_specification() -> None:
    program = Path(__file__).with_name("receipt.mjs")
    done = subprocess.run(
        ["node", str(program), str(FOLDER / "receipt.json")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [one["digest"] for one in vectors("receipt")["calls"]]


def hashes(texts: list[str]) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]
