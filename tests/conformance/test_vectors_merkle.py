"""The proofs of transparency-dev/merkle, good ones and bad ones, get the verdicts they state."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tallystick.errors import VerificationError
from tallystick.tlog.proofs import verify_consistency, verify_inclusion
from tests import vectors
from tests.requirements import requirement

REFUSED_ON_PURPOSE = {"sizes-are-equal-one-and-proof-is-empty.json"}
"""States that two trees of size 1 agree, with roots of 12 bytes: no root here is that short."""

pytestmark = requirement("tlog.tree")


def holds(verify: Callable[..., None], *statement: Any) -> bool:
    try:
        verify(*statement)
    except VerificationError:
        return False
    return True


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def proof_of(vector: dict[str, Any]) -> list[bytes]:
    return [decoded(step) for step in vector["proof"] or []]


def inclusion_holds(vector: dict[str, Any]) -> bool:
    return holds(
        verify_inclusion,
        decoded(vector["leafHash"]),
        vector["leafIdx"],
        vector["treeSize"],
        proof_of(vector),
        decoded(vector["root"]),
    )


def consistency_holds(vector: dict[str, Any]) -> bool:
    return holds(
        verify_consistency,
        vector["size1"],
        vector["size2"],
        proof_of(vector),
        decoded(vector["root1"]),
        decoded(vector["root2"]),
    )


def wrong_verdicts(files: list[Path], verdict: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Name the files whose vector gets another verdict than it states."""
    wrong = []
    for file in files:
        vector = json.loads(file.read_text(encoding="utf-8"))
        should_hold = not vector["wantErr"] and file.name not in REFUSED_ON_PURPOSE
        if verdict(vector) != should_hold:
            wrong.append(f"{file.parent.name}/{file.name}: expected {should_hold}")
    return wrong


def counted(pattern: str, record_property: Callable[[str, object], None]) -> list[Path]:
    """Give the files of a pattern and say how many there are; none only where the folder is."""
    files = vectors.files(pattern)
    assert files or vectors.folder() is None, f"the vectors are there, but no {pattern}"
    record_property(vectors.PROPERTY, len(files))
    print(f"{pattern}: {vectors.summary(len(files))}")
    return files


def test_inclusion_proofs_get_the_stated_verdict(
    record_property: Callable[[str, object], None],
) -> None:
    files = counted("merkle/inclusion/**/*.json", record_property)
    assert wrong_verdicts(files, inclusion_holds) == []


def test_consistency_proofs_get_the_stated_verdict(
    record_property: Callable[[str, object], None],
) -> None:
    files = counted("merkle/consistency/**/*.json", record_property)
    assert wrong_verdicts(files, consistency_holds) == []


def test_the_vector_that_is_refused_on_purpose_is_there_and_has_a_short_root() -> None:
    odd = vectors.files("merkle/consistency/additional/sizes-are-equal-one-and-proof-is-empty.json")
    assert odd or vectors.folder() is None
    for file in odd:
        vector = json.loads(file.read_text(encoding="utf-8"))
        assert vector["wantErr"] is False
        assert len(decoded(vector["root1"])) == 12
