"""Recall and precision on a seeded corpus of five countries; see `corpus`."""

import base64
import binascii
import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from tests.requirements import requirement
from tests.unit.masking.corpus import Case, negatives, positives
from tests.unit.masking.maskers import MASKER

pytestmark = requirement("mask.detectors-validate")

RECALL = 0.98
FALSE_HITS_PER_DOCUMENT = 0.01


def canonical(text: str) -> str:
    return "".join(filter(str.isalnum, text)).lower()


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    else:
        yield str(value)


def readable(value: object) -> str:
    """Read everything that a reader of the output could read, encodings undone, in canonical form."""
    found: list[str] = []
    for text in texts(value):
        found += text, unquote(unquote(text))
        for run in re.findall(r"[A-Za-z0-9+/]{8,}={0,2}", text):
            try:
                found.append(base64.b64decode(run).decode())
            except (binascii.Error, UnicodeDecodeError):
                continue
    return "\0".join(map(canonical, found))


def leaks(case: Case) -> bool:
    return canonical(case.value) in readable(MASKER.mask(case.document).value)


@pytest.mark.parametrize("seed", [11, 12])
def test_of_each_kind_at_least_98_in_100_values_are_gone_from_the_output(seed: int) -> None:
    drawn, leaked = Counter[str](), Counter[str]()
    for case in positives(seed, per_kind=300):
        drawn[case.kind] += 1
        leaked[case.kind] += leaks(case)
    recall = {kind: 1 - leaked[kind] / drawn[kind] for kind in drawn}
    assert all(found >= RECALL for found in recall.values()), recall


def test_documents_without_personal_data_stay_as_they_are() -> None:
    documents = negatives(21, 1500)
    hits = sum(sum(MASKER.mask(document).hits.values()) for document in documents)
    assert hits <= FALSE_HITS_PER_DOCUMENT * len(documents)


def test_the_measure_sees_a_leak() -> None:
    assert canonical("07700 900123") in readable({"a": ["cGhvbmUgMDc3MDAgOTAwMTIz"]})
    assert canonical("jane@example.com") in readable("m=jane%2540example.com")
