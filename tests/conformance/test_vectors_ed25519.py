"""Wycheproof's and CCTV's signatures: right verdicts, and one verdict from both verifiers."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tallystick.errors import VerificationError
from tallystick.tlog.ed25519 import Ed25519Verify, check_public_key, load_verify, verify_pure
from tests import vectors
from tests.requirements import requirement

VERIFIERS: dict[str, Ed25519Verify] = {"pure": verify_pure, "openssl": load_verify()}

pytestmark = requirement("tlog.signatures")


def document(name: str) -> Any:
    """Give the parsed file, or None where the folder of vectors is absent."""
    files = vectors.files(name)
    assert files or vectors.folder() is None, f"the vectors are there, but not {name}"
    return json.loads(files[0].read_text(encoding="utf-8")) if files else None


def admitted(public_key: bytes) -> bool:
    try:
        check_public_key(public_key)
    except VerificationError:
        return False
    return True


def wycheproof() -> list[tuple[str, bytes, bytes, bytes, bool]]:
    groups = (document("wycheproof/ed25519_test.json") or {"testGroups": []})["testGroups"]
    return [
        (
            f"tcId {test['tcId']} {test['comment']}",
            bytes.fromhex(group["publicKey"]["pk"]),
            bytes.fromhex(test["sig"]),
            bytes.fromhex(test["msg"]),
            test["result"] == "valid",
        )
        for group in groups
        for test in group["tests"]
    ]


def cctv() -> list[dict[str, Any]]:
    return list(document("cctv/ed25519vectors.json") or [])


@pytest.mark.parametrize("name", VERIFIERS)
def test_wycheproof_signatures_get_the_stated_verdict(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    tests = wycheproof()
    assert tests or vectors.folder() is None
    record_property(vectors.PROPERTY, len(tests))
    print(f"wycheproof ed25519, {name}: {vectors.summary(len(tests))}")
    wrong = [
        label
        for label, public_key, signature, message, expected in tests
        if VERIFIERS[name](public_key, signature, message) is not expected
    ]
    assert wrong == []


def test_wycheproof_keys_are_admitted() -> None:
    assert [label for label, key, _, _, _ in wycheproof() if not admitted(key)] == []


def test_both_verifiers_agree_on_every_admitted_key_of_cctv(
    record_property: Callable[[str, object], None],
) -> None:
    tests = cctv()
    assert tests or vectors.folder() is None
    record_property(vectors.PROPERTY, len(tests))
    print(f"cctv ed25519: {vectors.summary(len(tests))}")
    for test in tests:
        key, signature = bytes.fromhex(test["key"]), bytes.fromhex(test["sig"])
        message = test["msg"].encode()
        verdicts = {name: verify(key, signature, message) for name, verify in VERIFIERS.items()}
        if verdicts["pure"] != verdicts["openssl"]:
            assert not admitted(key), f"vector {test['number']}: {verdicts}"


def test_no_key_of_cctv_with_a_small_order_part_or_another_spelling_is_admitted() -> None:
    tests = cctv()
    suspect = {"low_order_A", "low_order_component_A", "non_canonical_A"}
    for test in tests:
        key = bytes.fromhex(test["key"])
        assert admitted(key) is not bool(suspect & set(test["flags"] or [])), test["number"]
    assert vectors.folder() is None or any(admitted(bytes.fromhex(test["key"])) for test in tests)
