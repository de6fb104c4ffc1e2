"""The small files of a package: manifest, digests, public key."""

import pytest

from tallystick.errors import VerificationError
from tallystick.profile import encode
from tallystick.tlog.encoding import to_base64
from tallystick.verify.manifest import (
    CONTENT_FILES,
    PACKAGE_FILES,
    parse_manifest,
    parse_public_key,
    parse_sums,
    print_public_key,
    print_sums,
)
from tests.keys import key_pair

KEY = key_pair("log.example/tenant").public_key
MANIFEST = {
    "counts": {},
    "created_us": 1,
    "files": {},
    "format": "tallystick.package/v1",
    "from_index": 0,
    "from_us": 0,
    "origin": "o",
    "software": "s",
    "to_index": 0,
    "to_us": 0,
    "tree_size": 0,
}


def test_a_package_has_fifteen_files() -> None:
    assert len(PACKAGE_FILES) == len(set(PACKAGE_FILES)) == 15
    assert set(CONTENT_FILES) < set(PACKAGE_FILES)


def test_a_public_key_is_read_as_it_is_printed() -> None:
    assert parse_public_key(print_public_key(KEY)) == KEY


@pytest.mark.parametrize(
    "pem",
    [
        "",
        print_public_key(KEY)[:-1],
        print_public_key(KEY).replace("\n", "\r\n"),
        print_public_key(KEY) + "\n",
        print_public_key(KEY[:-1]),
        "-----BEGIN PUBLIC KEY-----\n" + to_base64(KEY) + "\n-----END PUBLIC KEY-----\n",
        print_public_key(bytes(32)),
    ],
)
def test_any_other_key_file_is_refused(pem: str) -> None:
    with pytest.raises(VerificationError):
        parse_public_key(pem)


def test_a_manifest_is_read_strictly() -> None:
    assert parse_manifest(encode(MANIFEST)) == MANIFEST
    with pytest.raises(VerificationError, match=r"of format 'x': expected tallystick.package/v1"):
        parse_manifest(encode({**MANIFEST, "format": "x"}))
    with pytest.raises(VerificationError, match="other keys or types"):
        parse_manifest(encode({**MANIFEST, "more": 1}))


def test_sums_are_read_as_they_are_printed() -> None:
    digests = {"b": "1" * 64, "a": "0" * 64}
    text = f"{'0' * 64}  a\n{'1' * 64}  b\n"
    assert print_sums(digests) == text
    assert parse_sums(text) == digests
    assert parse_sums("") == {}


@pytest.mark.parametrize(
    "text",
    [
        f"{'0' * 64} a\n",
        f"{'0' * 64}  a",
        f"{'0' * 64}  a\n\n",
        f"{'0' * 63}  a\n",
        f"{'A' * 64}  a\n",
        f"{'0' * 64}  b\n{'0' * 64}  a\n",
        f"{'0' * 64}  a\n{'0' * 64}  a\n",
        f"{'0' * 64}  ../a\n",
        f"{'0' * 64}  a\r\n",
    ],
)
def test_sums_in_another_form_are_refused(text: str) -> None:
    with pytest.raises(VerificationError, match="one form"):
        parse_sums(text)
