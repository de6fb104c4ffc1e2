"""Garbage of any kind gives a verdict: the verifier raises VerificationError and nothing else."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.errors import VerificationError
from tallystick.verify.lines import (
    parse_context_line,
    parse_event_line,
    parse_head_line,
    parse_record_line,
    parse_seal_line,
    parse_spans_line,
)
from tallystick.verify.manifest import parse_manifest, parse_public_key, parse_sums
from tallystick.verify.package import PackageSource
from tallystick.verify.policy import parse_policy
from tallystick.verify.standalone import report_on
from tests.builder import sample_log
from tests.forge import Forgery
from tests.mutations import mutated
from tests.requirements import requirement

pytestmark = requirement("verify.only-its-own-error")

LOG = sample_log()
WHOLE, PART = LOG.package(), LOG.package(10, 24)
Given = TypeVar("Given", bytes, str)
NAMES = sorted(Forgery.of(WHOLE).files)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=8,
)


def refusal(parse: Callable[[Given], object], given_text: Given) -> str | None:
    """Give the verifier's own words of refusal, None when it accepts; other errors go through."""
    try:
        parse(given_text)
    except VerificationError as error:
        return str(error)
    return None


def verdict(content: bytes) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "package.zip"
        path.write_bytes(content)
        report = report_on("package", path.name, lambda: PackageSource(path), LOG.policy())
        assert report.text
        assert report.json
        return report.exit_code


@given(st.binary(max_size=300))
def test_random_bytes_are_no_package(content: bytes) -> None:
    assert verdict(content) == 1


@settings(max_examples=200)
@given(st.data())
def test_a_zip_with_changed_bytes_gives_a_verdict(data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(
            st.integers(0, len(content) - 1) | st.integers(len(content) - 1200, len(content) - 1)
        )
        content[position] = data.draw(st.integers(0, 255))
    end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
    assert verdict(bytes(content[:end])) in (0, 1)


@settings(max_examples=150)
@given(st.sampled_from(NAMES), st.binary(max_size=200), st.booleans())
def test_a_file_of_random_bytes_gives_a_verdict(name: str, content: bytes, is_signed: bool) -> None:
    forgery = Forgery.of(WHOLE)
    forgery.files[name] = content
    if is_signed and name != "manifest.json":
        forgery.sign(LOG.key)
    assert verdict(forgery.package()) in (0, 1)


@settings(max_examples=150)
@given(st.integers(1_000, 10**9), st.booleans())
def test_a_mutated_package_gives_a_verdict(number: int, is_whole: bool) -> None:
    assert verdict(mutated(WHOLE if is_whole else PART, number, LOG.key)) in (0, 1)


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_every_parser_of_bytes_refuses_garbage_in_its_own_words(content: bytes) -> None:
    parsers: tuple[Callable[[bytes], object], ...] = (
        parse_event_line,
        parse_seal_line,
        parse_spans_line,
        parse_context_line,
        parse_head_line,
        parse_record_line,
        parse_manifest,
    )
    for parse in parsers:
        assert refusal(parse, content) != ""


@given(st.text(max_size=200))
def test_every_parser_of_text_refuses_garbage_in_its_own_words(text: str) -> None:
    parsers: tuple[Callable[[str], object], ...] = (parse_policy, parse_public_key, parse_sums)
    for parse in parsers:
        assert refusal(parse, text) != ""
