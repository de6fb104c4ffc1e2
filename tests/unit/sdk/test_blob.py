"""The disclosure of a blob: one spelling, strictly read."""

import pytest

from tallystick.blob import (
    MAX_BLOB_BYTES,
    BlobRef,
    parse_blob,
    parse_blob_name,
    print_absence,
    print_blob,
)
from tallystick.errors import RecordError

SHA = "ab" * 32


def test_what_is_printed_is_read_again() -> None:
    ref = BlobRef(SHA, 17)
    assert parse_blob(print_blob(ref)) == ref
    assert ref.name == f"sha256:{SHA}"
    assert print_blob(ref) == (
        f'{{"digest":"sha256:{SHA}","media_type":"application/json","size_bytes":17}}'
    )


def test_an_absence_names_no_blob() -> None:
    assert parse_blob(print_absence("too_large")) is None
    assert print_absence("no_room") == '{"absent":"no_room"}'


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"absent":"because"}',
        '{"absent":"too_large","digest":"x"}',
        f'{{"digest":"sha256:{SHA}","media_type":"application/json","size_bytes":"17"}}',
        f'{{"digest":"sha256:{SHA}","media_type":"application/json","size_bytes":true}}',
        f'{{"digest":"sha256:{SHA}","media_type":"text/plain","size_bytes":17}}',
        f'{{"digest":"sha256:{SHA}","media_type":"application/json","size_bytes":-1}}',
        f'{{"digest":"sha256:{SHA}","media_type":"application/json","size_bytes":{MAX_BLOB_BYTES + 1}}}',
        f'{{"digest":"sha256:{SHA}x","media_type":"application/json","size_bytes":17}}',
        f'{{"digest":"{SHA}","media_type":"application/json","size_bytes":17}}',
        f'{{"size_bytes":17,"digest":"sha256:{SHA}","media_type":"application/json"}}',
        "\ud800",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(RecordError):
        parse_blob(text)


def test_the_largest_blob_is_one() -> None:
    ref = BlobRef(SHA, MAX_BLOB_BYTES)
    assert parse_blob(print_blob(ref)) == ref


@pytest.mark.parametrize(
    "name", ["", SHA, f"sha256:{SHA.upper()}", f"sha512:{SHA}", f"sha256:{SHA}\n"]
)
def test_a_name_is_sha256_and_its_digits(name: str) -> None:
    with pytest.raises(RecordError):
        parse_blob_name(name)
    assert parse_blob_name(f"sha256:{SHA}") == SHA
