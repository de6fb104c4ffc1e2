"""The blobs of a store: kept under the digest of their bytes, whole or not at all."""

import hashlib
from pathlib import Path

import pytest

from tallystick.errors import RecordError, StoreError
from tallystick_store.blobs import BlobFiles, blob_digest
from tests.requirements import requirement

CONTENT = b'{"rows":[1,2,3]}' * 40_000
SHA = hashlib.sha256(CONTENT).hexdigest()


def read(blobs: BlobFiles, sha256: str = SHA) -> bytes | None:
    blocks = blobs.blocks(sha256)
    return None if blocks is None else b"".join(blocks)


@requirement("sdk.large-values")
def test_what_is_put_is_read_again_and_put_twice_is_one_file(tmp_path: Path) -> None:
    blobs = BlobFiles(tmp_path / "blobs")
    assert read(blobs) is None
    for _ in range(2):
        blobs.put(SHA, CONTENT)
    assert read(blobs) == CONTENT
    [path] = [one for one in (tmp_path / "blobs").rglob("*") if one.is_file()]
    assert path == tmp_path / "blobs" / SHA[:2] / SHA == blobs.path(SHA)
    assert blob_digest(CONTENT) == SHA


@requirement("sdk.large-values")
def test_bytes_of_another_digest_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="a blob has the SHA-256"):
        BlobFiles(tmp_path).put(SHA, CONTENT[1:])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../" + "a" * 61, SHA.upper(), f"{SHA}\n"])
def test_a_name_that_is_no_digest_leads_nowhere(tmp_path: Path, name: str) -> None:
    blobs = BlobFiles(tmp_path)
    with pytest.raises(StoreError):
        blobs.blocks(name)
    with pytest.raises(StoreError):
        blobs.put(name, CONTENT)


def test_a_folder_that_cannot_be_written_is_an_error_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file in its place")
    blobs = BlobFiles(tmp_path / "blobs")
    with pytest.raises(StoreError, match="cannot be written"):
        blobs.put(SHA, CONTENT)
    assert read(blobs) is None
